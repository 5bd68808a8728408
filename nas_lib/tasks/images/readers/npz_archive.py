"""A numpy archive whose arrays say what they are before any memory is taken."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from nas_lib.data.allowance import Allowance
from nas_lib.data.archives import opened_zip, zip_refusal
from nas_lib.errors import DataError, one_line

_SUFFIX: Final = ".npy"
_MOST_NAMED: Final = 12
_LONGEST_NAME: Final = 40
_LONGEST_HEADER: Final = 2**16  # bytes; numpy looks at its length once it is in memory

Names = dict[Literal["training", "validation", "test"], tuple[str, str]]
"""What the arrays of examples and of labels are called, of each part that there is."""


@dataclass(frozen=True)
class ArrayHeader:
    """What an array in an archive says of itself.

    Attributes:
        shape: Its axes.
        dtype: Of its elements.
        num_bytes: That all elements take.
        is_whole: Whether as many bytes follow in the archive.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    num_bytes: int
    is_whole: bool


class NpzArchive:
    """The arrays of an archive; nothing in it is run.

    Attributes:
        headers: Of each array, by its name.
    """

    def __init__(self, path: Path, source: str, allowance: Allowance) -> None:
        """Read what there is, but no array.

        Args:
            path: The file.
            source: What it is, for errors.
            allowance: What arrays are taken from once they are read.

        Raises:
            DataError: It is no such archive, or damaged.
        """
        self._path, self._source, self._allowance = path, source, allowance
        with self._opened() as archive:
            self.headers = {
                info.filename.removesuffix(_SUFFIX): _header(archive, info)
                for info in archive.infolist()
                if info.filename.endswith(_SUFFIX)
            }

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return an array.

        Raises:
            DataError: It is damaged, holds Python objects, or is larger than allowed.
        """
        header, what = self.headers[name], f"{self._source}: {one_line(name, _LONGEST_NAME)}"
        if header.dtype.hasobject:
            raise DataError(
                f"{what}: expected plain numbers or texts, got Python objects, which are not read: "
                "images of mixed sizes and labels of mixed types become some"
            )
        if not header.is_whole or not header.dtype.itemsize:
            raise DataError(f"{what}: is damaged: it says to be {_text(name, header)}")
        self._allowance.take(header.num_bytes, what)
        with self._opened() as archive, archive.open(name + _SUFFIX) as file:
            array: npt.NDArray[Any] = npy.read_array(file, allow_pickle=False)
            return array

    def listed(self) -> str:
        """Return all arrays in words, such as `x [120, 28, 28] uint8`."""
        return listed(self.headers) or "none"

    def names(
        self, config: object, settings: Names, *, also_called: Mapping[str, tuple[str, ...]]
    ) -> Names:
        """Return the names of examples and of labels, of each part that there is.

        Args:
            config: Has what they are called.
            settings: Which settings of it say so.
            also_called: What they are called elsewhere, if none has the name that a setting says.

        Raises:
            DataError: One of them is missing.
        """
        found: Names = {}
        examples = settings["training"][0]
        for part, wanted in settings.items():
            names = [self._found_name(getattr(config, each), also_called) for each in wanted]
            if part != "training" and not any(name in self.headers for name in names):
                continue
            for setting, name in zip(wanted, names, strict=True):
                if name not in self.headers:
                    raise DataError(
                        f"{self._source}: expected an array {name!r} (task.data.{setting}), got "
                        f"{self.listed()}: name the arrays of {examples} and of labels in "
                        f"task.data.{wanted[0]} and task.data.{wanted[1]}"
                    )
            found[part] = (names[0], names[1])
        return found

    def left_out(self, names: Names, extra: tuple[str, ...] = ()) -> Iterator[str]:
        """Say which arrays are neither these nor extra ones, if there are any."""
        used = {name for pair in names.values() for name in pair} | {*extra}
        others = {name: header for name, header in self.headers.items() if name not in used}
        if others:
            yield f"{len(others)} of {len(self.headers)} arrays were not used: {listed(others)}"

    def _found_name(self, name: str, also_called: Mapping[str, tuple[str, ...]]) -> str:
        names = (name, *also_called.get(name, ()))
        return next((each for each in names if each in self.headers), name)

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with (
                warnings.catch_warnings(),
                self._path.open("rb") as file,
                opened_zip(file) as archive,
            ):
                warnings.simplefilter("ignore")
                yield archive
        except DataError:
            raise
        except Exception as err:  # damage shows up as whatever numpy, zipfile or zlib stumble over
            raise DataError(
                f"{self._source}: expected a numpy archive of plain arrays: {one_line(err)}"
            ) from err


def listed(headers: dict[str, ArrayHeader]) -> str:
    """Return arrays in words."""
    texts = [_text(name, header) for name, header in headers.items()]
    more = [f"{len(texts) - _MOST_NAMED} more"] if len(texts) > _MOST_NAMED else []
    return ", ".join(texts[:_MOST_NAMED] + more)


def _text(name: str, header: ArrayHeader) -> str:
    texts = (one_line(each, _LONGEST_NAME) for each in (name, list(header.shape), header.dtype))
    return " ".join(texts)


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ArrayHeader:
    if refusal := zip_refusal(info):
        raise ValueError(f"{info.filename} {refusal}")
    with archive.open(info) as file:
        version = npy.read_magic(file)
        length = cast(zipfile.ZipExtFile, file).peek(4)[:4]
        if version == (2, 0) and int.from_bytes(length, "little") > _LONGEST_HEADER:
            raise ValueError(f"{info.filename} says at too great length what it is")
        read = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }[version]
        shape, _, dtype = read(file)
        num_bytes = math.prod(shape) * dtype.itemsize
        is_whole = file.tell() + num_bytes == info.file_size and min(shape, default=0) >= 0
    return ArrayHeader(shape, dtype, num_bytes, is_whole)
