"""The section *the model*: what a search's final training came to, and who is better.

In sentences, in the terminal, on the page, and as JSON.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nas_lib.errors import plural
from nas_lib.records import TestReading
from nas_lib.report.contenders import (
    Line,
    full_name,
    learning_curves,
    line_of,
    name_of,
    numbers,
    outcome_json,
    page_table,
    range_text,
    retrained_line,
    seeds_text,
    terminal_measures,
    terminal_table,
)
from nas_lib.report.curves import best_charts
from nas_lib.report.formatting import score_text
from nas_lib.report.markup import join
from nas_lib.report.samples import page_samples, terminal_samples
from nas_lib.report.using import uses
from nas_lib.results import Measure, SearchView
from nas_lib.results.final import Contender, Outcome
from nas_lib.results.intervals import Interval, over_examples
from nas_lib.results.measure import measure_named
from nas_lib.results.rivals import Found, Rival, Verdict, found_by

if TYPE_CHECKING:
    from markupsafe import Markup
    from rich.table import Table

_MOST_NAMED = 5  # networks in a sentence
_OTHERS: tuple[Verdict, ...] = ("not told apart", "worse", "too few seeds")


# --- in sentences --------------------------------------------------------------------------------


def final_lines(final: Outcome) -> Iterator[str]:
    """Yield how far a final training is, which network won, and what to expect of it."""
    view, best, measure = final.view, final.winner, final.view.measure
    if not view.finished:
        yield _progress_line(final)
    yield from _edge_lines(final)
    if best is None or view.is_of_references:
        return
    num_seeds = len(best.valid.scores)
    yield (
        f"The final network is {full_name(best)}: mean {measure.name} "
        f"{seeds_text(measure, best.valid)} over {plural(num_seeds, 'seed')}"
        + (f", mean {measure.test_name} {seeds_text(measure, best.tested)}." if best.test else ".")
    )
    if final.reading is not None:
        yield (
            "Trained once more, on the validation data too, its "
            f"{measure.test_name} came to {score_text(measure, final.reading.score)}"
            f"{_spread_text(final)}."
        )
    yield from _measured_lines(best, final.reading)


def _edge_lines(final: Outcome) -> Iterator[str]:
    """Yield where the best that was tried lies at an end of the grid."""
    for setting, found in final.at_edges.items():
        named = [f"{name_of(each)} {each.point[setting]:g}" for each in found[:_MOST_NAMED]]
        if len(found) > _MOST_NAMED:
            named.append(f"{len(found) - _MOST_NAMED:,} more")
        yield (
            f"The best {setting} is the first or last that was tried, so one beyond it may be "
            f"better: {', '.join(named)}; see final.grid."
        )


def _measured_lines(best: Contender, retrained: TestReading | None) -> Iterator[str]:
    """Yield what the final network's test came to by each other measure, and how it was taken."""
    again = {} if retrained is None else numbers(retrained)
    hows = {each.name: each.how for reading in best.test for each in reading.metrics}
    for name, seeds in best.measured.items():
        once_more = f", and {again[name].text} trained once more" if name in again else ""
        how = f" ({hows[name]})" if hows[name] else ""
        yield f"Mean test {name} {seeds_text(measure_named(name), seeds)}{once_more}{how}."


def _progress_line(final: Outcome) -> str:
    view, measure = final.view, final.view.measure
    what = "Known networks" if view.is_of_references else "Final training"
    done = f"{what}: {len(view.rows):,} of {plural(view.num_children, 'training')} done"
    if not final.ranked:
        return f"{done}."
    best = final.ranked[0]
    return (
        f"{done}; the best so far is {full_name(best)}, mean {measure.name} "
        f"{seeds_text(measure, best.valid)}."
    )


def _newer_lines(found: Found) -> Iterator[str]:
    """Yield how far those are that were begun after what is shown."""
    for newer in found.newer:
        yield f"Begun since then, in {newer.view.uri}: {_progress_line(newer)}"


def _spread_text(final: Outcome) -> str:
    """Return on how many examples its test was read, and how sure that makes it."""
    reading, view = final.reading, final.view
    assert reading is not None
    examples = plural(reading.num_examples, "example" if view.data is None else view.data.example)
    sure = over_examples(reading.score, reading.num_examples) if view.measure.is_share else None
    if sure is None:
        return f" on {examples}"
    return f" on {examples} (95 % interval over these: {range_text(view.measure, sure)})"


def rival_lines(found: Found, *verdicts: Verdict) -> Iterator[str]:
    """Yield who is better, of the known networks of which that is the verdict."""
    for verdict in verdicts:
        for rival in found.rivals:
            if rival.verdict == verdict and found.final is not None:
                yield _rival_line(found.final, rival)


def _rival_line(final: Outcome, rival: Rival) -> str:
    assert final.winner is not None
    measure, name = final.view.measure, name_of(rival.contender)
    theirs, ours = (
        score_text(measure, (each.tested if rival.is_tested else each.valid).mean)
        for each in (rival.contender, final.winner)
    )
    noun = measure.test_name if rival.is_tested else measure.name
    both = f"mean {noun} {theirs} against {ours}"
    if rival.difference is None:
        return f"{name} beside the found network: {both}; fewer than two seeds say nothing more."
    both += f", a difference of {_difference_text(measure, rival.difference)}"
    match rival.verdict:
        case "better":
            return f"{name} is better than the found network: {both}."
        case "worse":
            return f"{name} is worse than the found network: {both}."
        case _:
            return f"{name} cannot be told apart from the found network: {both}."


