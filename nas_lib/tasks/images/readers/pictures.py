"""Picture files, decoded: what is in them decides, and not what they are called.

Letters: C channels, H x W pixels; every picture becomes one of that size.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from nas_lib.config import Fit
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.fitting import fill, padded, resized
from nas_lib.training.machine import num_cpus

A = TypeVar("A")
T = TypeVar("T")

MAX_PIXELS: Final = 2**30 // 4 // 3
"""Of one picture: 89 megapixels, from where on Pillow takes it for an attack."""

_FORMATS: Final = (
    *("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "QOI"),
    *("SGI", "TIFF", "WEBP"),
)
"""Those that begin with bytes of their own and are decoded without another program."""
_BYTES_PER_PIXEL: Final = 8  # Pillow has at most 4, twice while it converts
_MOST_WAITING: Final = 64  # pictures that were decoded before their turn
_LARGE: Final = 2**24  # pixels; decoded one at a time, so that threads do not add up

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_NO_PIXELS: Final = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF's orientation: how to turn the stored picture so that it is upright."""
_ON_ITS_SIDE: Final = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


class BrokenPictureError(DataError):
    """What should be a picture cannot be read, is damaged, or has too many pixels."""


@dataclass(frozen=True, eq=False)
class Content:
    """What is in a picture file that lies somewhere else, such as in a table.

    Attributes:
        data: The content.
        name: What to call it in errors.
    """

    data: bytes
    name: str


