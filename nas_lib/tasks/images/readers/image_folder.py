"""A folder with one subfolder of images per class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nas_lib.config import ImageFolderData
from nas_lib.data.allowance import Allowance
from nas_lib.data.copies import require_space
from nas_lib.data.paths import existing_folder
from nas_lib.data.rows import chosen, is_large, on_disk
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers.class_folders import (
    ClassFolder,
    ClassFolders,
    find_class_folders,
)
from nas_lib.tasks.images.readers.pictures import Facts, PictureReader, to_bytes

_RANGES: Final = ((0.0, 1.0), (0.0, 255.0), (0.0, 65_535.0))
"""What values of 32 bits usually lie in."""
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
    files = [path for folder in found for path in folder.files]
    decoded = _decode(files, config, allowance, source)
    for folder in found.parts["train"]:
        _check_not_empty(folder, decoded)
    parts = {
        part: _labelled(folders, decoded, class_names) for part, folders in found.parts.items()
    }
    return RawImages(
        source,
        class_names,
        parts["train"],
        test=parts.get("test"),
        valid=parts.get("valid"),
        notices=tuple(_notices(found, decoded)),
        range_32=decoded.range_32,
    )


@dataclass(frozen=True, eq=False)
class _Decoded:
    """What became of the files in the folders of classes; N of them.

    Attributes:
        images: uint8 `[N, C, size, size]`, of no meaning where a file is no picture.
        facts: On each file that is one.
        index: Of each such file, among the images.
        others: Files that are none.
        range_32: What became 0 to 255 where pictures are of 32 bits; None where none is.
    """

    images: npt.NDArray[np.uint8]
    facts: dict[Path, Facts]
    index: dict[Path, int]
    others: tuple[Path, ...]
    range_32: tuple[float, float] | None


def _decode(
    files: Sequence[Path], config: ImageFolderData, allowance: Allowance, source: str
) -> _Decoded:
    shape = (1 if config.grey else 3, config.size, config.size)
    reader = PictureReader(shape, background=config.background, allowance=allowance)
    images = _new_images((len(files), *shape), allowance, source)
    facts = {}
    for index, picture in enumerate(reader.read_all(files)):
        if picture is None:
            continue
        facts[files[index]] = picture.facts
        if picture.facts.bits < 32:
            images[index] = picture.pixels
    deep = [index for index, path in enumerate(files) if path in facts and facts[path].bits == 32]
    range_32 = _range([facts[files[index]].limits for index in deep]) if deep else None
    pictures = reader.read_all([files[index] for index in deep])  # again, now that all are known
    for index, picture in zip(deep, pictures, strict=True):
        if picture is None or range_32 is None:
            raise DataError(f"{one_line(files[index])}: became another file while it was read")
        images[index] = to_bytes(picture.pixels, range_32)
    others = tuple(path for path in files if path not in facts)
    return _Decoded(images, facts, {path: i for i, path in enumerate(files)}, others, range_32)


def _new_images(shape: tuple[int, ...], allowance: Allowance, source: str) -> npt.NDArray[np.uint8]:
    """Return an array for images: in memory, or where they are large on the disk."""
    num_bytes = math.prod(shape)
    if is_large(num_bytes):
        require_space(2 * num_bytes, source)  # and all of it again in shards
        return on_disk(shape, np.uint8)
    allowance.take(num_bytes, source)
    return np.empty(shape, np.uint8)


def _range(limits: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the range of values of which all files tell the limits: a usual one, or their own."""
    lowest, highest = min(low for low, _ in limits), max(high for _, high in limits)
    usual = (each for each in _RANGES if each[0] <= lowest and highest <= each[1])
    return next(usual, (lowest, highest if highest > lowest else lowest + 1))


def _check_not_empty(folder: ClassFolder, decoded: _Decoded) -> None:
    if any(path in decoded.facts for path in folder.files):
        return
    got = [f"other files ({_kinds(folder.files)})"] if folder.files else []
    if folder.num_deeper:
        got.append(f"subfolders with {folder.num_deeper:,} files, which are not read")
    raise DataError(f"{one_line(folder.path)}: expected images, got {' and '.join(got) or 'none'}")


def _labelled(
    folders: Sequence[ClassFolder], decoded: _Decoded, class_names: Sequence[str]
) -> LabelledImages:
    number = {name: index for index, name in enumerate(class_names)}
    pictures = [
        (decoded.index[path], number[folder.class_name])
        for folder in folders
        for path in folder.files
        if path in decoded.facts
    ]
    indices, labels = np.array(pictures, np.int64).reshape(-1, 2).T
    return LabelledImages(chosen(decoded.images, indices), np.ascontiguousarray(labels))


def _notices(found: ClassFolders, decoded: _Decoded) -> Iterator[str]:
    """Yield what was left out, and what was read otherwise than a user would guess."""
    num_deeper = sum(folder.num_deeper for folder in found)
    places = [(f"{num_deeper:,} in subfolders of classes", num_deeper)]
    places += [(f"{num:,} {where}", num) for where, num in found.num_beside.items()]
    num_left = len(decoded.others) + sum(num for _, num in places)
    if num_left:
        parts = [_kinds(decoded.others)] if decoded.others else []
        parts += [text for text, num in places if num]
        total = num_left + len(decoded.facts)
        yield f"{num_left:,} of {total:,} files were left out: {', '.join(parts)}"
    if cut := [path for path, each in decoded.facts.items() if each.has_more]:
        name = one_line(cut[0].name, 40)
        yield f"only the first picture was read of {len(cut):,} files with several, such as {name}"
    for bits, limits in ((16, (0.0, 65_535.0)), (32, decoded.range_32)):
        of_these = [each for each in decoded.facts.values() if each.bits == bits]
        if of_these and limits:
            highest = max(each.limits[1] for each in of_these)
            yield (
                f"{len(of_these):,} images of {bits} bits were scaled to 8: {limits[0]:,g} to "
                f"{limits[1]:,g} became 0 to 255, and the highest value is {highest:,g}"
            )


def _kinds(files: Sequence[Path]) -> str:
    """Return how many files there are of each suffix, such as `10 .heic, 1 without suffix`."""
    counts = Counter(
        one_line(path.suffix.lower(), _LONGEST_SUFFIX) or "without suffix" for path in files
    )
    most = counts.most_common(_MOST_NAMED)
    named = [f"{num:,} {suffix}" for suffix, num in most]
    num_others = len(files) - sum(num for _, num in most)
    return ", ".join([*named, f"{num_others:,} others"] if num_others else named)