def _difference_text(measure: Measure, difference: Interval) -> str:
    """Return a difference with its interval, such as `-1.20 points (-2.10 to -0.30)`."""
    ends = (difference.low, (difference.low + difference.high) / 2, difference.high)
    low, middle, high = (measure.scale * each for each in ends)
    if measure.is_fraction:
        return f"{middle:+.2f} percentage points ({low:+.2f} to {high:+.2f})"
    return f"{middle:+.4g} ({low:+.4g} to {high:+.4g})"


def _caveats(found: Found) -> Iterator[str]:
    recipes = {} if found.references is None else found.references.settings.recipes
    names = [
        f"{name_of(each)}{' (its own recipe)' if each.network in recipes else ''}"
        for each in found.trained_otherwise
    ]
    if names:
        was = "was" if len(names) == 1 else "were"
        yield (
            f"{', '.join(names)} {was} trained by other settings than the found network, which may "
            "be all that lies between them."
        )


# --- in tables -----------------------------------------------------------------------------------


def model_table(found: Found) -> list[Line]:
    """Return the network that won, and the known ones beside it."""
    final, references = found.final, found.references
    lines = []
    if final is not None and final.winner is not None:
        name = f"found: {full_name(final.winner)}"
        lines = [line_of(final.view, final.winner, name=name), *_retrained(final)]
    if references is not None:
        verdicts = {id(rival.contender): rival.verdict for rival in found.rivals}
        lines += [
            line_of(references.view, each, verdict=verdicts.get(id(each), ""))
            for each in references.best_of_each
        ]
    return lines


def final_table(final: Outcome) -> list[Line]:
    """Return every network of a final training, the best first, and the winner once more."""
    return [*(line_of(final.view, each) for each in final.ranked), *_retrained(final)]


def _retrained(final: Outcome) -> list[Line]:
    return [] if final.retrained is None else [retrained_line(final)]


def terminal_final(view: SearchView) -> Iterator[Table | str]:
    """Yield what a search's final trainings came to, for the terminal; before, how to get one."""
    if not view.finals and may_be_trained(view):
        yield f"Train the best of them at length: {how_to_train(view)}"
    found = found_by(view)
    final, references = found.final, found.references
    if final is not None and final.ranked and (references is None or len(final.ranked) > 1):
        yield f"Final training in {final.view.uri}:"
        yield terminal_table(final_table(final))
        yield from terminal_measures(final_table(final))
    if references is not None and references.ranked:
        yield f"Known networks in {references.view.uri}:"
        yield terminal_table(model_table(found))
        yield from terminal_measures(model_table(found))
    if final is not None:
        yield from terminal_samples(final.score_handed_on)
    yield from model_lines(found)


def model_lines(found: Found) -> Iterator[str]:
    """Yield all that there is to say, where the known networks are better first."""
    yield from rival_lines(found, "better")
    for final in filter(None, (found.final, found.references)):
        yield from final_lines(final)
    yield from _newer_lines(found)
    yield from rival_lines(found, *_OTHERS)
    yield from _caveats(found)


def may_be_trained(view: SearchView) -> bool:
    """Say whether there is something to train at length."""
    is_trained_here = view.config.final.children is not None
    return is_trained_here and view.finished and view.best is not None


def how_to_train(view: SearchView) -> str:
    """Return the command that does."""
    return f"nas train {shlex.quote(view.uri)}"


# --- on the page ---------------------------------------------------------------------------------


def model_parts(view: SearchView) -> dict[str, Any]:
    """Return what the section needs, by name."""
    found = found_by(view)
    final, lines = found.final, model_table(found)
    known = [each for each in (final, found.references) if each is not None]
    has_grid = any(each.point for outcome in known for each in outcome.contenders)
    every = [] if final is None else [line_of(final.view, each) for each in final.ranked]
    return {
        "is_trained": final is not None,
        "warnings": [*rival_lines(found, "better"), *_caveats(found)],
        "sentences": [
            *(line for each in known for line in final_lines(each)),
            *_newer_lines(found),
            *rival_lines(found, *_OTHERS),
        ],
        "table": page_table(lines, caption="The model") if lines else "",
        "curves": "" if final is None else _curves(final, lines),
        "samples": "" if final is None else page_samples(final.score_handed_on),
        "every_title": "What the grid came to" if has_grid else "All that were trained",
        "every": page_table(every, caption="All that were trained") if len(every) > 1 else "",
        "uses": list(uses(view)) if view.best or view.finals else [],
        "how_to_train": f"{how_to_train(view)} --references",
    }


def _curves(final: Outcome, lines: list[Line]) -> Markup:
    """Return curves of the networks beside each other; of the contenders, where it is them only."""
    best = [line_of(final.view, each) for each in final.best_of_each]
    beside = learning_curves(lines, title="Beside known networks") if len(lines) > 2 else ""
    first = next((final.best_seed(each) for each in final.ranked), None)
    return join(
        learning_curves(best, title="Learning curves"), beside, best_charts(final.view, first)
    )


def model_json(view: SearchView) -> dict[str, Any]:
    """Return what the final trainings came to as plain data."""
    found = found_by(view)
    return {
        "final": None if found.final is None else outcome_json(found.final),
        "references": None if found.references is None else outcome_json(found.references),
        "verdicts": [_rival_json(rival) for rival in found.rivals],
        "models": list(view.models),
    }


def _rival_json(rival: Rival) -> dict[str, Any]:
    difference = rival.difference
    return {
        "name": name_of(rival.contender),
        "verdict": rival.verdict,
        "measured_on": "test" if rival.is_tested else "validation",
        "difference": None if difference is None else [difference.low, difference.high],
    }
