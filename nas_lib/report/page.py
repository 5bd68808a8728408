"""The report of one search as a self-contained HTML page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from nas_lib.config_file import identity_settings, to_yaml
from nas_lib.named_objects import INLINE
from nas_lib.records import ChildRow, Problem, TestReading
from nas_lib.report.children import (
    all_children,
    child_id,
    child_score,
    children_note,
    seeds_text,
    standing_score,
)
from nas_lib.report.classes import class_parts
from nas_lib.report.contenders import numbers
from nas_lib.report.curves import children_charts
from nas_lib.report.formatting import (
    NONE,
    duration_text,
    hours_text,
    score_text,
    status_text,
    time_text,
    titled,
)
from nas_lib.report.labels import label_parts
from nas_lib.report.markup import Figure, Number, render, scrolled, table, tag
from nas_lib.report.model import model_parts
from nas_lib.report.numbers import number_parts
from nas_lib.report.pictures import network_picture, picture_key
from nas_lib.report.reporter import Reporter, reporter_of
from nas_lib.report.succession import succession_section
from nas_lib.report.summary import reading_size
from nas_lib.results import SearchView
from nas_lib.results.shared_progress import shared_progress
from nas_lib.results.throughput import work_done

_MAX_PROBLEMS = 100
_PROBLEMS = "Steps that could not do their work"


def search_page(view: SearchView) -> str:
    """Return the page."""
    reporter = reporter_of(view)
    best = reporter.best()
    failed = [row for row in view.judged if row.status != "ok"]
    title, children = all_children(view)
    return render(
        reporter.template,
        view=view,
        config=view.config,
        run_sentence=reporter.run_sentence() if view.run else "",
        run_problems=_problems(view.run_problems, caption="What this run could not do"),
        lost_runs=[reporter.lost_run_sentence(plan) for plan in view.lost_runs[-_MAX_PROBLEMS:]],
        figures=list(_figures(view, reporter, best)),
        winner=None if best is None else _winner(view, reporter, best),
        failures=_failures(failed),
        problems=_problems(view.problems),
        needs_python=_needs_python(view),
        all_children_title=title,
        all_children=children,
        configuration=to_yaml(view.config.shown()),
        model=model_parts(view) if _has_model(view, reporter) else None,
        learning=children_charts(view, best),
        **_classes(view, best, reporter.final_reading()),
        succession=succession_section(view),
        **reporter.page_parts(),
    )


def _has_model(view: SearchView, reporter: Reporter) -> bool:
    """Say whether there is, or may be, a network to use: one that was trained here."""
    return reporter.is_of_search and view.config.final.children is not None


def problem_page(uri: str, problems: Sequence[Problem]) -> str:
    """Return an HTML page on a search that could not begin."""
    return render("problem.html", uri=uri, problems=_problems(problems))


def waiting_page(uri: str) -> str:
    """Return an HTML page on a place where no search has begun."""
    return render("waiting.html", uri=uri)


def _figures(view: SearchView, reporter: Reporter, best: ChildRow | None) -> Iterator[Figure]:
    """Yield the numbers that stand out at the top."""
    name = f"Best {view.measure.name}"
    yield Figure(name, _best_score(view, best), "" if best is None else best.id)
    if view.measure.is_held_out:
        yield _test_figure(view, best, reporter.final_reading())
    yield Figure("Children", f"{len(view.judged):,}", children_note(view))
    yield from reporter.key_figures()
    yield _cost(view)
    left_s = None if view.finished else reporter.time_left_s()
    if left_s is not None:
        note = f"{reporter.time_left_of}at the recent pace"
        yield Figure("Time left", duration_text(left_s), note)


def _best_score(view: SearchView, best: ChildRow | None) -> str:
    """Return the score of what was found, of all its trainings where it stands for several."""
    standing = view.best
    if standing is None or best != standing.row:
        return child_score(view, best)
    return standing_score(view, standing)


def _test_figure(view: SearchView, best: ChildRow | None, final: TestReading | None) -> Figure:
    name = titled(view.measure.test_name)
    whose, reading = _shown_reading(view, best, final)
    if reading is None:
        return Figure(name, NONE, "not read yet")
    score = score_text(view.measure, reading.score)
    return Figure(name, score, f"{whose}, {reading_size(view, reading)}")


def _shown_reading(
    view: SearchView, best: ChildRow | None, final: TestReading | None
) -> tuple[str, TestReading | None]:
    """Return which reading of the test stands for the search, and whose network it is of."""
    if final is not None:
        return "the final network", final
    if not view.test:
        return "", None
    of_best = [reading for reading in view.test if best and reading.child == best.id]
    reading = (of_best or view.test)[-1]
    return "the best child" if of_best else reading.child, reading


def _classes(
    view: SearchView, best: ChildRow | None, final: TestReading | None
) -> dict[str, object]:
    """Return the test class by class, or likewise, by name; and whose network it is of."""
    whose, reading = _shown_reading(view, best, final)
    names = () if view.data is None else view.data.class_names
    example = "image" if view.data is None else view.data.example
    return {
        "whose": f"This is {whose}.",
        "classes": class_parts(reading, names, example=example),
        "labels": label_parts(reading, names),
        "numbers": number_parts(reading, names),
    }


def _cost(view: SearchView) -> Figure:
    """Return the hours that all trainings took together, and how many of them were the search's."""
    children_s = sum(row.seconds for row in view.rows)
    shared = shared_progress(view)
    parts = {
        "shared weights": shared.training_s + shared.controller_s + (shared.deriving_s or 0.0),
        "children": children_s,
        "final trainings": sum(row.seconds for final in view.finals for row in final.rows),
    }
    took = [f"{name} {duration_text(seconds)}" for name, seconds in parts.items() if seconds]
    marks = work_done(view.learned, view.began_s)
    if marks and marks[-1].active_s:
        took.append(f"the search took {duration_text(marks[-1].active_s)} by the clock")
    note = f"of training: {', '.join(took)}" if took else "of training"
    return Figure("Cost", hours_text(sum(parts.values())), note)