@dataclass(frozen=True)
class Facts:
    """What a user might want to know of a picture.

    Attributes:
        bits: Of a value: 8, 16 or 32.
        limits: The lowest and the highest value, if of more than 8 bits.
        has_more: Whether it is the first of several pictures in the file.
    """

    bits: int = 8
    limits: tuple[float, float] = (0.0, 255.0)
    has_more: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded file.

    Attributes:
        pixels: uint8 `[C, H, W]`; float32 `[1, H, W]` where they are of 32 bits, whose range no
            file tells, and NaN what was padded: `PictureReader.bytes_of` takes that away.
        facts: On the picture.
    """

    pixels: npt.NDArray[Any]
    facts: Facts


class PictureReader:
    """Decodes pictures as the user's settings have them."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        background: str,
        allowance: Allowance,
        fit: Fit = "stretch",
    ) -> None:
        """Take what pictures are to become.

        Args:
            shape: C (1 for grey, 3 for RGB), H and W.
            background: Seen through what is transparent, and beside padded pictures.
            allowance: What even a single picture may not exceed.
            fit: How pictures of other proportions become one of these.
        """
        self.num_channels, self._height, self._width = shape
        self._mode = "L" if self.num_channels == 1 else "RGB"
        self._fit = fit
        self._background = background
        self._fill_C11 = fill(background, self.num_channels)
        self._allowance = allowance
        self._one_at_a_time = threading.Lock()

    def read_all(
        self, items: Iterable[Path | Content]
    ) -> Iterator[Picture | BrokenPictureError | None]:
        """Yield what `read` returns for each, or what is wrong with it; no warnings are shown."""

        def read(item: Path | Content) -> Picture | BrokenPictureError | None:
            try:
                if isinstance(item, Content):
                    return self.read_bytes(item.data, item.name)
                return self.read(item)
            except BrokenPictureError as err:
                return err

        with warnings.catch_warnings(), ThreadPoolExecutor(num_cpus()) as threads:
            warnings.simplefilter("ignore")
            yield from _in_order(threads, read, items)  # Pillow decodes outside Python's lock

    def read(self, path: Path) -> Picture | None:
        """Return the picture in a file, None where there is none.

        Raises:
            BrokenPictureError: The file cannot be read, is a picture by its name and not by its
                content, is damaged, or too large.
            DataError: It takes more memory than there is for it.
        """
        with _readable_picture(path), path.open("rb") as file:
            return self._read(file, path)

    def read_bytes(self, data: bytes, name: str) -> Picture | None:
        """Return the picture that a file with this content and name holds, as `read` does."""
        path = Path(name)
        with _readable_picture(path):
            return self._read(io.BytesIO(data), path)

    def read_image(self, image: Image.Image, name: str) -> Picture:
        """Return a picture that somebody else has opened; of a large JPEG, all pixels are taken.

        Raises:
            BrokenPictureError: It is damaged, or too large.
            DataError: It takes more memory than there is for it.
        """
        path = Path(name)
        with _readable_picture(path):
            _check_size(path, image)
            image.load()
            return self._decoded(image, has_more=False)

    def _read(self, file: BinaryIO, path: Path) -> Picture | None:
        formats, suffixes = _readable()
        needed = self._needed_of(file, path)
        try:
            image = Image.open(needed, formats=formats)
        except Image.DecompressionBombError:
            raise
        except Exception as err:
            if path.suffix.lower() not in suffixes:
                return None
            raise BrokenPictureError(
                f"{one_line(path)}: expected an image, but it cannot be read: it is of no known "
                "format"
            ) from err
        with image:
            _check_size(path, image)
            # a photo's other pictures are depth maps and previews of it
            has_more = image.format != "MPO" and getattr(image, "is_animated", False)
            side = 2 * max(self._height, self._width)
            image.draft(self._mode, (side, side))  # a large JPEG: fewer pixels
            num_pixels = image.width * image.height
            self._allowance.expect(_BYTES_PER_PIXEL * num_pixels, one_line(path))
            is_large = num_pixels > _LARGE
            with self._one_at_a_time if is_large else nullcontext():
                image.load()
                return self._decoded(image, has_more)

    def _needed_of(self, file: BinaryIO, path: Path) -> BinaryIO:
        """Return a PNG without texts and profiles, any other file as it is.

        No pixel depends on them, and Pillow refuses a picture for long ones.
        """
        kept = [file.read(len(_PNG))]
        if kept[0] != _PNG:
            file.seek(0)
            return file
        num_bytes = file.seek(0, os.SEEK_END)
        file.seek(len(_PNG))
        self._allowance.expect(2 * num_bytes, one_line(path))  # and joined
        while len(head := file.read(8)) == 8:  # of a chunk: its length, and what it is
            num_bytes = int.from_bytes(head[:4], "big") + 4  # with a checksum
            if head[4:] in _NO_PIXELS:
                file.seek(num_bytes, io.SEEK_CUR)
            else:
                kept += [head, file.read(num_bytes)]
        return io.BytesIO(b"".join(kept))

    def _decoded(self, image: Image.Image, has_more: bool) -> Picture:
        turn = _turn(image)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return self._deep(image, turn, has_more)
        small = self._turned(_flat(image, self._mode, self._background), turn)
        pixels = np.asarray(small).reshape(small.height, small.width, -1).transpose(2, 0, 1)
        return Picture(self._padded(pixels, self._fill_C11), Facts(has_more=has_more))

    def _deep(self, image: Image.Image, turn: Image.Transpose | None, has_more: bool) -> Picture:
        """Return a picture of more than 8 bits, which is grey."""
        values = np.asarray(image).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("it has values that are no finite numbers")
        pixels = np.asarray(self._turned(Image.fromarray(values), turn))[np.newaxis]
        limits = (float(values.min()), float(values.max()))
        if not image.mode.startswith("I;16"):
            none = np.full((1, 1, 1), np.nan, np.float32)
            return Picture(self._padded(pixels, none), Facts(32, limits, has_more))
        pixels = to_bytes(pixels, (0, 2**16 - 1)).repeat(self.num_channels, axis=0)
        return Picture(self._padded(pixels, self._fill_C11), Facts(16, limits, has_more))

    def bytes_of(self, picture: Picture, range_32: tuple[float, float]) -> npt.NDArray[np.uint8]:
        """Return a picture of 32 bits as uint8 `[C, H, W]`, once the range of all is known."""
        is_padding_HW = np.isnan(picture.pixels[0])
        pixels = to_bytes(np.nan_to_num(picture.pixels), range_32).repeat(self.num_channels, axis=0)
        pixels[:, is_padding_HW] = self._fill_C11[:, 0]
        return pixels

    def _padded(self, pixels_CHW: npt.NDArray[Any], fill_C11: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return padded(pixels_CHW, (self._width, self._height), fill_C11)

    def _turned(self, image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
        is_on_its_side = turn in _ON_ITS_SIDE
        size = (self._height, self._width) if is_on_its_side else (self._width, self._height)
        small = resized(image, size, self._fit)
        return small if turn is None else small.transpose(turn)


def _in_order(threads: Executor, work: Callable[[A], T], items: Iterable[A]) -> Iterator[T]:
    """Yield what work makes of each item; only some of them wait until they are asked for."""
    waiting: deque[Future[T]] = deque()
    for item in items:
        waiting.append(threads.submit(work, item))
        if len(waiting) > _MOST_WAITING:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def to_bytes(values: npt.NDArray[Any], limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Return values between these limits as 0 to 255."""
    lowest, highest = limits
    scaled = (values.astype(np.float64) - lowest) * (255 / (highest - lowest))
    rounded: npt.NDArray[np.float64] = np.rint(scaled.clip(0, 255))
    return rounded.astype(np.uint8)


@cache
def _readable() -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the formats that are read, as far as this Pillow knows them, and their suffixes."""
    suffixes = Image.registered_extensions()  # which loads all plugins
    formats = tuple(name for name in _FORMATS if name in Image.OPEN)
    return formats, frozenset(suffix for suffix, name in suffixes.items() if name in formats)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return how a loaded picture is to be turned; damaged EXIF does not tell."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as for pixels
        return None


def _flat(image: Image.Image, mode: str, background: str) -> Image.Image:
    """Return the picture in this mode, what is transparent over the background."""
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    return image.convert(mode)


def picture_formats() -> tuple[str, ...]:
    """Return the formats that are read, as Pillow calls them."""
    return _readable()[0]


def picture_suffixes() -> frozenset[str]:
    """Return the suffixes that files with pictures usually have."""
    return _readable()[1]


@contextmanager
def _readable_picture(path: Path) -> Iterator[None]:
    """Turn what is raised for a picture that cannot be read into a sentence."""
    try:
        yield
    except Image.DecompressionBombError as err:
        raise _too_large(path, f"more than {2 * MAX_PIXELS / 1e6:.0f}") from err
    except DataError:
        raise
    except MemoryError as err:  # which is not the picture's fault
        raise DataError(f"{one_line(path)}: there is no memory left to read it") from err
    except Exception as err:  # decoders raise what they like at bytes they do not expect
        raise BrokenPictureError(
            f"{one_line(path)}: expected an image, but it cannot be read: {one_line(err)}"
        ) from err


def _check_size(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(path, f"{width * height / 1e6:.0f} ({width:,}x{height:,})")


def _too_large(path: Path, megapixels: str) -> BrokenPictureError:
    return BrokenPictureError(
        f"{one_line(path)}: expected a picture of at most {MAX_PIXELS / 1e6:.0f} megapixels, got "
        f"{megapixels}"
    )
