"""ImageReader: whatever images are given as, made into arrays as the network takes them.

Letters: N images, H x W pixels, C channels.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, one_line
from nas_lib.models.info import ImageInputs
from nas_lib.tasks.images.readers.pictures import Picture, PictureReader
from nas_lib.training.machine import memory_limit_mb, num_cpus

Array = npt.NDArray[Any]
AnImage = str | os.PathLike[str] | bytes | Image.Image | Array
"""A path, the content of a picture file, a picture that Pillow opened, or an array `[H, W, C]`."""

_SHARE: Final = 8  # of the memory that there is, what a batch may take: one of so many parts
_LARGEST: Final = 64  # images; more of them are no faster
_BYTES_PER_PIXEL: Final = 2048  # of what the network sees: 512 numbers that are there at once
_BYTES_PER_VALUE: Final = 16  # of what is given: as it is, and three times in floating point
_ROUNDING: Final = 1e-6  # of such figures


class NoPictureError(DataError):
    """A file has neither the content nor the name of a picture."""


class ImageReader:
    """Reads pictures exactly as training read them, and looks whether arrays are such images."""

    def __init__(self, inputs: ImageInputs) -> None:
        self._inputs = inputs
        self._memory = memory_limit_mb() * 2**20 // _SHARE

    @property
    def num_channels(self) -> int:
        """C."""
        return self._inputs.channels

    def read(self, image: AnImage) -> Array:
        """Return one image `[H, W, C]`; of a picture, H and W are as the network sees it.

        Raises:
            NoPictureError: It is a file that has nothing of a picture.
            DataError: It cannot be read, or is of another kind than the model's images.
        """
        if isinstance(image, np.ndarray):
            return self._checked(image, num_axes=3)
        reader = self._picture_reader
        if isinstance(image, bytes):
            return self._pixels(reader.read_bytes(image, "the picture"), "the picture")
        if isinstance(image, Image.Image):
            name = str(getattr(image, "filename", "")) or "the picture"
            return self._pixels(reader.read_image(image, name), name)
        if isinstance(image, str | os.PathLike):
            path = existing_file(os.fspath(image))
            return self._pixels(reader.read(path), one_line(path))
        raise DataError(
            f"an image is an array, a PIL image, a path or the bytes of a file, "
            f"got {one_line(type(image).__name__)}"
        )

    def read_or_told(self, images: Sequence[AnImage]) -> list[Array | DataError]:
        """Return what `read` does for each image, in its place the error where there is one."""

        def read(image: AnImage) -> Array | DataError:
            try:
                return self.read(image)
            except DataError as err:
                return err

        with warnings.catch_warnings(), ThreadPoolExecutor(num_cpus()) as threads:
            warnings.simplefilter("ignore")  # what Pillow says of odd files
            return list(threads.map(read, images))  # Pillow decodes outside of Python's lock

    def batches(self, images: AnImage | Sequence[AnImage]) -> Iterator[Array]:
        """Yield images in batches `[N, H, W, C]` that fit into memory, in order.

        Args:
            images: One, a list of them, or an array `[N, H, W, C]`.

        Raises:
            DataError: As of `read`.
        """
        if isinstance(images, np.ndarray) and self._is_several(images):
            checked = self._checked(images, num_axes=4)
            size = self.batch_size(checked.shape[1:])
            yield from (checked[start : start + size] for start in range(0, len(checked), size))
            return
        is_list = isinstance(images, Sequence) and not isinstance(images, str | bytes)
        listed: Sequence[Any] = images if is_list else [images]  # type: ignore[assignment]
        size = self.batch_size()
        for start in range(0, len(listed), size):
            yield from self.stacked(self._all_read(listed[start : start + size]))

    def stacked(self, images: Sequence[Array]) -> Iterator[Array]:
        """Yield images as batches: as many as follow each other, fit, and are of one size."""
        start = 0
        while start < len(images):
            shape, end = images[start].shape, start + 1
            most = start + self.batch_size(shape)
            while end < min(most, len(images)) and images[end].shape == shape:
                end += 1
            yield np.stack(images[start:end])
            start = end

    def batch_size(self, shape: tuple[int, ...] = ()) -> int:
        """Return how many images are dealt with at once.

        Args:
            shape: Of an image, H, W, C; by default as the network sees them.
        """
        seen = self._inputs.height * self._inputs.width
        given = shape or (seen, self._inputs.channels)
        num_bytes = _BYTES_PER_PIXEL * seen + _BYTES_PER_VALUE * int(np.prod(given))
        return max(1, min(_LARGEST, self._memory // num_bytes))

    def _all_read(self, images: Sequence[AnImage]) -> list[Array]:
        found = []
        for image in self.read_or_told(images):
            if isinstance(image, DataError):
                raise image
            found.append(image)
        return found

    # --- pictures -------------------------------------------------------------------------------

    def check_pictures(self) -> None:
        """Refuse pictures, whichever they are, where the model's images are of another kind.

        Raises:
            DataError: They have channels that no picture has, or were in floating point and no
                fractions of 1.
        """
        inputs = self._inputs
        if inputs.channels not in (1, 3):
            raise DataError(
                f"this model takes images of {inputs.channels} channels, which no picture has: "
                "give them as an array [N, H, W, C]"
            )
        is_float = inputs.dtype == "float32"
        if is_float and not all(map(_may_be_fractions, inputs.mean, inputs.std)):
            raise DataError(
                "this model learned from numbers that are no fractions of 1, and a picture does "
                "not tell which: give an array of float32 as those were"
            )

    @cached_property
    def _picture_reader(self) -> PictureReader:
        self.check_pictures()
        inputs = self._inputs
        return PictureReader(
            (inputs.channels, inputs.height, inputs.width),
            background=inputs.background or "white",
            allowance=Allowance(_SHARE * self._memory // 2),
            fit=inputs.fit,
        )

    def _pixels(self, picture: Picture | None, where: str) -> Array:
        if picture is None:
            raise NoPictureError(f"{where}: expected an image, got a file of no known format")
        pixels_CHW = picture.pixels
        if picture.facts.bits == 32:
            if self._inputs.range_32 is None:
                raise DataError(
                    f"{where}: has values of 32 bits, of which a file alone does not tell the "
                    "range: give it as an array of the model's own type"
                )
            pixels_CHW = self._picture_reader.bytes_of(picture, self._inputs.range_32)
        pixels = pixels_CHW.transpose(1, 2, 0)
        if self._inputs.dtype == "uint8":
            return pixels
        return pixels.astype(np.float32) / np.float32(255)

    # --- arrays ---------------------------------------------------------------------------------

    def _is_several(self, images: Array) -> bool:
        """Say whether it is [N, H, W, C], or of grey ones [N, H, W]."""
        is_grey = self._inputs.channels == 1
        return images.ndim == 4 or (images.ndim == 3 and is_grey and images.shape[2] != 1)

    def _checked(self, images: Array, *, num_axes: int) -> Array:
        """Return images with all their axes and of the model's type."""
        inputs = self._inputs
        found = images
        if inputs.channels == 1 and found.ndim == num_axes - 1:
            found = found[..., np.newaxis]
        if inputs.dtype == "float32" and found.dtype.kind == "f":
            found = found.astype(np.float32, copy=False)
        is_shape = found.ndim == num_axes and found.shape[-1] == inputs.channels
        if found.dtype != inputs.dtype or not is_shape or 0 in found.shape[-3:]:
            axes = "N, H, W, " if num_axes == 4 else "H, W, "
            raise DataError(
                f"expected images as {inputs.dtype} [{axes}{inputs.channels}], got {images.dtype} "
                f"{list(images.shape)}"
            )
        if inputs.dtype == "float32" and not np.isfinite(found).all():
            raise DataError("images must be finite numbers, got NaN or infinity")
        return found


def _may_be_fractions(mean: float, std: float) -> bool:
    """Say whether numbers of this mean and deviation may all lie in [0, 1].

    Their variance is then at most mean (1 - mean).
    """
    return 0 <= mean <= 1 and std**2 <= mean * (1 - mean) + _ROUNDING
