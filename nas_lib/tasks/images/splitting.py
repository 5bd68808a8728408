"""Which images are trained on, held out for the reward, and kept for the test.

The same for every order of the files: images are put in an order of their content before they are
shuffled. And stratified: a part has as many images as its fraction of all says, rounded, and of
each class its share of them, by largest remainder. Before that, every class with enough images
gets one: a single image is trained on, of two one is for validation, and from three on each part
has one, unless it is smaller than there are classes. So what a class has is the same for every
seed; a class without images in a part is said. Images of groups are taken by groups, as near to
that as whole groups come.

Images with several labels are placed like groups, each for itself: so parts and their labels have
about their shares, and each label is in each part where it could be. Of numbers, the tenths of all
images in their order are what classes are: a part has as many low and high ones as the others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.config import ImageTaskConfig
from nas_lib.data.rows import pieces
from nas_lib.errors import DataError, one_line, plural
from nas_lib.seeds import Stream, seed_for
from nas_lib.tasks.images.group_splitting import held_out
from nas_lib.tasks.images.raw import LabelledImages, RawImages, Targets

_Counts = npt.NDArray[np.int64]
_Indices = npt.NDArray[np.intp]

_TENTHS = 10
_MOST_NAMED = 3  # classes in a notice
_LONGEST_NAME = 40


@dataclass(frozen=True, eq=False)
class Split:
    """The three parts of a data set; no image is in two of them.

    Attributes:
        train: Images to train on.
        valid: Images for the reward.
        test: Images for the test.
        notices: A sentence on each part that lacks a class.
    """

    train: LabelledImages
    valid: LabelledImages
    test: LabelledImages
    notices: tuple[str, ...] = ()


def split_images(raw: RawImages, task: ImageTaskConfig, *, seed: int) -> Split:
    """Divide the training images; validation and test images of the data set's own stay whole.

    Raises:
        DataError: There are too few images for the fractions, or a class has none to train on.
    """
    rng = np.random.default_rng(seed_for(seed, Stream.SPLIT))
    order = _by_content(raw.train)[rng.permutation(len(raw.train))]
    labels, groups = raw.train.labels[order], raw.train.groups
    indices = split_indices(
        _tenths(labels) if raw.target == "number" else labels,
        task,
        has_valid=raw.valid is not None,
        has_test=raw.test is not None,
        groups_N=None if groups is None else groups[order],
    )
    train, valid, test = (raw.train.take(order[part]) for part in indices)
    split = Split(
        train,
        valid if raw.valid is None else raw.valid.take(_by_content(raw.valid)),
        test if raw.test is None else raw.test.take(_by_content(raw.test)),
    )
    _check(split, raw, task)
    return replace(split, notices=tuple(_notices(split, raw)))


def split_indices(
    labels_N: _Counts,
    task: ImageTaskConfig,
    *,
    has_valid: bool,
    has_test: bool,
    groups_N: _Counts | None = None,
) -> tuple[_Indices, _Indices, _Indices]:
    """Return which of these images are for training, validation and test, each in their order.

    The test images do not depend on `task.max_train` and `task.valid_fraction`.

    Args:
        labels_N: The classes of the images, which were shuffled; or their labels, `[N, K]`.
        task: How large the parts are.
        has_valid: The data set has validation images of its own: none are taken from these.
        has_test: Likewise.
        groups_N: The groups of the images, each of which stays in one part; None where there are
            none.
    """
    if groups_N is None and labels_N.ndim > 1:
        groups_N = np.arange(len(labels_N))
    if groups_N is not None:
        return _split_groups(labels_N, groups_N, task, has_valid=has_valid, has_test=has_test)
    held_out_from = 1 if has_valid else 2  # parts that a class needs an image for before the test
    has_C = np.bincount(labels_N)
    num_test = 0 if has_test else round(task.test_fraction * len(labels_N))
    test_C = _allot(has_C, num_test, least_C=has_C > held_out_from, most_C=has_C - 1)
    rest_C = has_C - test_C
    num_pool = min(task.max_train or len(labels_N), int(rest_C.sum()))
    pool_C = _allot(rest_C, num_pool, least_C=np.minimum(rest_C, held_out_from), most_C=rest_C)
    num_valid = 0 if has_valid else round(task.valid_fraction * num_pool)
    valid_C = _allot(pool_C, num_valid, least_C=pool_C > 1, most_C=pool_C - 1)
    rank_N = _rank_within_class(labels_N)  # the first of a class are for the test, the next valid
    is_test_N = rank_N < test_C[labels_N]
    rank_N = rank_N - test_C[labels_N]
    is_valid_N = ~is_test_N & (rank_N < valid_C[labels_N])
    is_train_N = ~is_test_N & ~is_valid_N & (rank_N < pool_C[labels_N])
    train, valid, test = map(np.flatnonzero, (is_train_N, is_valid_N, is_test_N))
    return train, valid, test


def _split_groups(
    labels_N: _Counts,
    groups_N: _Counts,
    task: ImageTaskConfig,
    *,
    has_valid: bool,
    has_test: bool,
) -> tuple[_Indices, _Indices, _Indices]:
    """Return what `split_indices` does, of images in groups.

    What `task.max_train` leaves out may be a part of a group.
    """
    rest = np.arange(len(labels_N))
    keep = 1 if has_valid else 2
    rest, test = _whole_groups(
        rest, labels_N, groups_N, 0.0 if has_test else task.test_fraction, keep=keep
    )
    train, valid = _whole_groups(
        rest, labels_N, groups_N, 0.0 if has_valid else task.valid_fraction, keep=1
    )
    if task.max_train is not None and task.max_train < len(rest):
        num_valid = 0 if has_valid else min(len(valid), round(task.valid_fraction * task.max_train))
        valid = _some(valid, labels_N, num_valid)
        train = _some(train, labels_N, task.max_train - num_valid)
    return train, valid, test


def _whole_groups(
    images: _Indices, labels_N: _Counts, groups_N: _Counts, fraction: float, *, keep: int
) -> tuple[_Indices, _Indices]:
    """Return which of these images are left, and which are held out: about this fraction."""
    labels, groups = labels_N[images], groups_N[images]
    total = round(fraction * len(images))
    if not total:
        return images, images[:0]
    if labels.ndim > 1:
        labels = _with_any(labels)
        has_C = labels.sum(axis=0, dtype=np.int64)
        wanted_C = (
            np.rint(fraction * has_C).astype(np.int64).clip(has_C > keep, (has_C - 1).clip(min=0))
        )
    else:
        has_C = np.bincount(labels, minlength=int(labels_N.max(initial=-1)) + 1)
        wanted_C = _allot(has_C, total, least_C=has_C > keep, most_C=has_C - 1)
    is_held = np.isin(groups, held_out(groups, labels, wanted_C, keep=keep))
    return images[~is_held], images[is_held]


def _some(images: _Indices, labels_N: _Counts, total: int) -> _Indices:
    """Return so many of these images, of each class its share."""
    labels = labels_N[images]
    if labels.ndim > 1:
        return np.sort(images[_with_rare_first(labels)[:total]])
    has_C = np.bincount(labels)
    part_C = _allot(has_C, total, least_C=has_C > 0, most_C=has_C)
    return images[_rank_within_class(labels) < part_C[labels]]


def _with_any(labels_NK: Targets) -> Targets:
    """Return labels with one more that each image has: its share is the size of a part."""
    return np.column_stack([labels_NK, np.ones(len(labels_NK), labels_NK.dtype)])


def _with_rare_first(labels_NK: Targets) -> _Indices:
    """Return images in their order, but first one of each label, that of the rarest first."""
    first = [np.argmax(labels_NK[:, label]) for label in np.argsort(labels_NK.sum(axis=0))]
    return np.array([*dict.fromkeys([*map(int, first), *range(len(labels_NK))])], np.intp)


def _tenths(numbers_N: Targets) -> _Counts:
    """Return which tenth of all numbers, in their order, each is among; of few there are fewer."""
    num = max(1, min(_TENTHS, len(numbers_N) // _TENTHS))
    rank_N = np.empty(len(numbers_N), np.int64)
    rank_N[np.argsort(numbers_N, kind="stable")] = np.arange(len(numbers_N))
    return rank_N * num // max(1, len(numbers_N))


def _allot(has_C: _Counts, total: int, *, least_C: npt.NDArray[Any], most_C: _Counts) -> _Counts:
    """Return how many images of each class a part of this size has, by largest remainder.

    Args:
        has_C: How many there are of each class.
        total: How many the part is to have; it has fewer where `most_C` does not allow it.
        least_C: How many of each class it should have; fewer where all of that is too much.
        most_C: How many of each class it may have.
    """
    most_C = most_C.clip(min=0)
    least_C = least_C.astype(np.int64).clip(max=most_C)
    while least_C.sum() > total:
        least_C = (least_C - 1).clip(min=0)
    total = min(total, int(most_C.sum()))
    num_images = max(1, int(has_C.sum()))
    part_C = (total * has_C // num_images).clip(least_C, most_C)
    while (missing := total - int(part_C.sum())) != 0:
        lacking_C = total * has_C - part_C * num_images  # exact: remainders times num_images
        step = 1 if missing > 0 else -1
        may = np.flatnonzero(part_C < most_C if missing > 0 else part_C > least_C)
        need = step * lacking_C[may]
        order = np.argsort(-need, kind="stable")
        order = order[need[order] > need.max() - num_images]  # whose turn is before any second one
        part_C[may[order[: abs(missing)]]] += step
    return part_C


def _rank_within_class(labels_N: npt.NDArray[np.int64]) -> _Indices:
    """Return how many images of the same class come before each, `[N]`."""
    by_class = np.argsort(labels_N, kind="stable")
    counts = np.bincount(labels_N)
    first_C = np.cumsum(counts) - counts
    rank_N = np.empty(len(labels_N), np.intp)
    rank_N[by_class] = np.arange(len(labels_N)) - first_C[labels_N[by_class]]
    return rank_N


def _by_content(part: LabelledImages) -> _Indices:
    """Return the indices of images in an order that only images and labels determine, `[N]`."""
    digests = np.empty((len(part), 2), ">u8")  # as numbers they are in order as their bytes are
    images = (image for piece in pieces(part.images) for image in piece)
    for index, image in enumerate(images):
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        digests[index] = np.frombuffer(digest, ">u8")
    return np.lexsort((*np.atleast_2d(part.labels.T), digests[:, 1], digests[:, 0]))


def _check(split: Split, raw: RawImages, task: ImageTaskConfig) -> None:
    lacking = _lacking(split.train, raw)
    if lacking and split.train.labels.size:
        raise DataError(
            f"{raw.source}: {_noun(raw)} {_named(lacking[:1])} has no {raw.example} among the "
            f"{len(split.train)} left to train on: it needs more {raw.examples}, or a larger part "
            "to train on"
        )
    sizes = [len(split.train), len(split.valid), len(split.test)]
    if 0 in sizes:
        limit = f", at most {task.max_train} to train on," if task.max_train else ""
        groups = raw.train.groups
        things = "" if groups is None else f" of {plural(len(np.unique(groups)), 'group')}"
        raise DataError(
            f"{raw.source}: {len(raw.train)} {raw.examples}{things}{limit} are too few for these "
            f"fractions{_kinds(raw)}: training, validation and test would get "
            f"{', '.join(map(str, sizes))}"
        )


def _notices(split: Split, raw: RawImages) -> list[str]:
    """Return a sentence on each held-out part that lacks a class."""
    parts = (
        ("validation", split.valid, raw.valid is None and "task.valid_fraction"),
        ("test", split.test, raw.test is None and "task.test_fraction"),
    )
    return [
        f"the {len(part)} {name} {raw.examples} have none of {_classes(lacking, raw)}, of which "
        f"the {name} {'accuracy' if raw.target == 'class' else 'score'} says nothing: add "
        f"{raw.examples}" + (f", or set a larger {fraction}" if fraction else "")
        for name, part, fraction in parts
        if (lacking := _lacking(part, raw))
    ]


def _lacking(part: LabelledImages, raw: RawImages) -> list[str]:
    """Return the names of the classes or labels of which a part has no image."""
    if raw.target == "number":
        return []
    if raw.target == "labels":
        counts = part.labels.sum(axis=0, dtype=np.int64)
    else:
        counts = np.bincount(part.labels, minlength=len(raw.class_names))
    return [name for name, count in zip(raw.class_names, counts, strict=True) if not count]


def _noun(raw: RawImages) -> str:
    return "label" if raw.target == "labels" else "class"


def _kinds(raw: RawImages) -> str:
    """Say how many classes or labels there are that parts should have."""
    if raw.target == "number":
        return ""
    return f" and {len(raw.class_names)} {'labels' if raw.target == 'labels' else 'classes'}"


def _classes(names: list[str], raw: RawImages) -> str:
    more = len(names) - _MOST_NAMED
    noun = _noun(raw)
    kind = noun if len(names) == 1 else f"{noun}{'s' if noun == 'label' else 'es'}"
    return f"{kind} {_named(names[:_MOST_NAMED])}" + (f" and {more} more" if more > 0 else "")


def _named(names: list[str]) -> str:
    return ", ".join(repr(one_line(name, _LONGEST_NAME)) for name in names)
