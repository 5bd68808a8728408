"""Batches for training and evaluation: standardised, and augmented without a loop over images.

Shapes: N images, B of them in a batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad as zero_pad

from nas_lib.config import AugmentConfig
from nas_lib.data.tensors import check_tensor, load_tensors
from nas_lib.errors import CorruptStateError
from nas_lib.store import layout
from nas_lib.tasks.images.preparation import ImageManifest

Batch = tuple[Tensor, Tensor]
"""Images, float32 `[B, C, H, W]`, and class indices, int64 `[B]`."""


@dataclass(frozen=True, eq=False)
class ImageTensors:
    """Images `[N, C, H, W]` (uint8 or float32) and their class indices `[N]` (int64)."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> ImageTensors:
        """Return the same on another device."""
        return ImageTensors(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class ImageSplits:
    """All the images that a search may see."""

    train: ImageTensors
    valid: ImageTensors


def load_images(path: Path) -> ImageSplits:
    """Map a search blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    names = ("train_images", "train_labels", "valid_images", "valid_labels")
    train_images, train_labels, valid_images, valid_labels = load_tensors(path, *names)
    return ImageSplits(
        ImageTensors(train_images, train_labels), ImageTensors(valid_images, valid_labels)
    )


def load_test_images(path: Path) -> ImageTensors:
    """Map a test blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    images, labels = load_tensors(path, "test_images", "test_labels")
    return ImageTensors(images, labels)


def check_images(
    part: str, found: ImageTensors, manifest: ImageManifest, num_images: int
) -> ImageTensors:
    """Return images that are as their manifest says.

    Raises:
        CorruptStateError: They are not.
    """
    num_channels = manifest.image_shape[0]
    if not len(manifest.mean) == len(manifest.std) == num_channels or min(manifest.std) <= 0:
        wrong = f"expected a mean and a deviation above 0 of each of {num_channels} channels"
        raise CorruptStateError.of_content(layout.DATA_MANIFEST, wrong)
    shape = (num_images, *manifest.image_shape)
    check_tensor(f"{part}_images", found.images, (manifest.dtype,), shape)
    num_classes = manifest.num_classes
    check_tensor(f"{part}_labels", found.labels, ("int64",), shape[:1], below=num_classes)
    return found


def num_training_batches(num_images: int, batch_size: int) -> int:
    """Return how many batches `training_batches` yields."""
    return -(-_num_used(num_images, batch_size) // batch_size)


def training_batches(
    images_NCHW: Tensor,
    labels_N: Tensor,
    *,
    batch_size: int,
    augment: AugmentConfig,
    mean: Sequence[float],
    std: Sequence[float],
    generator: Generator,
) -> Iterator[Batch]:
    """Yield one epoch in random order.

    The last batch may be smaller; one of a single image is left out, as BatchNorm needs two.

    Args:
        images_NCHW: uint8 or float32, on any device; the batches are made there.
        labels_N: Class indices, on the same device.
        batch_size: Images per batch.
        augment: Random changes.
        mean: Of each channel, as `ImageManifest` has it.
        std: Likewise.
        generator: The only source of randomness; it may be on the CPU wherever the images are.
    """
    order_N = torch.randperm(len(labels_N), generator=generator, device=generator.device)
    order_N = order_N[: _num_used(len(labels_N), batch_size)].to(labels_N.device)
    standardise = _Standardise(images_NCHW, mean, std)
    for index_B in torch.split(order_N, batch_size):
        x_BCHW = standardise(images_NCHW[index_B])
        yield augment_images(x_BCHW, augment, generator), labels_N[index_B]


def evaluation_batches(
    images_NCHW: Tensor,
    labels_N: Tensor,
    *,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> Iterator[Batch]:
    """Yield every image once, in order and unchanged; arguments as in `training_batches`."""
    standardise = _Standardise(images_NCHW, mean, std)
    for x_BCHW, y_B in zip(
        torch.split(images_NCHW, batch_size), torch.split(labels_N, batch_size), strict=True
    ):
        yield standardise(x_BCHW), y_B


def augment_images(x_BCHW: Tensor, augment: AugmentConfig, generator: Generator) -> Tensor:
    """Return each image zero-padded and cropped at random, half of them flipped, a square blank."""
    if augment.pad:
        x_BCHW = _random_crop(x_BCHW, augment.pad, generator)
    if augment.flip:
        flip_B = _random_integers(2, x_BCHW, generator).bool()
        x_BCHW = torch.where(flip_B[:, None, None, None], x_BCHW.flip(3), x_BCHW)
    if augment.cutout:
        x_BCHW = _cut_out(x_BCHW, augment.cutout, generator)
    return x_BCHW


def _random_crop(x_BCHW: Tensor, pad: int, generator: Generator) -> Tensor:
    height, width = x_BCHW.shape[2:]
    padded = zero_pad(x_BCHW, (pad, pad, pad, pad))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # [B, C, top, left, H, W], a view
    top_B = _random_integers(2 * pad + 1, x_BCHW, generator)
    left_B = _random_integers(2 * pad + 1, x_BCHW, generator)
    return windows[torch.arange(len(top_B), device=top_B.device), :, top_B, left_B]


def _cut_out(x_BCHW: Tensor, size: int, generator: Generator) -> Tensor:
    """Set a square around a random pixel to 0; what lies outside the image is lost."""
    rows_BH, columns_BW = (
        _interval(pixels, size, x_BCHW, generator) for pixels in x_BCHW.shape[2:]
    )
    return x_BCHW.masked_fill(rows_BH[:, None, :, None] & columns_BW[:, None, None, :], 0.0)


def _interval(pixels: int, size: int, like_BCHW: Tensor, generator: Generator) -> Tensor:
    """Return which pixels are among `size` around a random one, `[B, pixels]`."""
    first_B1 = (_random_integers(pixels, like_BCHW, generator) - size // 2)[:, None]
    pixel_P = torch.arange(pixels, device=like_BCHW.device)
    return (first_B1 <= pixel_P) & (pixel_P < first_B1 + size)


def _random_integers(limit: int, like_BCHW: Tensor, generator: Generator) -> Tensor:
    """Return one integer in [0, limit) for each image, on its device."""
    integers_B = torch.randint(
        limit, (len(like_BCHW),), generator=generator, device=generator.device
    )
    return integers_B.to(like_BCHW.device)


def _num_used(num_images: int, batch_size: int) -> int:
    """Return the number of images in an epoch: all, unless one would be left for the last batch."""
    return num_images - 1 if num_images % batch_size == 1 else num_images


class _Standardise:
    """(x - mean) / std, where x of uint8 images is a fraction of 255."""

    def __init__(self, images: Tensor, mean: Sequence[float], std: Sequence[float]) -> None:
        unit = 255.0 if images.dtype == torch.uint8 else 1.0
        self.mean_C11 = (torch.tensor(mean) * unit).to(images.device)[:, None, None]
        self.std_C11 = (torch.tensor(std) * unit).to(images.device)[:, None, None]

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        return (x_BCHW - self.mean_C11).div_(self.std_C11)
