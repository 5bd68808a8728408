"""Images as a reader hands them over: numpy arrays, checked, not yet split.

Letters: N images, C channels, H x W pixels, K classes or labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nas_lib.config import ImageTarget
from nas_lib.data.rows import Indices, Rows, chosen, pieces
from nas_lib.errors import DataError, one_line, plural, plural_of

Labels = npt.NDArray[np.int64]
Targets = npt.NDArray[Any]
"""What is told of images: classes int64 `[N]`, labels uint8 `[N, K]`, or numbers float64 `[N]`."""
Names = npt.NDArray[Any]
"""Texts, as objects; or whole numbers."""
P = TypeVar("P", bound=str)

_LONGEST_LABEL = 40
_LARGEST = 1e30  # in float32 its square overflows, but not what the number itself becomes
_NO_NAMES: Names = np.empty(0, object)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and what is told of them.

    Attributes:
        images: uint8 in [0, 255], or float32 of any range, `[N, C, H, W]`. Large ones are read a
            piece at a time.
        labels: Index of each image's class, `[N]`; which labels it has, as 0 and 1 `[N, K]`; or its
            number, `[N]`.
        names: What to call each image, `[N]`: a path, a line of a table; or else which one of its
            part it is, from 0.
        groups: Of images of which several show one thing, the index of that, `[N]`: those of one
            group stay on one side of a split. None where each image stands for itself.
    """

    images: Rows
    labels: Targets
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
        class_names: In the order of the indices of classes or labels; what the number is called.
        train: Images to train on and to hold out from.
        test: The data set's own test images, None where it has none.
        valid: The data set's own validation images, None where it has none.
        notices: A sentence without full stop on each thing that a user would not guess.
        range_32: Of pictures of 32 bits, what became 0 to 255; None where there were none.
        group_names: In the order of the groups' indices; none where there are no groups.
        broken: A sentence on each picture that was left out because it cannot be read.
        target: What is told of an image.
        example: What one of them is called.
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
    target: ImageTarget = "class"
    example: str = "image"

    @property
    def examples(self) -> str:
        """What several of them are called."""
        return plural_of(self.example)


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
    least = 2 if raw.target == "class" else 1
    if len(raw.class_names) < least:
        what = "2 classes" if raw.target == "class" else "1 label"
        raise DataError(f"{raw.source}: expected at least {what}, got {len(raw.class_names)}")
    for name, part in _parts(raw):
        _check_part(f"{raw.source}: {name}", part, raw)
    if raw.target == "labels":
        _check_is_learnt(raw)
    wanted = _kind(raw.train, raw)
    for name, part in _parts(raw):
        if _kind(part, raw) != wanted:
            raise DataError(
                f"{raw.source}: {name} {raw.examples} are {_kind(part, raw)}, training "
                f"{raw.examples} {wanted}"
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
                f"{raw.source}: {plural(both.size, 'group')} (task.data.group) with {raw.examples} "
                f"among both the {name} and the {other_name} {raw.examples}, such as {shown!r}: a "
                "group has to be on one side of the split"
            )


def _parts(raw: RawImages) -> Iterator[tuple[str, LabelledImages]]:
    yield "training", raw.train
    if raw.valid is not None:
        yield "validation", raw.valid
    if raw.test is not None:
        yield "test", raw.test


def _check_is_learnt(raw: RawImages) -> None:
    """Refuse labels that no image has to learn them from."""
    has_K = raw.train.labels.sum(axis=0, dtype=np.int64)
    for name, num in zip(raw.class_names, has_K.tolist(), strict=True):
        if not num:
            shown = one_line(name, _LONGEST_LABEL)
            raise DataError(f"{raw.source}: no training image has the label {shown!r}")


def _check_part(where: str, part: LabelledImages, raw: RawImages) -> None:
    if len(part.images) != len(part.labels):
        raise DataError(
            f"{where} {raw.examples} and labels must be equally many, "
            f"got {len(part.images)} {raw.examples} and {len(part.labels)} labels"
        )
    if 0 in part.images.shape:
        shape = part.images.shape
        raise DataError(f"{where} {raw.examples}: expected at least one, got shape {shape}")
    _CHECKS[raw.target](where, part.labels, len(raw.class_names))
    if part.images.dtype.kind == "f" and not _is_finite(part.images):
        raise DataError(f"{where} {raw.examples} must be finite numbers, got NaN or infinity")


def _check_classes(where: str, labels_N: Targets, num_classes: int) -> None:
    lowest, highest = labels_N.min(), labels_N.max()
    if lowest < 0 or highest >= num_classes:
        raise DataError(f"{where} labels must lie in [0, {num_classes}), got {lowest} to {highest}")


def _check_labels(where: str, labels_NK: Targets, num_labels: int) -> None:
    if labels_NK.shape[1:] != (num_labels,) or labels_NK.max() > 1:
        raise DataError(
            f"{where} labels must be 0 or 1, [{len(labels_NK)}, {num_labels}], got "
            f"{list(labels_NK.shape)} up to {labels_NK.max()}"
        )


def _check_numbers(where: str, numbers_N: Targets, _: int) -> None:
    wrong = np.flatnonzero(~(np.abs(numbers_N) <= _LARGEST))  # NaN among them
    if wrong.size:
        raise DataError(
            f"{where} numbers must be finite and at most {_LARGEST:g}, got "
            f"{numbers_N[wrong[0]]:g} of image {wrong[0]:,}"
        )


_CHECKS: Mapping[ImageTarget, Callable[[str, Targets, int], None]] = {
    "class": _check_classes,
    "labels": _check_labels,
    "number": _check_numbers,
}


def _is_finite(images: Rows) -> bool:
    return all(np.isfinite(piece).all() for piece in pieces(images))


def _kind(part: LabelledImages, raw: RawImages) -> str:
    channels, height, width = part.images.shape[1:]
    if raw.example == "series":
        return f"of {width:,} steps with {channels} channel(s)"
    return f"{part.images.dtype} {height}x{width} with {channels} channel(s)"
