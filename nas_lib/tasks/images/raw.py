"""Images as a reader hands them over: numpy arrays, checked, not yet split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nas_lib.data.rows import Indices, Rows, chosen, pieces
from nas_lib.errors import DataError, one_line, plural

Labels = npt.NDArray[np.int64]
Names = npt.NDArray[Any]
"""Texts, as objects; or whole numbers."""
P = TypeVar("P", bound=str)

_LONGEST_LABEL = 40
_NO_NAMES: Names = np.empty(0, object)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and their classes.

    Attributes:
        images: uint8 in [0, 255], or float32 of any range, `[N, C, H, W]`. Large ones are read a
            piece at a time.
        labels: Index of each image's class, `[N]`.
        names: What to call each image, `[N]`: a path, a line of a table; or else which one of its
            part it is, from 0.
        groups: Of images of which several show one thing, the index of that, `[N]`: those of one
            group stay on one side of a split. None where each image stands for itself.
    """

    images: Rows
    labels: Labels
    names: Names | None = None
    groups: Labels | None = None

    def __post_init__(self) -> None:
        """Give images numbers where they have no names."""
        if self.names is None:
            object.__setattr__(self, "names", np.arange(len(self.labels)))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Indices) -> LabelledImages:
        """Return these examples, in this order."""
        assert self.names is not None
        return LabelledImages(
            chosen(self.images, indices),
            self.labels[indices],
            self.names[indices],
            None if self.groups is None else self.groups[indices],
        )

    def name(self, index: int) -> str:
        """Return what to call an image in a sentence."""
        assert self.names is not None
        found = self.names[index]
        return one_line(found) if isinstance(found, str) else f"image {found}"


@dataclass(frozen=True, eq=False)
class RawImages:
    """All the images of a data set.

    Attributes:
        source: What was read, for people and errors.
        class_names: In the order of the class indices.
        train: Images to train on and to hold out from.
        test: The data set's own test images, None where it has none.
        valid: The data set's own validation images, None where it has none.
        notices: A sentence without full stop on each thing that a user would not guess.
        range_32: Of pictures of 32 bits, what became 0 to 255; None where there were none.
        group_names: In the order of the groups' indices; none where there are no groups.
        broken: A sentence on each picture that was left out because it cannot be read.
    """

    source: str
    class_names: tuple[str, ...]
    train: LabelledImages
    test: LabelledImages | None = None
    valid: LabelledImages | None = None
    notices: tuple[str, ...] = ()
    range_32: tuple[float, float] | None = None
    group_names: Names = field(default_factory=_NO_NAMES.copy)
    broken: tuple[str, ...] = ()


def number_classes(
    source: str, labels: Mapping[P, npt.NDArray[Any]]
) -> tuple[tuple[str, ...], dict[P, Labels]]:
    """Turn labels of any integers or texts into class indices 0, 1, ...

    Args:
        source: What was read, for the error.
        labels: Of the images of each part, `[N]`; the classes are those of the first one, training.

    Returns:
        The classes' names (their labels), and the indices for each part.

    Raises:
        DataError: A label of another part occurs nowhere in training.
    """
    classes = np.unique(next(iter(labels.values())))
    for part, each in labels.items():
        unknown = np.setdiff1d(each, classes)
        if unknown.size:
            label = one_line(unknown[0], _LONGEST_LABEL)
            raise DataError(f"{source}: {part} label {label} is none of the training labels")
    indices = {part: np.searchsorted(classes, each) for part, each in labels.items()}
    return tuple(str(label) for label in classes), indices


def check_images(raw: RawImages) -> None:
    """Refuse what no network can be trained on.

    Raises:
        DataError: Fewer than two classes; no images; images and labels of different length;
            a label without a class; NaN or infinity; validation or test images of another shape
            or type; images of one group in two parts.
    """
    num_classes = len(raw.class_names)
    if num_classes < 2:
        raise DataError(f"{raw.source}: expected at least 2 classes, got {num_classes}")
    for name, part in _parts(raw):
        _check_part(f"{raw.source}: {name}", part, num_classes)
    wanted = _kind(raw.train)
    for name, part in _parts(raw):
        if _kind(part) != wanted:
            raise DataError(
                f"{raw.source}: {name} images are {_kind(part)}, training images {wanted}"
            )
    _check_groups(raw)


def _check_groups(raw: RawImages) -> None:
    """Refuse images of one thing on two sides of the split that the data set comes with."""
    for (name, part), (other_name, other) in combinations(_parts(raw), 2):
        if part.groups is None or other.groups is None:
            continue
        both = np.intersect1d(part.groups, other.groups)
        if both.size:
            shown = one_line(raw.group_names[both[0]], _LONGEST_LABEL)
            raise DataError(
                f"{raw.source}: {plural(both.size, 'group')} (task.data.group) with images among "
                f"both the {name} and the {other_name} images, such as {shown!r}: a group has to "
                "be on one side of the split"
            )


def _parts(raw: RawImages) -> Iterator[tuple[str, LabelledImages]]:
    yield "training", raw.train
    if raw.valid is not None:
        yield "validation", raw.valid
    if raw.test is not None:
        yield "test", raw.test


def _check_part(where: str, part: LabelledImages, num_classes: int) -> None:
    if len(part.images) != len(part.labels):
        raise DataError(
            f"{where} images and labels must be equally many, "
            f"got {len(part.images)} images and {len(part.labels)} labels"
        )
    if 0 in part.images.shape:
        raise DataError(f"{where} images: expected at least one, got shape {part.images.shape}")
    lowest, highest = part.labels.min(), part.labels.max()
    if lowest < 0 or highest >= num_classes:
        raise DataError(f"{where} labels must lie in [0, {num_classes}), got {lowest} to {highest}")
    if part.images.dtype.kind == "f" and not _is_finite(part.images):
        raise DataError(f"{where} images must be finite numbers, got NaN or infinity")


def _is_finite(images: Rows) -> bool:
    return all(np.isfinite(piece).all() for piece in pieces(images))


def _kind(part: LabelledImages) -> str:
    channels, height, width = part.images.shape[1:]
    return f"{part.images.dtype} {height}x{width} with {channels} channel(s)"
