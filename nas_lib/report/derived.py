"""What was derived from shared weights: in sentences, on the page, and as JSON.

`modes` are what scores in the search's own mode and with running averages are called; the second
is empty where a search has no such scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from nas_lib.errors import plural
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.children import brief, child_id, child_score
from nas_lib.report.formatting import (
    NONE,
    count_text,
    duration_text,
    score_text,
    tau_text,
)
from nas_lib.report.markup import Number, chart_figure, join, table, tag
from nas_lib.results import Correlation, Derivation, Measure, SearchView
from nas_lib.results.agreement import FEW, Agreement, DerivedRow, Sample

Modes = tuple[str, str]

_PLAIN = "with shared weights"
_MODE_NAMES: dict[str, Modes] = {
    "refit": ("after refitting", "before refitting"),
    "batch": ("batch statistics", "running averages"),
    "running": (_PLAIN, "running averages"),
}


def mode_names(batch_norm: str, agreement: Agreement) -> Modes:
    """Return what scores in the search's own mode and with running averages are called."""
    return (_PLAIN, "") if agreement.running is None else _MODE_NAMES[batch_norm]


def origin(row: DerivedRow) -> str:
    """Return where a derived network comes from."""
    return "random" if row.is_probe else "kept"


# --- in sentences --------------------------------------------------------------------------------


def derived_lines(derived: Derivation, modes: Modes, measure: Measure) -> Iterator[str]:
    """Yield in lines of text what was derived."""
    for name, mode, correlation in _agreements(derived, modes):
        if correlation.num:
            yield (
                f"Kendall's tau over {name}, {mode}: {tau_text(correlation.tau)} "
                f"({plural(correlation.num, 'network')}): {judgement(correlation)}."
            )
    yield from _against_random(derived, measure)


def _agreements(derived: Derivation, modes: Modes) -> Iterator[tuple[str, str, Correlation]]:
    """Yield each rank correlation: over what, in which mode, and itself."""
    groups = {"all derived networks": derived.all}
    if any(row.is_probe for row in derived.rows):
        groups["those drawn at random"] = derived.probes
    own, running = modes
    for name, agreement in groups.items():
        yield name, own, agreement.own
        if agreement.running is not None:
            yield name, running, agreement.running


def judgement(correlation: Correlation) -> str:
    """Return what a correlation shows and what it does not."""
    if correlation.tau is None:
        return "nothing to rank"
    if correlation.is_distinguishable:
        verdict = "alike" if correlation.tau > 0 else "the other way round"
        words = f"ranked {verdict}, more than chance would have it"
    else:
        words = "not distinguishable from 0"
    return f"{words}; fewer than {FEW}, so a hint at most" if correlation.is_few else words


def _against_random(derived: Derivation, measure: Measure) -> Iterator[str]:
    """Yield how the kept networks compare with random ones that were trained alike."""
    kept, drawn = derived.kept_sample, derived.probe_sample
    if kept is not None:
        yield f"Kept: {_sample_text(kept, measure)}."
    if drawn is not None:
        yield f"Drawn at random, and trained alike: {_sample_text(drawn, measure)}."
    if kept is None or drawn is None or derived.kept_wins is None:
        return
    yield (
        f"A kept network is better than one drawn at random in {derived.kept_wins:.0%} of all "
        "pairs of both; chance would give 50%."
    )
    if drawn.num != kept.num:
        more = "random" if drawn.num > kept.num else "kept"
        yield f"There are more {more} ones, which helps the best of them but not their mean."


def _sample_text(sample: Sample, measure: Measure) -> str:
    best = score_text(measure, sample.best)
    if sample.num == 1:
        return f"1 network, {best}"
    mean = score_text(measure, sample.mean, error=sample.standard_error)
    return f"{plural(sample.num, 'network')}, best {best}, mean {mean}"


# --- on the page ---------------------------------------------------------------------------------


def derived_parts(view: SearchView, derived: Derivation, modes: Modes) -> dict[str, object]:
    """Return what the page shows of it, by name."""
    return {
        "charts": derived_charts(view, derived),
        "agreement": _agreement_table(derived, modes),
        "against_random": " ".join(_against_random(derived, view.measure)),
        "networks": _networks_table(view, derived, modes),
    }


def derived_charts(view: SearchView, derived: Derivation) -> Markup:
    """Return the scores of all samples, and those of what was trained from scratch against them."""
    return join(_samples(view), _scatter(view, derived))


def _samples(view: SearchView) -> Markup:
    found = view.derived
    if found is None:
        return Markup()
    best_first = sorted(found.scores, reverse=view.measure.higher_is_better)
    points: list[Point] = [
        (rank, view.measure.on_chart(score)) for rank, score in enumerate(best_first, start=1)
    ]
    num_kept = len(found.kept)
    series = [
        Series("a sample", points[num_kept:], dots=True),
        Series("kept", points[:num_kept], dots=True, squares=True),
    ]
    chart = line_chart(series, x_label="rank among the samples", y_label=view.measure.label)
    explanation = "What the controller proposed at the end, scored on all validation data."
    return chart_figure("Samples, best first", explanation, chart)


