"""Images of which several show one thing: groups, by what a table or the files' names tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas_lib.errors import plural
from nas_lib.tasks.images.raw import Labels, Names


def grouped(values: Sequence[str]) -> tuple[Names, Labels]:
    """Return the names of groups, and which one each image is of.

    Args:
        values: What is said of each image; one of which nothing is said is a group of its own.
    """
    numbers: dict[str, int] = {}
    names: list[str] = []
    groups = np.empty(len(values), np.int64)
    for index, value in enumerate(values):
        number = numbers.get(value) if value else None
        if number is None:
            number = len(names)
            names.append(value)
            if value:
                numbers[value] = number
        groups[index] = number
    return np.array(names, object), groups


def groups_notice(groups_N: Labels, labels_N: Labels | None) -> str:
    """Say how many groups there are, how large, and whether they are of one class each.

    Args:
        groups_N: The group of each image.
        labels_N: Its class; None where there are none.
    """
    sizes = np.bincount(groups_N)
    num_mixed = 0
    if labels_N is not None:
        pairs = np.unique(np.column_stack([groups_N, labels_N]), axis=0)
        num_mixed = int((np.bincount(pairs[:, 0]) > 1).sum())
    mixed = f"; {num_mixed:,} of them have images of several classes" if num_mixed else ""
    num = int((sizes > 0).sum())
    return (
        f"{len(groups_N):,} images are {plural(num, 'group')} (task.data.group) of up to "
        f"{plural(int(sizes.max(initial=0)), 'image')}, each on one side of the split{mixed}"
    )
