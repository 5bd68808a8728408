"""What only the page of a search by shared weights has: key figures and sections."""

from __future__ import annotations

from collections.abc import Iterator

from nas_lib.report.correlation import Correlation
from nas_lib.report.derivation import Derivation, DerivedRow, derivation
from nas_lib.report.document import Number, key_figure, paragraph, section, table
from nas_lib.report.markup import Markup, tag
from nas_lib.report.shared_charts import derivation_charts, epoch_charts
from nas_lib.report.shared_course import SharedCourse, course_line
from nas_lib.report.shared_words import (
    against_random,
    agreements,
    judgement,
    mode_names,
    tau_text,
)
from nas_lib.report.tables import child_score
from nas_lib.report.view import SearchView
from nas_lib.report.wording import NONE, count_text, duration_text, short_config


def course_section(view: SearchView, course: SharedCourse) -> Markup:
    """Return how training the shared weights went."""
    if not view.shared_epochs:
        return section("How the search went", paragraph("No epoch is finished yet."))
    line = paragraph(course_line(course))
    return section("How the search went", line, epoch_charts(view))


def derivation_section(view: SearchView) -> Markup:
    """Return what shared weights told and what came of it, nothing before they did."""
    derived = derivation(view)
    if derived is None:
        return Markup()
    return section(
        "What was derived",
        derivation_charts(view, derived),
        tag("h3", "Do shared weights rank as training from scratch does?"),
        _agreement_table(view, derived),
        tag("h3", "Against networks drawn at random"),
        paragraph(" ".join(against_random(derived, view.measure)) or "None is trained yet."),
        tag("h3", "Every derived network"),
        _networks_table(view, derived),
    )


def shared_facts(view: SearchView, child: str) -> Iterator[tuple[str, object]]:
    """Yield what shared weights told about a child."""
    derived = derivation(view)
    rows = () if derived is None else derived.rows
    for row in rows:
        if row.child == child:
            yield "Found as", _origin(row)
            score = view.measure.text(row.shared_score)
            yield "With shared weights", f"{score}, rank {row.shared_rank} of {len(rows)}"


def _agreement_table(view: SearchView, derived: Derivation) -> Markup:
    rows = (_agreement_row(*each) for each in agreements(view, derived))
    numbers = map(Number, ("Networks", "Kendall's tau", "By chance"))
    return table(("Over", "Scores", *numbers, "In words"), rows)


def _agreement_row(name: str, mode: str, correlation: Correlation) -> tuple[object, ...]:
    error = correlation.standard_error
    return (
        name,
        mode,
        Number(f"{correlation.num:,}", correlation.num),
        Number(tau_text(correlation), correlation.tau),
        Number(NONE if error is None else f"\N{PLUS-MINUS SIGN} {error:.2f}", error),
        judgement(correlation),
    )


def _networks_table(view: SearchView, derived: Derivation) -> Markup:
    own, running = mode_names(view, derived.all)
    scores = (own, running) if running else (own,)
    heads = (name for score in scores for name in (score.capitalize(), "Rank"))
    rest = ("Parameters", "Time")
    head = (
        "Child",
        "Found as",
        *map(Number, heads),
        *map(Number, ("From scratch", "Rank", *rest)),
        "Architecture",
    )
    rows = (_network_row(view, row, has_running=bool(running)) for row in derived.rows)
    return table(head, rows)


def _network_row(view: SearchView, row: DerivedRow, *, has_running: bool) -> tuple[object, ...]:
    text, trained = view.measure.text, row.trained
    num_parameters = None if trained is None else trained.num_parameters
    seconds = None if trained is None else trained.seconds
    running = (Number(text(row.running_score), row.running_score), _rank(row.running_rank))
    return (
        tag("span", row.child, class_="id"),
        _origin(row),
        Number(text(row.shared_score), row.shared_score),
        _rank(row.shared_rank),
        *(running if has_running else ()),
        Number(child_score(view, trained), row.trained_score),
        _rank(row.trained_rank),
        Number(count_text(num_parameters), num_parameters),
        Number(NONE if seconds is None else duration_text(seconds), seconds),
        tag("code", short_config(row.architecture)),
    )


def _origin(row: DerivedRow) -> str:
    return "random" if row.is_probe else "kept"


def _rank(rank: int | None) -> Number:
    return Number(NONE if rank is None else str(rank), rank)


def course_figures(course: SharedCourse) -> list[tuple[str, Markup]]:
    """Return the key figures of training shared weights."""
    judged = f"{course.num_evaluations:,} while training, {course.num_samples:,} samples at the end"
    return [
        key_figure("Epochs", f"{course.epochs:,}", f"of {course.num_epochs:,}, of shared weights"),
        key_figure("Architectures judged", f"{course.num_judged:,}", judged),
        key_figure(
            "Shared training",
            duration_text(course.training_s + course.controller_s),
            f"{duration_text(course.controller_s)} of it controller steps",
        ),
    ]
