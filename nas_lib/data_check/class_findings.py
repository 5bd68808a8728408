"""What classes, and images that occur again, say of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from nas_lib.data_check.found import Finding, PartName
from nas_lib.data_check.looks import Looks
from nas_lib.errors import one_line, plural, plural_of
from nas_lib.tasks.images.raw import LabelledImages

_FEW: Final = 20
_UNLIKE, _VERY_UNLIKE = 3, 10  # times as many
_MOST_NAMED: Final = 3

Counts = Mapping[str, Mapping[PartName, int]]


def ratio(classes: Counts) -> float:
    """Return how many times as many images the largest class has as the smallest."""
    sums = [sum(counts.values()) for counts in classes.values()]
    return max(sums) / max(1, min(sums))


def class_findings(
    classes: Counts, *, of_labels: bool = False, example: str = "image"
) -> Iterator[Finding]:
    """Yield what should be known of how large classes are, or how common labels.

    Args:
        classes: How many images each of them has.
        of_labels: Whether an image may have several.
        example: What one of those is called that are in classes.
    """
    examples = plural_of(example)
    one, several = ("label", "labels") if of_labels else ("class", "classes")
    sums = {name: sum(counts.values()) for name, counts in classes.items()}
    single = [name for name, num in sums.items() if num == 1]
    if single:
        what = plural(len(single), f"{one} has", f"{several} have")
        text = f"{what} one {example} only: {_named(single)}"
        yield Finding("warning", text, "it is trained on, and nothing tells how well it is known")
    few = [name for name, num in sums.items() if 1 < num < _FEW]
    if few:
        what = plural(len(few), f"{one} has", f"{several} have")
        text = f"{what} fewer than {_FEW} {examples}: {_named(few)}"
        yield Finding("note", text, "too few to tell how well they are known")
    times = ratio(classes)
    if times >= _UNLIKE:
        most, least = max(sums, key=sums.__getitem__), min(sums, key=sums.__getitem__)
        yield Finding(
            "warning" if times >= _VERY_UNLIKE else "note",
            f"the {'most common' if of_labels else 'largest'} {one}, {_named([most])}, has "
            f"{times:.3g} times as many {examples} as the "
            f"{'rarest' if of_labels else 'smallest'}, {_named([least])}",
            "children.class_weights: balanced weighs rare ones more"
            if of_labels
            else "task.score: balanced_accuracy counts classes alike; children.class_weights and "
            "children.sampling weigh rare ones more",
        )


def image_findings(
    parts: Mapping[PartName, LabelledImages],
    looks: Mapping[PartName, Looks],
    class_names: tuple[str, ...],
    called: str = "classes",
) -> Iterator[Finding]:
    """Yield what should be known of images of one colour, or that occur more than once.

    Args:
        parts: The images; their labels are indices of what is told of them.
        looks: How they look.
        class_names: What is told of them in words.
        called: What that is: classes, labels or numbers.
    """
    images = [(part, index) for part in parts.values() for index in range(len(part))]
    is_plain = np.concatenate([each.is_plain for each in looks.values()])
    digests = np.concatenate([each.digests for each in looks.values()])
    labels = np.concatenate([part.labels for part in parts.values()])

    def named(indices: Iterator[int] | list[int]) -> str:
        return ", ".join(
            f"{images[at][0].name(images[at][1])} ({one_line(class_names[labels[at]], 40)})"
            for at in indices
        )

    plain = np.flatnonzero(is_plain)
    if len(plain):
        text = f"{plural(len(plain), 'image is', 'images are')} of one colour, such as "
        yield Finding("warning", text + named([int(plain[0])]), "there is nothing to see on them")
    seen = np.flatnonzero(~is_plain)
    order = seen[np.lexsort((labels[seen], digests[seen]))]
    again = digests[order[1:]] == digests[order[:-1]]
    if again.any():
        first = int(np.flatnonzero(again)[0])
        text = f"{plural(int(again.sum()), 'image')} of {len(images):,} repeat others, such as "
        yield Finding("note", text + named(order[first : first + 2].tolist()))
    differ = again & (labels[order[1:]] != labels[order[:-1]])
    if differ.any():
        shown = [named(order[at : at + 2].tolist()) for at in np.flatnonzero(differ)[:_MOST_NAMED]]
        num = len(np.unique(digests[order[1:]][differ]))
        text = f"{plural(num, 'image is', 'images are')} there with different {called}: "
        yield Finding("warning", text + "; ".join(shown), f"one of the {called} is wrong")


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = ", ".join(repr(one_line(name, 40)) for name in names[:_MOST_NAMED])
    return shown + (f" and {more:,} more" if more > 0 else "")