def _winner(view: SearchView, reporter: Reporter, best: ChildRow) -> dict[str, object]:
    plan = view.plan(best.architecture)
    return {
        "picture": scrolled(
            network_picture(best.architecture, plan), "Picture of the network", class_="picture"
        ),
        "picture_key": picture_key(plan),
        "facts": list(_winner_facts(view, reporter, best)),
        "config": best.architecture.config,
    }


def _winner_facts(
    view: SearchView, reporter: Reporter, best: ChildRow
) -> Iterator[tuple[str, object]]:
    yield "Child", tag("code", best.id)
    yield "Architecture", tag("code", best.architecture.id)
    yield titled(view.measure.name), child_score(view, best)
    if view.best and best == view.best.row and view.best.is_confirmed:
        num = len(view.best.seeds.scores)
        yield f"Mean of {num} trainings", seeds_text(view.measure, view.best.seeds)
    yield "Reward", f"{best.reward:.5g}"
    for reading in view.test:
        if reading.child == best.id:
            yield titled(view.measure.test_name), score_text(view.measure, reading.score)
            for name, number in numbers(reading).items():
                yield f"Test {name}", number.text
    yield from reporter.child_facts(best.id)
    yield "Parameters", _exact(best.num_parameters)
    yield "Multiply-adds per example", _exact(best.num_multiply_adds)
    yield "Training time", duration_text(best.seconds)


def _exact(count: int | None) -> str:
    return NONE if count is None else f"{count:,}"


def _failures(failed: Sequence[ChildRow]) -> Markup:
    """Return what became of children that failed, what is alike in one line."""
    if not failed:
        return Markup()
    counts = Counter((row.status, row.message) for row in failed)
    examples = {(row.status, row.message): row for row in failed}
    rows = [
        (
            status_text(kind[0]),
            kind[1] or NONE,
            Number(f"{count:,}", count),
            child_id(examples[kind].id),
        )
        for kind, count in counts.most_common(_MAX_PROBLEMS)
    ]
    head = ("What happened", "Message", Number("How many"), "For example")
    return table(head, rows, caption="Children that failed")


def _problems(problems: Sequence[Problem], *, caption: str = _PROBLEMS) -> Markup:
    """Return what runs could not do, nothing where they could do all."""
    if not problems:
        return Markup()
    rows = [
        (time_text(problem.created_s), problem.run, problem.step, problem.message)
        for problem in problems[-_MAX_PROBLEMS:]
    ]
    return table(("When", "Run", "Step", "Message"), rows, caption=caption)


def _needs_python(view: SearchView) -> bool:
    """Say whether the search has objects of a Python process, which no file names."""
    settings = identity_settings(view.config)
    return INLINE in (settings.get("space.object"), settings.get("children.evaluate"))
