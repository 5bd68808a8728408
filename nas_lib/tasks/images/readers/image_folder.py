"""A folder with one subfolder of images per class."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import numpy.typing as npt

from nas_lib.config import ImageFolderData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_folder
from nas_lib.errors import DataError, one_line, plural
from nas_lib.tasks.images.raw import LabelledImages, Labels, Names, RawImages
from nas_lib.tasks.images.readers.class_folders import (
    ClassFolder,
    ClassFolders,
    find_class_folders,
)
from nas_lib.tasks.images.readers.decoding import Decoded, FilesInFolder, decode
from nas_lib.tasks.images.readers.grouping import grouped, groups_notice

_MOST_NAMED: Final = 5  # kinds of files in a notice
_LONGEST_SUFFIX: Final = 12


def read_image_folder(config: ImageFolderData, allowance: Allowance) -> RawImages:
    """Read `<class>/*.png`, or `train/<class>/*.png` and the like for validation and test.

    Only `train` is needed; `val` (`valid`, `validation`) and `test` are used as what they are.
    Files whose content is no picture, and those that lie in no folder of a class or deeper, are
    left out, which is said.

    Raises:
        DataError: A folder is missing, or has no picture to train on; a picture cannot be read, or
            is none in spite of its suffix; validation or test have a class that training lacks.
    """
    root = existing_folder(config.path)
    source = f"image folder {one_line(root)}"
    found = find_class_folders(root)
    known = {folder.class_name for folder in found.parts["train"]}
    class_names = tuple(sorted(known))
    for folder in found:
        if folder.class_name not in known:
            name = one_line(folder.class_name)
            raise DataError(
                f"{one_line(folder.path)}: class {name!r} has no folder of training images"
            )
    names = _names(root, found)
    group_names, groups = _groups(config, names, source)
    decoded = decode(FilesInFolder(root, names), config, allowance, source)
    _check_not_empty(found, decoded)
    number = {name: index for index, name in enumerate(class_names)}
    labels = np.repeat(
        [number[folder.class_name] for folder in found], [len(folder.files) for folder in found]
    )
    whole = LabelledImages(decoded.images, labels, names, groups)
    parts = dict(_parts(found, whole, decoded.is_picture))
    notices = [*_notices(found, names, decoded), *decoded.notices]
    if groups is not None:
        read = decoded.is_picture
        notices += [*_without_group(config, names), groups_notice(groups[read], labels[read])]
    return RawImages(
        source,
        class_names,
        parts["train"],
        test=parts.get("test"),
        valid=parts.get("valid"),
        notices=tuple(notices),
        range_32=decoded.range_32,
        broken=decoded.errors,
        group_names=group_names,
    )


def folder_files(config: ImageFolderData) -> FilesInFolder:
    """Return all files of classes, pictures or not, in the order in which they are read.

    Raises:
        DataError: There are no folders of classes.
    """
    root = existing_folder(config.path)
    return FilesInFolder(root, _names(root, find_class_folders(root)))


def _names(root: Path, found: ClassFolders) -> Names:
    """Return the paths of all files of classes from the data's folder on, `[N]`."""
    listed: list[str] = []
    for folder in found:
        place = str(folder.path.relative_to(root))
        listed += [f"{place}{os.sep}{name}" for name in folder.files]
    return np.array(listed, object)


def _parts(
    found: ClassFolders, whole: LabelledImages, is_picture_N: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, LabelledImages]]:
    """Yield the pictures of each part: files lie in the order of parts and their folders."""
    first = 0
    for part, folders in found.parts.items():
        end = first + sum(len(folder.files) for folder in folders)
        yield part, whole.take(first + np.flatnonzero(is_picture_N[first:end]))
        first = end


def _check_not_empty(found: ClassFolders, decoded: Decoded) -> None:
    """Refuse a class without a picture to train on."""
    first = 0
    for folder in found.parts["train"]:
        end = first + len(folder.files)
        if not decoded.is_picture[first:end].any():
            num_broken = int(((decoded.broken >= first) & (decoded.broken < end)).sum())
            raise DataError(_nothing_in(folder, num_broken))
        first = end


def _nothing_in(folder: ClassFolder, num_broken: int) -> str:
    got = [f"other files ({_kinds(folder.files)})"] if folder.files and not num_broken else []
    if num_broken:
        got.append(f"{plural(num_broken, 'file')} that cannot be read")
    if folder.num_deeper:
        got.append(f"subfolders with {folder.num_deeper:,} files, which are not read")
    return f"{one_line(folder.path)}: expected images, got {' and '.join(got) or 'none'}"


# --- groups ---------------------------------------------------------------------------------------


def _groups(config: ImageFolderData, names: Names, source: str) -> tuple[Names, Labels | None]:
    """Return the groups' names, and which one each file is of; None where none are asked for."""
    if config.group is None:
        return np.empty(0, object), None
    values = list(_group_values(config.group, names))
    if len(values) and not any(values):
        name = one_line(PurePath(names[0]).name, 40)
        raise DataError(
            f"{source}: task.data.group {one_line(config.group, 100)!r} is found in none of the "
            f"{len(values):,} files' names, such as {name}"
        )
    return grouped(values)


def _group_values(pattern: str, names: Iterable[str]) -> Iterator[str]:
    """Yield what is found in each file's name; empty where nothing is."""
    compiled = re.compile(pattern)
    for name in names:
        match = compiled.search(PurePath(name).name)
        if match is None:
            yield ""
        else:
            yield "/".join(each or "" for each in match.groups()) or match[0]


def _without_group(config: ImageFolderData, names: Names) -> Iterator[str]:
    assert config.group is not None
    lacking = [
        name
        for name, value in zip(names, _group_values(config.group, names), strict=True)
        if not value
    ]
    if lacking:
        yield (
            f"task.data.group is not found in the names of {len(lacking):,} of {len(names):,} "
            f"files, such as {one_line(lacking[0], 60)}: each is a group of its own"
        )


# --- what is said ---------------------------------------------------------------------------------


def _notices(found: ClassFolders, names: Names, decoded: Decoded) -> Iterator[str]:
    """Yield what was left out, but for broken files."""
    is_other = ~decoded.is_picture
    is_other[decoded.broken] = False
    others = names[is_other]
    num_deeper = sum(folder.num_deeper for folder in found)
    places = [(f"{num_deeper:,} in subfolders of classes", num_deeper)]
    places += [(f"{num:,} {where}", num) for where, num in found.num_beside.items()]
    num_left = len(others) + sum(num for _, num in places)
    if num_left:
        parts = [_kinds(others)] if len(others) else []
        parts += [text for text, num in places if num]
        total = num_left + len(names) - len(others)
        yield f"{num_left:,} of {total:,} files were left out: {', '.join(parts)}"


def _kinds(files: Sequence[str] | Names) -> str:
    """Return how many files there are of each suffix, such as `10 .heic, 1 without suffix`."""
    counts = Counter(
        one_line(PurePath(name).suffix.lower(), _LONGEST_SUFFIX) or "without suffix"
        for name in files
    )
    most = counts.most_common(_MOST_NAMED)
    named = [f"{num:,} {suffix}" for suffix, num in most]
    num_others = len(files) - sum(num for _, num in most)
    return ", ".join([*named, f"{num_others:,} others"] if num_others else named)
