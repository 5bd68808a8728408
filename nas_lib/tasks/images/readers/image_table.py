"""A table of pictures and their classes, labels or numbers."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from nas_lib.config import ImageTableData, ImageTarget
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import user_path
from nas_lib.errors import ConfigError, DataError, one_line
from nas_lib.tasks.images.raw import LabelledImages, RawImages, Targets
from nas_lib.tasks.images.readers.decoding import FilesInFolder, decode
from nas_lib.tasks.images.readers.grouping import grouped, groups_notice
from nas_lib.tasks.images.readers.table_rows import TABLE_PARTS, ListedPictures, listed_pictures

_WHOLE_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def read_image_table(
    config: ImageTableData, allowance: Allowance, target: ImageTarget = "class"
) -> RawImages:
    """Read pictures that lines name, or hold, with their classes, parts and groups.

    Raises:
        DataError: There is no table, it is not as it should be, or does not go with what lies on
            the disk; a picture cannot be read; validation or test have a class that training lacks.
    """
    listed = listed_pictures(config, target)
    source = f"image table {one_line(user_path(config.path))}"
    decoded = decode(listed.files, config, allowance, source, are_all_pictures=True)
    class_names, labels = _TOLD[target](listed)
    if target == "class":
        _check_classes(source, class_names, labels[decoded.is_picture & (listed.parts == 0)])
    group_names, groups = grouped(listed.groups)
    whole = LabelledImages(
        decoded.images, labels, listed.files.names, groups if any(listed.groups) else None
    )
    parts = {
        part: whole.take(np.flatnonzero(decoded.is_picture & (listed.parts == index)))
        for index, part in enumerate(TABLE_PARTS)
        if index in listed.parts
    }
    notices = [*listed.notices, *decoded.notices]
    if whole.groups is not None:
        read = decoded.is_picture
        notices.append(groups_notice(groups[read], labels[read] if target == "class" else None))
    return RawImages(
        source,
        class_names,
        parts["train"],
        test=parts.get("test"),
        valid=parts.get("valid"),
        notices=tuple(notices),
        range_32=decoded.range_32,
        broken=decoded.errors,
        group_names=group_names if whole.groups is not None else np.empty(0, object),
        target=target,
    )


def _classes_told(listed: ListedPictures) -> tuple[tuple[str, ...], Targets]:
    trained = zip(listed.labels, listed.parts, strict=True)
    names = _class_names({label for label, part in trained if part == 0})
    number = {name: index for index, name in enumerate(names)}
    return names, np.array([number[label] for label in listed.labels], np.int64)


def _labels_told(listed: ListedPictures) -> tuple[tuple[str, ...], Targets]:
    found = {name for labels in listed.labels for name in labels}
    names = listed.columns.labels or _class_names(found)
    number = {name: index for index, name in enumerate(names)}
    labels_NK = np.zeros((len(listed.labels), len(names)), np.uint8)
    for row_K, labels in zip(labels_NK, listed.labels, strict=True):
        row_K[[number[name] for name in labels]] = 1
    return names, labels_NK


def _numbers_told(listed: ListedPictures) -> tuple[tuple[str, ...], Targets]:
    return (listed.columns.label,), np.array(listed.labels, np.float64)


_TOLD: Final = {"class": _classes_told, "labels": _labels_told, "number": _numbers_told}
"""What returns names, and what is told of each picture."""


def _check_classes(source: str, names: Sequence[str], trained_N: Targets) -> None:
    """Refuse a class of which no picture could be read to train on."""
    nums = np.bincount(trained_N, minlength=len(names))
    for name, num in zip(names, nums, strict=True):
        if not num:
            raise DataError(f"{source}: class {one_line(name, 40)!r} has no picture to train on")


def named_files_hash(config: ImageTableData, target: ImageTarget = "class") -> str:
    """Return a hash of sizes and times of the files that a table names; empty where it has none.

    A table that cannot be read names none: whoever prepares it is told why.
    """
    try:
        files = listed_pictures(config, target).files
    except (ConfigError, DataError):
        return ""
    if not isinstance(files, FilesInFolder):
        return ""
    digest = hashlib.sha256()
    for name in files.names:
        try:
            found = os.stat(files.root / name)
        except OSError:  # gone meanwhile
            return ""
        digest.update(os.fsencode(f"{name}\0{found.st_size} {found.st_mtime_ns}\0"))
    return digest.hexdigest()


def _class_names(names: set[str]) -> tuple[str, ...]:
    """Return classes in order: numbers as numbers where all of them are."""
    if all(_WHOLE_NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))
