"""All the picture files of a data set, decoded into one array, and what came of each of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from nas_lib.config import PicturesPart
from nas_lib.data.allowance import Allowance
from nas_lib.data.copies import require_space
from nas_lib.data.rows import DiskRows, Indices, Rows, is_large, on_disk
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.raw import Names
from nas_lib.tasks.images.readers.pictures import (
    BrokenPictureError,
    Content,
    Facts,
    Picture,
    PictureReader,
)

_RANGES: Final = ((0.0, 1.0), (0.0, 255.0), (0.0, 65_535.0))
"""What values of 32 bits usually lie in."""
_MOST_NAMED: Final = 3  # broken files in a sentence
_LONGEST_NAME: Final = 60


class PictureFiles(Protocol):
    """The picture files of a data set: N of them, in a fixed order."""

    @property
    def names(self) -> Names:
        """What to call each of them, `[N]`."""

    def items(self, which: Indices) -> Iterable[Path | Content]:
        """Return what to decode, of these, which are in order."""


@dataclass(frozen=True, eq=False)
class FilesInFolder:
    """Picture files that lie below a folder.

    Attributes:
        root: The folder.
        names: Their paths from there.
    """

    root: Path
    names: Names

    def items(self, which: Indices) -> Iterator[Path]:
        """Yield their paths."""
        return (self.root / self.names[index] for index in which)


@dataclass(frozen=True, eq=False)
class Decoded:
    """What became of N picture files.

    Attributes:
        images: uint8 `[N, C, size, size]`, of no meaning where a file is no picture.
        is_picture: Whether each file is one, `[N]`.
        broken: Which files should be and cannot be read, in order; they are left out.
        errors: What is wrong with each of those.
        range_32: What became 0 to 255 where pictures are of 32 bits; None where none is.
        notices: On what was read otherwise than a user would guess, or left out as broken.
    """

    images: Rows
    is_picture: npt.NDArray[np.bool_]
    broken: Indices
    errors: tuple[str, ...]
    range_32: tuple[float, float] | None
    notices: tuple[str, ...]


def decode(
    files: PictureFiles,
    config: PicturesPart,
    allowance: Allowance,
    source: str,
    *,
    are_all_pictures: bool = False,
) -> Decoded:
    """Decode all files; those of 32 bits again, once the range of all of them is known.

    Args:
        files: The files.
        config: What pictures become, and whether broken ones stop the search.
        allowance: How much memory they may take.
        source: What was read, for errors.
        are_all_pictures: Whether a file that has nothing of a picture is broken.

    Raises:
        DataError: Some are broken, and not to be left out; or they take more than allowed.
    """
    shape = (1 if config.grey else 3, config.size, config.size)
    reader = PictureReader(shape, background=config.background, allowance=allowance, fit=config.fit)
    images = _new_images((len(files.names), *shape), allowance, source)
    found = _Found(files.names, are_all_pictures)
    for index, picture in enumerate(reader.read_all(files.items(np.arange(len(images))))):
        facts = found.add(index, picture)
        if facts is not None and facts.bits < 32:
            images[index] = picture.pixels  # type: ignore[union-attr]
    if found.broken and config.on_error == "refuse":
        raise DataError(_refusal(found, source))
    deep = np.flatnonzero(found.bits_N == 32)
    range_32 = _range(*found.limits[32]) if deep.size else None
    for index, picture in zip(deep.tolist(), reader.read_all(files.items(deep)), strict=True):
        if picture is None or isinstance(picture, DataError) or range_32 is None:
            name = one_line(files.names[index])
            raise DataError(f"{source}: {name}: became another file while it was read")
        images[index] = reader.bytes_of(picture, range_32)
    broken = np.array(found.broken, np.intp)
    notices = tuple(found.notices(range_32))
    return Decoded(images, found.bits_N > 0, broken, tuple(found.errors), range_32, notices)


class _Found:
    """What is known of files, in little memory for each."""

    def __init__(self, names: Names, are_all_pictures: bool) -> None:
        self._names, self._are_all_pictures = names, are_all_pictures
        self.bits_N = np.zeros(len(names), np.uint8)  # 0: no picture
        self.limits: dict[int, tuple[float, float]] = {}
        self.broken: list[int] = []
        self.errors: list[str] = []  # of each of those
        self._num_cut = 0
        self._first_cut = ""

    def add(self, index: int, picture: Picture | BrokenPictureError | None) -> Facts | None:
        """Note what became of a file, and return what is known of its picture, if it has one."""
        if isinstance(picture, BrokenPictureError) or (picture is None and self._are_all_pictures):
            self.broken.append(index)
            none = f"{one_line(self._names[index])}: expected an image, got none"
            self.errors.append(none if picture is None else str(picture))
            return None
        if picture is None:
            return None
        facts = picture.facts
        self.bits_N[index] = facts.bits
        low, high = self.limits.get(facts.bits, facts.limits)
        self.limits[facts.bits] = min(low, facts.limits[0]), max(high, facts.limits[1])
        self._num_cut += facts.has_more
        if facts.has_more and not self._first_cut:
            self._first_cut = one_line(Path(self._names[index]).name, 40)
        return facts

    def named(self) -> str:
        """Return the first broken files, and how many there are besides."""
        names = [one_line(self._names[index], _LONGEST_NAME) for index in self.broken[:_MOST_NAMED]]
        more = len(self.broken) - len(names)
        return ", ".join(names) + (f" and {more:,} more" if more else "")

    def notices(self, range_32: tuple[float, float] | None) -> Iterator[str]:
        """Yield what a user would not guess."""
        if self.broken:
            num, of = len(self.broken), len(self._names)
            yield f"{num:,} of {of:,} files were left out, which cannot be read: {self.named()}"
        if self._num_cut:
            yield (
                f"only the first picture was read of {self._num_cut:,} files with several, such "
                f"as {self._first_cut}"
            )
        for bits, limits in ((16, (0.0, 65_535.0)), (32, range_32)):
            num = int((self.bits_N == bits).sum())
            if num and limits:
                yield (
                    f"{num:,} images of {bits} bits were scaled to 8: {limits[0]:,g} to "
                    f"{limits[1]:,g} became 0 to 255, and the highest value is "
                    f"{self.limits[bits][1]:,g}"
                )


def _refusal(found: _Found, source: str) -> str:
    hint = "task.data.on_error: skip leaves out what cannot be read"
    if len(found.broken) == 1:
        return f"{found.errors[0]}; {hint}"
    num = len(found.broken)
    return (
        f"{source}: {num:,} files cannot be read: {found.named()}; the first one: "
        f"{found.errors[0]}; {hint}"
    )


def _new_images(
    shape: tuple[int, ...], allowance: Allowance, source: str
) -> npt.NDArray[np.uint8] | DiskRows:
    """Return an array for images: in memory, or where they are large on the disk."""
    num_bytes = math.prod(shape)
    if is_large(num_bytes):
        require_space(2 * num_bytes, source)  # and all of it again in shards
        return on_disk(shape, np.uint8)
    allowance.take(num_bytes, source)
    return np.empty(shape, np.uint8)


def _range(lowest: float, highest: float) -> tuple[float, float]:
    """Return the range of values of which all files tell the limits: a usual one, or their own."""
    usual = (each for each in _RANGES if each[0] <= lowest and highest <= each[1])
    return next(usual, (lowest, highest if highest > lowest else lowest + 1))