def _scatter(view: SearchView, derived: Derivation) -> Markup:
    kinds = {"drawn at random": True, "kept": False}
    series = [
        Series(
            name,
            _pairs(view.measure, [row for row in derived.rows if row.is_probe == is_probe]),
            dots=True,
            squares=not is_probe,
        )
        for name, is_probe in kinds.items()
    ]
    chart = line_chart(
        series,
        x_label=f"with shared weights: {view.measure.label}",
        y_label=f"from scratch: {view.measure.label}",
        counts=False,
    )
    explanation = "Each point is one network. On a rising line both would rank them alike."
    return chart_figure("Shared weights against training from scratch", explanation, chart)


def _pairs(measure: Measure, rows: Sequence[DerivedRow]) -> list[Point]:
    pairs = [
        (measure.on_chart(row.shared_score), measure.on_chart(row.trained_score)) for row in rows
    ]
    return sorted((x, y) for x, y in pairs if x is not None and y is not None)


def _agreement_table(derived: Derivation, modes: Modes) -> Markup:
    rows = (_agreement_row(*each) for each in _agreements(derived, modes))
    numbers = map(Number, ("Networks", "Kendall's tau", "By chance"))
    head = ("Over", "Scores", *numbers, "In words")
    return table(head, rows, caption="How alike both ways of training rank networks")


def _agreement_row(name: str, mode: str, correlation: Correlation) -> tuple[object, ...]:
    error = correlation.standard_error
    return (
        name,
        mode,
        Number(f"{correlation.num:,}", correlation.num),
        Number(tau_text(correlation.tau), correlation.tau),
        Number(NONE if error is None else f"\N{PLUS-MINUS SIGN} {error:.2f}", error),
        judgement(correlation),
    )


def _networks_table(view: SearchView, derived: Derivation, modes: Modes) -> Markup:
    heads = (name for mode in modes if mode for name in (mode.capitalize(), "Rank"))
    rest = ("Parameters", "Time")
    head = (
        "Child",
        "Found as",
        *map(Number, heads),
        *map(Number, ("From scratch", "Rank", *rest)),
        "Architecture",
    )
    has_running = bool(modes[1])
    rows = (_network_row(view, row, has_running=has_running) for row in derived.rows)
    return table(head, rows, caption="Every derived network")


def _network_row(view: SearchView, row: DerivedRow, *, has_running: bool) -> tuple[object, ...]:
    measure, trained = view.measure, row.trained
    num_parameters = None if trained is None else trained.num_parameters
    seconds = None if trained is None else trained.seconds
    running = (
        Number(score_text(measure, row.running_score), row.running_score),
        _rank(row.running_rank),
    )
    return (
        child_id(row.child),
        origin(row),
        Number(score_text(measure, row.shared_score), row.shared_score),
        _rank(row.shared_rank),
        *(running if has_running else ()),
        Number(child_score(view, trained), row.trained_score),
        _rank(row.trained_rank),
        Number(count_text(num_parameters), num_parameters),
        Number(NONE if seconds is None else duration_text(seconds), seconds),
        tag("code", brief(view, row.architecture)),
    )


def _rank(rank: int | None) -> Number:
    return Number(NONE if rank is None else str(rank), rank)


# --- as JSON -------------------------------------------------------------------------------------


def derived_json(derived: Derivation) -> dict[str, Any]:
    """Return it as plain data."""
    kept, probes = derived.kept_sample, derived.probe_sample
    return {
        "best_shared_score": derived.rows[0].shared_score,
        "tau": _agreement_json(derived.all),
        "tau_of_probes": _agreement_json(derived.probes),
        "kept": None if kept is None else asdict(kept),
        "probes": None if probes is None else asdict(probes),
        "kept_wins": derived.kept_wins,
        "networks": [_row_json(row) for row in derived.rows],
    }


def _agreement_json(agreement: Agreement) -> dict[str, Any]:
    return {
        "own": _correlation_json(agreement.own),
        "running": None if agreement.running is None else _correlation_json(agreement.running),
    }


def _correlation_json(correlation: Correlation) -> dict[str, Any]:
    return {
        **asdict(correlation),
        "standard_error": correlation.standard_error,
        "is_distinguishable": correlation.is_distinguishable,
    }


def _row_json(row: DerivedRow) -> dict[str, Any]:
    return {
        "child": row.child,
        "probe": row.is_probe,
        "shared_score": row.shared_score,
        "shared_rank": row.shared_rank,
        "running_score": row.running_score,
        "running_rank": row.running_rank,
        "status": row.trained and row.trained.status,
        "score": row.trained_score,
        "rank": row.trained_rank,
        "architecture_id": row.architecture.id,
        "config": row.architecture.config,
    }
