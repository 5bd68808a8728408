"""The report of one search as a self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nas_lib.config import LoopConfig
from nas_lib.records import ChildRow, Problem
from nas_lib.report import curves
from nas_lib.report.document import document, facts, key_figure, paragraph, section
from nas_lib.report.markup import Markup, join, tag
from nas_lib.report.pictures import network_picture, picture_key
from nas_lib.report.search_charts import search_charts
from nas_lib.report.search_tables import (
    all_children,
    leaderboard_section,
    problems_table,
    replicas_section,
    trouble_section,
)
from nas_lib.report.search_words import configuration, explanations, reproduction
from nas_lib.report.shared_course import shared_course
from nas_lib.report.shared_section import (
    course_figures,
    course_section,
    derivation_section,
    shared_facts,
)
from nas_lib.report.tables import child_score, time_left_s
from nas_lib.report.throughput import children_per_hour, updates_per_s
from nas_lib.report.view import DataSummary, SearchView
from nas_lib.report.wording import (
    NONE,
    duration_text,
    plural,
    rate_text,
    reading_name,
    reading_size,
    reading_text,
    status_text,
)


def search_page(view: SearchView) -> str:
    """Return the page."""
    return document(
        f"{view.config.name} - architecture search",
        _header(view),
        _key_figures(view),
        section("The best network", _winner(view)),
        *_course_sections(view),
        trouble_section(view),
        section("What the numbers mean", *explanations(view)),
        section("Everything else", reproduction(view), all_children(view), configuration(view)),
    )


def _course_sections(view: SearchView) -> Iterator[Markup]:
    course = shared_course(view)
    if course is not None:
        yield course_section(view, course)
        yield derivation_section(view)
    else:
        yield section("How the search went", _course(view))
        yield replicas_section(view)
        yield leaderboard_section(view)


def _header(view: SearchView) -> Markup:
    state, style = ("finished", "badge finished") if view.finished else ("not finished", "badge")
    config = view.config
    words = f"{config.controller.kind} controller, {config.space.kind} space, seed {config.seed}"
    return tag(
        "header",
        tag("h1", config.name, tag("span", state, class_=style)),
        paragraph(f"Architecture search: {words}. State in ", tag("code", view.uri)),
        paragraph(_data_sentence(view.data), class_="soft") if view.data else Markup(),
        paragraph(run_sentence(view), class_="soft") if view.run else Markup(),
    )


def run_sentence(view: SearchView) -> str:
    """Say what the run that asks has done."""
    if view.config.shared is None:
        num_learned = sum(learned.run == view.run for learned in view.learned)
        done = f"learned from {plural(num_learned, 'round')}"
    else:
        num_epochs = sum(epoch.run == view.run for epoch in view.shared_epochs)
        done = f"trained shared weights for {plural(num_epochs, 'epoch')}"
    num_problems = sum(problem.run == view.run for problem in view.problems)
    failed = plural(num_problems, "step") if num_problems else "no step"
    return f"This run, {view.run}, {done}; {failed} failed."


def problem_page(uri: str, problems: Sequence[Problem]) -> str:
    """Return an HTML page on a search that could not begin."""
    title = "No search yet"
    return document(
        title,
        tag("header", tag("h1", title), paragraph("State in ", tag("code", uri))),
        section("What went wrong", problems_table(problems)),
    )


def _data_sentence(data: DataSummary) -> str:
    if data.image_shape is None:
        return (
            f"Data: {data.source}. {data.num_train:,} words for training, {data.num_valid:,} for "
            f"validation and {data.num_test:,} for the test, {data.num_classes:,} different ones."
        )
    channels, height, width = data.image_shape
    return (
        f"Data: {data.source}. {data.num_train:,} training, {data.num_valid:,} validation and "
        f"{data.num_test:,} test images of {height} x {width} pixels "
        f"({plural(channels, 'channel')}) in {plural(data.num_classes, 'class', 'classes')}."
    )


def _key_figures(view: SearchView) -> Markup:
    best = curves.winner(view.rows)
    course = shared_course(view)
    figures = [
        key_figure(f"Best {view.measure.name}", child_score(view, best), best.id if best else ""),
        _test_figure(view, best),
        key_figure("Children", f"{len(view.rows):,}", _children_note(view)),
        *([_rounds_figure(view)] if course is None else course_figures(course)),
        key_figure(
            "Training time",
            duration_text(sum(row.seconds for row in view.rows)),
            "all children together",
        ),
    ]
    pace = updates_per_s(view.learned)
    if pace is not None:
        figures.append(_throughput_figure(pace, view.config.search))
    left_s = None if view.finished else time_left_s(view)
    if left_s is not None:
        of = "" if course is None else "of shared training, "
        note = f"{of}at the recent pace"
        figures.append(key_figure("Time left", duration_text(left_s), note))
    return facts(figures, class_="figures")


def _test_figure(view: SearchView, best: ChildRow | None) -> tuple[str, Markup]:
    if not view.test:
        name = "Test perplexity" if view.config.is_text else "Test accuracy"
        return key_figure(name, NONE, "not read yet")
    of_best = [reading for reading in view.test if best and reading.child == best.id]
    reading = (of_best or view.test)[-1]
    whose = "the best child" if of_best else reading.child
    note = f"{whose}, {reading_size(reading)}"
    return key_figure(reading_name(reading).capitalize(), reading_text(reading), note)


def _children_note(view: SearchView) -> str:
    counts = curves.status_counts(view.rows).items()
    parts = [f"{count:,} {status_text(status)}" for status, count in counts]
    parts.append(f"{view.open_children:,} open")
    return f"of {view.num_children:,}: {', '.join(parts)}"


def _rounds_figure(view: SearchView) -> tuple[str, Markup]:
    search = view.config.search
    note = f"of {search.rounds * search.replicas:,}, {search.children_per_round} children each"
    if search.replicas > 1:
        note += f", {search.replicas} replicas"
    return key_figure("Rounds learned", f"{len(view.learned):,}", note)


def _throughput_figure(pace: float, loop: LoopConfig) -> tuple[str, Markup]:
    value = rate_text(children_per_hour(pace, loop))
    return key_figure("Children per hour", value, f"{rate_text(60 * pace)} updates per minute")


def _winner(view: SearchView) -> Markup:
    best = curves.winner(view.rows)
    if best is None:
        return paragraph("No child has been trained to its end yet.")
    key = picture_key(best.architecture)
    described = tag(
        "div",
        facts(_winner_facts(view, best)),
        tag("h3", "Configuration string"),
        tag("pre", best.architecture.config),
        paragraph(key, class_="soft") if key else Markup(),
    )
    return tag("div", network_picture(best.architecture), described, class_="winner")


def _winner_facts(view: SearchView, best: ChildRow) -> Iterator[tuple[str, object]]:
    yield "Child", tag("code", best.id)
    yield "Architecture", tag("code", best.architecture.id)
    yield view.measure.name.capitalize(), child_score(view, best)
    yield "Reward", f"{best.reward:.5g}"
    for reading in view.test:
        if reading.child == best.id:
            yield reading_name(reading).capitalize(), reading_text(reading)
    yield from shared_facts(view, best.id)
    yield "Parameters", _exact(best.num_parameters)
    yield "Multiply-adds per example", _exact(best.num_multiply_adds)
    yield "Training time", duration_text(best.seconds)


def _exact(count: int | None) -> str:
    return NONE if count is None else f"{count:,}"


def _course(view: SearchView) -> Markup:
    if not any(row.counts for row in view.rows):
        return paragraph("There is no counted child yet.")
    return join(search_charts(view), paragraph(_repeats(view), class_="soft"))


def _repeats(view: SearchView) -> str:
    repeated = curves.repeated_architectures(view.rows)
    different = len(view.rows) - sum(repeated.values()) + len(repeated)
    sentence = f"{plural(different, 'different architecture')} tried"
    return f"{sentence}, {len(repeated):,} of them more than once." if repeated else f"{sentence}."
