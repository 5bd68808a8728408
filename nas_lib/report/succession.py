"""Of a search on fresh data: its model beside the one in use, and which it is from now on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from nas_lib.errors import one_line, plural
from nas_lib.report.formatting import NONE, score_text
from nas_lib.report.markup import Number, join, table, tag
from nas_lib.results import Measure, SearchView
from nas_lib.results.intervals import over_examples
from nas_lib.results.succession import FEWEST, Succession

_MOST_NAMED = 5  # classes


def succession_lines(view: SearchView) -> Iterator[str]:
    """Yield what a search on fresh data began with, and whether its model is in use."""
    if view.fresh is None:
        return
    before = one_line(view.fresh.begins_with)
    yield (
        f"A search on fresh data, which began with the best of {before}."
        if before
        else "A search on fresh data, which began with none of another."
    )
    if view.succession is None:
        yield "Whether its model is to be in use is not settled yet."
        return
    yield succession_line(view.succession, view.measure)
    yield from _notes(view.succession)


def succession_line(found: Succession, measure: Measure) -> str:
    """Say whether a search's model took the place of the one in use, and why."""
    other = one_line(found.other)
    if found.reason == "no_model":
        return "None of its networks was trained to its end: the model in use, if any, stays."
    if found.reason == "first":
        return f"Its model, {found.model}, is in use: there was none before."
    if found.reason == "unreadable":
        return (
            f"The model in use, that of {other}, cannot read these images: the new one, "
            f"{found.model}, is in use from now on."
        )
    images = plural(found.num_examples, "validation image")
    if found.reason == "too_few":
        few = "too few" if found.num_examples < FEWEST else f"of too few classes for {measure.noun}"
        return (
            f"The model in use, that of {other}, has not learned {images}, {few} to compare by: it "
            "stays in use."
        )
    new, old = (score_text(measure, each) for each in (found.score, found.other_score))
    end = "the new one is in use from now on" if found.replaces else "that one stays in use"
    is_new = found.num_learned is not None and not found.is_by_seeds
    unknown = " that the model in use had not learned" if is_new else ""
    return (
        f"On {images}{unknown}, the new network comes to {new} and that of {other} to {old}: {end}."
    )


def succession_section(view: SearchView) -> Markup:
    """Return the section of a page, nothing of a search that is none of several."""
    if view.fresh is None:
        return Markup()
    lines = [tag("p", line) for line in succession_lines(view)]
    found = view.succession
    beside = _table(found, view.measure) if found is not None and found.scores else Markup()
    return tag("section", tag("h2", "Beside the model in use"), *lines[:2], beside, *lines[2:])


def succession_json(view: SearchView) -> dict[str, Any]:
    """Return the same as plain data, nothing of a search that is none of several."""
    if view.fresh is None:
        return {}
    found = view.succession
    return {
        "begins_with": view.fresh.begins_with,
        "succession": None if found is None else {**asdict(found), "replaces": found.replaces},
    }


def _notes(found: Succession) -> Iterator[str]:
    """Yield what is to be known of the comparison."""
    if found.is_by_seeds:
        yield (
            "The model in use has learned these images as its search's validation images; its "
            "network's seeds, which had not, stand for it."
        )
    if found.num_learned:
        images = plural(found.num_learned, "validation image")
        yield f"Left out: {images} that the model in use has learned."
    if found.num_learned is None:
        yield "Which of these images the model in use has learned is not known any more."
    if found.new_classes:
        yield (
            f"New in the data: {_named(found.new_classes)}, which the model in use does not know "
            "and is wrong about."
        )
    if found.gone_classes:
        yield f"Gone from the data: {_named(found.gone_classes)}, which the model in use knows."


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(repr(one_line(name, 40)) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{plural(len(names), 'class', 'classes')} {shown}" + (f" and {more}" * (more > 0))


def _table(found: Succession, measure: Measure) -> Markup:
    head = ("Model", Number(measure.noun), "95 % interval", Number("Trainings"), "In use")
    rows = [
        (tag("code", found.model), found.scores, found.replaces),
        (_other(found), found.other_scores, not found.replaces),
    ]
    caption = "Its model beside the one that was in use, on the new validation images"
    return table(head, [_row(found, measure, *each) for each in rows], caption=caption)


def _other(found: Succession) -> Markup:
    return join(tag("code", found.other_model), " of ", tag("code", found.other))


def _row(
    found: Succession, measure: Measure, name: Markup, scores: Sequence[float], is_in_use: bool
) -> tuple[object, ...]:
    score = sum(scores) / len(scores)
    sure = over_examples(score, found.num_examples) if measure.is_share else None
    interval = NONE if sure is None else f"{100 * sure.low:.2f} to {100 * sure.high:.2f} %"
    return (
        name,
        Number(score_text(measure, score), score),
        interval,
        Number(str(len(scores)), len(scores)),
        "yes" if is_in_use else "no",
    )
