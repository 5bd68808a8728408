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
from nas_lib.report.contenders import numbers
from nas_lib.report.formatting import (
    NONE,
    duration_text,
    score_text,
    status_text,
    time_text,
    titled,
)
from nas_lib.report.markup import Figure, Number, render, table, tag
from nas_lib.report.model import model_parts
from nas_lib.report.pictures import network_picture, picture_key
from nas_lib.report.reporter import Reporter, reporter_of
from nas_lib.report.summary import reading_size
from nas_lib.results import SearchView

_MAX_PROBLEMS = 100


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
        run_problems=_problems(view.run_problems),
        lost_runs=[reporter.lost_run_sentence(plan) for plan in view.lost_runs[-_MAX_PROBLEMS:]],
        figures=list(_figures(view, reporter, best)),
        winner=None if best is None else _winner(view, reporter, best),
        failures=_failures(failed),
        problems=_problems(view.problems),
        needs_python=_needs_python(view),
        all_children_title=title,
        all_children=children,
        configuration=to_yaml(view.config),
        model=model_parts(view) if _has_model(view, reporter) else None,
        **reporter.page_parts(),
    )


def _has_model(view: SearchView, reporter: Reporter) -> bool:
    """Say whether there is, or may be, a network to use: one that was trained here."""
    return reporter.is_of_search and view.config.final.children is not None


def problem_page(uri: str, problems: Sequence[Problem]) -> str:
    """Return an HTML page on a search that could not begin."""
    return render("problem.html", uri=uri, problems=_problems(problems))


def _figures(view: SearchView, reporter: Reporter, best: ChildRow | None) -> Iterator[Figure]:
    """Yield the numbers that stand out at the top."""
    name = f"Best {view.measure.name}"
    yield Figure(name, _best_score(view, best), "" if best is None else best.id)
    if view.measure.is_held_out:
        yield _test_figure(view, best, reporter.final_reading())
    yield Figure("Children", f"{len(view.judged):,}", children_note(view))
    yield from reporter.key_figures()
    seconds = sum(row.seconds for row in view.rows)
    yield Figure("Training time", duration_text(seconds), "all children together")
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
    if final is not None:
        score = score_text(view.measure, final.score)
        return Figure(name, score, f"the final network, {reading_size(view, final)}")
    if not view.test:
        return Figure(name, NONE, "not read yet")
    of_best = [reading for reading in view.test if best and reading.child == best.id]
    reading = (of_best or view.test)[-1]
    whose = "the best child" if of_best else reading.child
    score = score_text(view.measure, reading.score)
    return Figure(name, score, f"{whose}, {reading_size(view, reading)}")


def _winner(view: SearchView, reporter: Reporter, best: ChildRow) -> dict[str, object]:
    plan = view.plan(best.architecture)
    return {
        "picture": network_picture(best.architecture, plan),
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
    return table(("What happened", "Message", Number("How many"), "For example"), rows)


def _problems(problems: Sequence[Problem]) -> Markup:
    """Return what runs could not do, nothing where they could do all."""
    if not problems:
        return Markup()
    rows = [
        (time_text(problem.created_s), problem.run, problem.step, problem.message)
        for problem in problems[-_MAX_PROBLEMS:]
    ]
    return table(("When", "Run", "Step", "Message"), rows)


def _needs_python(view: SearchView) -> bool:
    """Say whether the search has objects of a Python process, which no file names."""
    settings = identity_settings(view.config)
    return INLINE in (settings.get("space.object"), settings.get("children.evaluate"))
