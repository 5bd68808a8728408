"""A table of pictures and their classes."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Final

import numpy as np

from nas_lib.config import ImageTableData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import user_path
from nas_lib.errors import ConfigError, DataError, one_line
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers.decoding import FilesInFolder, decode
from nas_lib.tasks.images.readers.grouping import grouped, groups_notice
from nas_lib.tasks.images.readers.table_rows import TABLE_PARTS, listed_pictures

_WHOLE_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def read_image_table(config: ImageTableData, allowance: Allowance) -> RawImages:
    """Read pictures that lines name, or hold, with their classes, parts and groups.

    Raises:
        DataError: There is no table, it is not as it should be, or does not go with what lies on
            the disk; a picture cannot be read; validation or test have a class that training lacks.
    """
    listed = listed_pictures(config)
    source = f"image table {one_line(user_path(config.path))}"
    decoded = decode(listed.files, config, allowance, source, are_all_pictures=True)
    labels = np.array(listed.labels, object)
    class_names = _class_names({*labels[listed.parts == 0]})
    number = {name: index for index, name in enumerate(class_names)}
    classes = np.array([number[label] for label in labels], np.int64)
    nums = np.bincount(classes[decoded.is_picture & (listed.parts == 0)], minlength=len(number))
    for name, num in zip(class_names, nums, strict=True):
        if not num:
            raise DataError(f"{source}: class {one_line(name, 40)!r} has no picture to train on")
    group_names, groups = grouped(listed.groups)
    whole = LabelledImages(
        decoded.images, classes, listed.files.names, groups if any(listed.groups) else None
    )
    parts = {
        part: whole.take(np.flatnonzero(decoded.is_picture & (listed.parts == index)))
        for index, part in enumerate(TABLE_PARTS)
        if index in listed.parts
    }
    notices = [*listed.notices, *decoded.notices]
    if whole.groups is not None:
        read = decoded.is_picture
        notices.append(groups_notice(groups[read], classes[read]))
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
    )


def named_files_hash(config: ImageTableData) -> str:
    """Return a hash of sizes and times of the files that a table names; empty where it has none.

    A table that cannot be read names none: whoever prepares it is told why.
    """
    try:
        files = listed_pictures(config).files
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
