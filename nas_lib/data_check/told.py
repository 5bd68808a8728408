"""What is told of images, for a check of them: of classes, of labels, or of numbers.

Letters: N images, K labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nas_lib.config import ImageTarget
from nas_lib.data.rows import Indices
from nas_lib.data_check.found import PartName
from nas_lib.errors import one_line
from nas_lib.tasks.images.raw import LabelledImages, RawImages

Parts = Mapping[PartName, LabelledImages]
_MOST_SAMPLED: Final = 40  # classes or labels of which some images are drawn
_LONGEST: Final = 60
_SEPARATOR: Final = ", "


@dataclass(frozen=True, eq=False)
class Told:
    """What is told of images.

    Attributes:
        target: A class, labels or a number.
        names: Of classes or labels; what the number is called.
        counts: How many images of each class, or with each label, a part has; none of numbers.
        facts: What else there is to know of it, by name.
        parts: The images, each with the index of what is told of it.
        kinds: What that is in words, by index.
        samples: Images to be drawn: of the training part, by what they have in common.
    """

    target: ImageTarget
    names: tuple[str, ...]
    counts: Mapping[str, Mapping[PartName, int]]
    facts: Mapping[str, str]
    parts: Parts
    kinds: tuple[str, ...]
    samples: Mapping[str, Indices]


def told_of(raw: RawImages, parts: Parts) -> Told:
    """Return what is told of images that were read and divided."""
    return {"class": _classes, "labels": _labels, "number": _numbers}[raw.target](raw, parts)


def _classes(raw: RawImages, parts: Parts) -> Told:
    names = raw.class_names
    counts = {
        part: np.bincount(images.labels, minlength=len(names)).tolist()
        for part, images in parts.items()
    }
    by_name = {name: {part: counts[part][at] for part in counts} for at, name in enumerate(names)}
    labels = parts["train"].labels
    samples = {
        name: np.flatnonzero(labels == label) for label, name in enumerate(names[:_MOST_SAMPLED])
    }
    return Told("class", names, by_name, {}, parts, names, samples)


def _labels(raw: RawImages, parts: Parts) -> Told:
    names = raw.class_names
    every_NK = np.concatenate([part.labels for part in parts.values()])
    counts = {
        name: {part: int(images.labels[:, at].sum()) for part, images in parts.items()}
        for at, name in enumerate(names)
    }
    has_N = every_NK.sum(axis=1)
    facts = {
        "labels": f"{len(names):,}; an image has {has_N.mean():.3g} of them on average, at most "
        f"{has_N.max():,}, and {int((has_N == 0).sum()):,} of {len(has_N):,} have none"
    }
    different, codes_N = np.unique(every_NK, axis=0, return_inverse=True)
    kinds = tuple(_SEPARATOR.join(np.array(names)[row > 0]) or "none" for row in different)
    train_NK = parts["train"].labels
    samples = {
        name: np.flatnonzero(train_NK[:, at]) for at, name in enumerate(names[:_MOST_SAMPLED])
    }
    return Told("labels", names, counts, facts, _coded(parts, codes_N), kinds, samples)


def _numbers(raw: RawImages, parts: Parts) -> Told:
    name = one_line(raw.class_names[0], _LONGEST)
    every_N = np.concatenate([part.labels for part in parts.values()])
    lowest, first, middle, third, highest = np.quantile(every_N, (0, 0.25, 0.5, 0.75, 1))
    facts = {
        name: f"{lowest:.5g} to {highest:.5g}; quartiles {first:.5g}, {middle:.5g} and "
        f"{third:.5g}; mean {every_N.mean():.5g}, deviation {every_N.std():.5g}"
    }
    for part, images in parts.items():
        low, high = images.labels.min(), images.labels.max()
        facts[f"{name}, {part}"] = f"{low:.5g} to {high:.5g}, mean {images.labels.mean():.5g}"
    different, codes_N = np.unique(every_N, return_inverse=True)
    kinds = tuple(f"{value:.6g}" for value in different.tolist())
    order = np.argsort(parts["train"].labels, kind="stable")
    third_of = max(1, len(order) // 3)
    samples = {
        "The lowest": order[:third_of],
        "In the middle": order[third_of:-third_of],
        "The highest": order[-third_of:],
    }
    return Told("number", raw.class_names, {}, facts, _coded(parts, codes_N), kinds, samples)


def _coded(parts: Parts, codes_N: Indices) -> Parts:
    """Return the images with these indices in place of labels, in the order of the parts."""
    ends = np.cumsum([len(part) for part in parts.values()])[:-1]
    codes = np.split(codes_N.reshape(-1).astype(np.int64), ends)
    return {
        name: replace(part, labels=own)
        for (name, part), own in zip(parts.items(), codes, strict=True)
    }
