"""Series in classes, checked: classes, flat channels, and series that are there twice.

Shapes: N series, C channels, height 1, T steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from nas_lib.config import SeriesTaskConfig
from nas_lib.data.allowance import Allowance
from nas_lib.data.rows import pieces
from nas_lib.data_check.class_findings import class_findings, ratio
from nas_lib.data_check.found import CALLED, DataCheck, Finding, Pair, PartName
from nas_lib.data_check.pictures import Pictures, Place
from nas_lib.errors import DataError, plural
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.splitting import split_images
from nas_lib.tasks.series.fitting import FLAT, each_standardised
from nas_lib.tasks.series.readers import read_series

_CROSSINGS: Final[tuple[tuple[PartName, PartName], ...]] = (
    ("test", "train"),
    ("valid", "train"),
    ("test", "valid"),
)
"""A series of the first part should not be one of the second."""
_DIGITS: Final = 3  # of standardised values, in which series at other scales are equal
_MOST_PAIRS: Final = 1_000
_MOST_DRAWN: Final = 24
_MOST_CLASSES: Final = 40
_MOST_OF_CLASS: Final = 8

Parts = dict[PartName, LabelledImages]


def check_series(
    task: SeriesTaskConfig, seed: int, allowance: Allowance, *, with_pictures: bool = False
) -> DataCheck:
    """Check the data of a task, and the split that a search of this seed makes.

    Args:
        task: What the data are.
        seed: The search's.
        allowance: How much memory they may take.
        with_pictures: Whether some series are drawn.
    """
    try:
        raw = read_series(task.data, allowance)
        split = split_images(raw, task, seed=seed)
    except DataError as err:
        return DataCheck(task.data.path, "series").with_findings(Finding("stops", str(err)))
    parts: Parts = {"train": split.train, "valid": split.valid, "test": split.test}
    pictures = Pictures(parts, raw.class_names, None, task.data, allowance)
    pairs = list(_pairs(parts))
    check = replace(
        _counted(raw, parts),
        pairs=tuple(_shown(pairs, pictures, with_pictures=with_pictures)),
        samples=_samples(raw, split.train, pictures) if with_pictures else {},
    )
    return check.with_findings(
        *(Finding("note", text) for text in (*raw.notices, *split.notices)),
        *_crossings(parts, pairs, pictures),
        *class_findings(check.classes, example="series"),
        *_flat(parts, pictures),
    )


def _counted(raw: RawImages, parts: Parts) -> DataCheck:
    names = raw.class_names
    numbers = {
        name: np.bincount(part.labels, minlength=len(names)).tolist()
        for name, part in parts.items()
    }
    classes = {
        name: {part: numbers[part][index] for part in parts} for index, name in enumerate(names)
    }
    _, channels, _, steps = raw.train.images.shape
    return DataCheck(
        raw.source,
        "series",
        counts={name: len(part) for name, part in parts.items()},
        facts={
            "classes": f"{len(names):,}, the largest with {ratio(classes):.3g} times the series "
            "of the smallest",
            "series": f"{steps:,} steps of {plural(channels, 'channel')}",
        },
        classes=classes,
    )


# --- twins ---------------------------------------------------------------------------------------


def _pairs(parts: Parts) -> Iterator[tuple[Place, Place, bool]]:
    """Yield series of two parts that are equal, or are but for their scales, and which it is."""
    equal = {name: _digests(part, is_scaled=False) for name, part in parts.items()}
    alike = {name: _digests(part, is_scaled=True) for name, part in parts.items()}
    for part, other in _CROSSINGS:
        first = {digest: index for index, digest in reversed(list(enumerate(alike[other])))}
        same = {digest: index for index, digest in reversed(list(enumerate(equal[other])))}
        for index, digest in enumerate(alike[part]):
            is_equal = equal[part][index] in same
            if is_equal or digest in first:
                twin = same[equal[part][index]] if is_equal else first[digest]
                yield (part, index), (other, twin), is_equal


def _digests(part: LabelledImages, *, is_scaled: bool) -> list[bytes]:
    """Return what is the same for equal series, and for those that are at other scales."""
    found = []
    for piece in pieces(part.images):
        values = each_standardised(piece[:, :, 0]).round(_DIGITS) + 0 if is_scaled else piece
        found += [hashlib.blake2b(each.tobytes(), digest_size=8).digest() for each in values]
    return found


def _crossings(
    parts: Parts, pairs: list[tuple[Place, Place, bool]], pictures: Pictures
) -> Iterator[Finding]:
    for part, other in _CROSSINGS:
        found = [each for each in pairs if (each[0][0], each[1][0]) == (part, other)]
        if not found:
            continue
        num_equal = sum(is_equal for *_, is_equal in found)
        kinds = [f"{num_equal:,} equal"] if num_equal else []
        if num_equal < len(found):
            kinds.append(f"{len(found) - num_equal:,} at another scale")
        share = 100 * len(found) / len(parts[part])
        one, twin, _ = found[0]
        yield Finding(
            "warning",
            f"{len(found):,} of {len(parts[part]):,} {CALLED[part]} series ({share:.1f} %) have a "
            f"twin among the {CALLED[other]} series ({', '.join(kinds)}), such as "
            f"{pictures.shown(one).name} and {pictures.shown(twin).name}",
            f"the {CALLED[part]} score is too high; leave one of the two out, or keep them "
            "together by a column task.data.group",
        )


def _shown(
    pairs: list[tuple[Place, Place, bool]], pictures: Pictures, *, with_pictures: bool
) -> Iterator[Pair]:
    some = pairs[:_MOST_DRAWN] if with_pictures else []
    drawn = pictures.drawn(place for one, other, _ in some for place in (one, other))
    for one, other, is_equal in pairs[:_MOST_PAIRS]:
        shown = [drawn.get(place) or pictures.shown(place) for place in (one, other)]
        yield Pair(shown[0], shown[1], is_equal)


# --- series --------------------------------------------------------------------------------------


def _flat(parts: Parts, pictures: Pictures) -> Iterator[Finding]:
    """Yield what should be known of series of which a channel does not vary."""
    flat: list[Place] = []
    num_all = 0
    for name, part in parts.items():
        first = 0
        for piece in pieces(part.images):
            span = np.ptp(piece[:, :, 0], axis=2)
            is_flat = (span <= FLAT * np.abs(piece[:, :, 0]).max(axis=2)).any(axis=1)
            flat += [(name, first + int(index)) for index in np.flatnonzero(is_flat)]
            first += len(piece)
        num_all += len(part)
    if flat:
        yield Finding(
            "note" if len(flat) < num_all else "warning",
            f"{len(flat):,} of {plural(num_all, 'series')} have a channel that does not vary, such "
            f"as {pictures.shown(flat[0]).name}",
        )


def _samples(raw: RawImages, train: LabelledImages, pictures: Pictures) -> dict[str, Any]:
    """Return some training series of each class, evenly spread, drawn."""
    chosen: dict[str, list[Place]] = {}
    for index, name in enumerate(raw.class_names[:_MOST_CLASSES]):
        rows = np.flatnonzero(train.labels == index)
        some = np.linspace(0, len(rows) - 1, min(_MOST_OF_CLASS, len(rows))).astype(np.intp)
        chosen[name] = [("train", int(row)) for row in rows[some]]
    drawn = pictures.drawn(place for places in chosen.values() for place in places)
    return {name: tuple(drawn[place] for place in places) for name, places in chosen.items()}
