"""Batches for training and evaluation: standardised, and augmented without a loop over images.

Shapes: N images, B of them in a batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot
from torch.nn.functional import pad as pad_images

from nas_lib.config import AugmentConfig
from nas_lib.config.training import Sampling
from nas_lib.data import LocalData
from nas_lib.data.tensors import (
    MappedRows,
    TensorRows,
    check_tensor,
    joined,
    load_rows,
    load_tensors,
)
from nas_lib.errors import CorruptStateError
from nas_lib.store import layout
from nas_lib.tasks.images.imbalance import balanced_order
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.targets import TARGETS
from nas_lib.training.ahead import made_ahead

T = TypeVar("T")

_WORTH_A_THREAD: Final = 2**20
"""Numbers in a batch from where on it is made in another thread: 64 images of 74 x 74 in colour."""

Batch = tuple[Tensor, Tensor]
"""Images, float32 `[B, C, H, W]`, and class indices, int64 `[B]`; if mixed, shares `[B, K]`.

Of labels these are `[B, K]` anyway, and numbers `[B]`.
"""


@dataclass(frozen=True, eq=False)
class ImageTensors:
    """Images `[N, C, H, W]` (uint8 or float32) and their class indices `[N]` (int64).

    In place of these labels, 0 or 1, `[N, K]` (uint8), or numbers `[N]` (float32), standardised.

    Large ones stay in files wherever the labels are; batches of them come to the same device.
    """

    images: TensorRows
    labels: Tensor

    def to(self, device: torch.device | str) -> ImageTensors:
        """Return the same on another device."""
        return ImageTensors(self.images.to(device), self.labels.to(device))

    def __add__(self, others: ImageTensors) -> ImageTensors:
        """Return these images and others."""
        labels_N = torch.cat([self.labels, others.labels])
        return ImageTensors(joined(self.images, others.images), labels_N)


@dataclass(frozen=True, eq=False)
class ImageSplits:
    """All the images that a search may see."""

    train: ImageTensors
    valid: ImageTensors


def load_images(data: LocalData) -> ImageSplits:
    """Map files with all that a search may see into memory.

    Raises:
        CorruptStateError: A file is damaged, or no such blob.
    """
    train_images, valid_images = load_rows(data, "train_images", "valid_images")
    train_labels, valid_labels = load_tensors(data.blob, "train_labels", "valid_labels")
    return ImageSplits(
        ImageTensors(train_images, train_labels), ImageTensors(valid_images, valid_labels)
    )


def load_test_images(data: LocalData) -> ImageTensors:
    """Map files with the test data into memory.

    Raises:
        CorruptStateError: A file is damaged, or no such blob.
    """
    (images,) = load_rows(data, "test_images")
    (labels,) = load_tensors(data.blob, "test_labels")
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
    target, num_outputs = TARGETS[manifest.target], manifest.num_classes
    check_tensor(
        f"{part}_labels",
        found.labels,
        (target.dtype,),
        (num_images, *target.shape(num_outputs)),
        below=target.below(num_outputs),
    )
    if not bool(found.labels.isfinite().all()):
        raise CorruptStateError.of_content(layout.DATA_MANIFEST, f"{part}_labels are not finite")
    return found


def num_training_batches(num_images: int, batch_size: int) -> int:
    """Return how many batches `training_batches` yields."""
    return -(-_num_used(num_images, batch_size) // batch_size)


def training_batches(
    images_NCHW: TensorRows,
    labels_N: Tensor,
    *,
    batch_size: int,
    augment: AugmentConfig,
    mean: Sequence[float],
    std: Sequence[float],
    generator: Generator,
    flipped_N: Tensor | None = None,
    sampling: Sampling = "shuffle",
) -> Iterator[Batch]:
    """Yield one epoch in random order.

    The last batch may be smaller; one of a single image is left out, as BatchNorm needs two.

    Args:
        images_NCHW: uint8 or float32, on any device; the batches are made there. Of those in files
            the rows of a batch are read first.
        labels_N: Class indices, on the same device.
        batch_size: Images per batch.
        augment: Random changes.
        mean: Of each channel, as `ImageManifest` has it.
        std: Likewise.
        generator: The only source of randomness; it may be on the CPU wherever the images are.
        flipped_N: Which images are flipped in this epoch, where that is alternating.
        sampling: Whether it has each image once, or as many of each class.
    """
    if sampling == "balanced":
        order_N = balanced_order(labels_N, generator)
    else:
        order_N = torch.randperm(len(labels_N), generator=generator, device=generator.device)
    order_N = order_N[: _num_used(len(labels_N), batch_size)]
    in_files = isinstance(images_NCHW, MappedRows)
    rows_N = order_N.cpu() if in_files else order_N.to(labels_N.device)  # no waiting per batch
    standardise = _Standardise(images_NCHW, mean, std)
    for index_B, row_B in zip(
        torch.split(order_N.to(labels_N.device), batch_size),
        torch.split(rows_N, batch_size),
        strict=True,
    ):
        x_BCHW = standardise(images_NCHW[row_B])
        flipped_B = None if flipped_N is None else flipped_N[index_B]
        yield augment_images(x_BCHW, augment, generator, flipped_B), labels_N[index_B]


def soon(batches: Iterator[T], images_NCHW: TensorRows, batch_size: int) -> Iterator[T]:
    """Yield batches that were made while the network was at work on those before, if that pays.

    It does where images are large. Small ones in a GPU's memory are made there anyway.

    Args:
        batches: What makes them.
        images_NCHW: Of these images.
        batch_size: Images in one.
    """
    is_elsewhere = isinstance(images_NCHW, MappedRows) or images_NCHW.device.type == "cpu"
    num_values = batch_size * math.prod(images_NCHW.shape[1:])
    return made_ahead(batches) if is_elsewhere and num_values >= _WORTH_A_THREAD else batches


def alternating_flips(num_images: int, *, seed: int, epoch: int) -> Tensor:
    """Return which images are flipped in an epoch, `[N]`: each one in every other, half at first.

    So two epochs show every image in both ways, where chance would show one twice the same way.
    """
    generator = Generator().manual_seed(seed)
    begins_N = torch.randint(2, (num_images,), generator=generator).bool()
    return begins_N if epoch % 2 else ~begins_N


def mixed(
    x_BCHW: Tensor, y_B: Tensor, *, alpha: float, num_classes: int, generator: Generator
) -> Batch:
    """Return a batch mixed with itself in another order (mixup, Zhang et al. 2018).

    One weight for the whole batch, as in the authors' code, comes from Beta(alpha, alpha).

    Args:
        x_BCHW: Images.
        y_B: Class indices; or labels or numbers, which are mixed as they are.
        alpha: Above 0; the smaller, the more of one of the two images.
        num_classes: Classes.
        generator: The only source of randomness, on the CPU.
    """
    seed = int(torch.randint(2**62, (), generator=generator))  # torch's own Beta takes no generator
    order_B = torch.randperm(len(y_B), generator=generator).to(y_B.device)
    targets = one_hot(y_B, num_classes) if y_B.dtype == torch.int64 else y_B
    return blend(x_BCHW, targets, order_B, np.random.default_rng(seed).beta(alpha, alpha))


def blend(x_BCHW: Tensor, y_BK: Tensor, order_B: Tensor, share: float) -> Batch:
    """Return this share of each image and its target, and the rest of those in another order."""
    y_BK = y_BK.to(x_BCHW.dtype)
    return x_BCHW[order_B].lerp(x_BCHW, share), y_BK[order_B].lerp(y_BK, share)


def spread(images_NCHW: TensorRows, most: int) -> Tensor:
    """Return so many images at most, from the whole length of all at equal distances."""
    num = min(most, len(images_NCHW))
    return images_NCHW[torch.arange(num, device=images_NCHW.device) * len(images_NCHW) // num]


def standardised(images_NCHW: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return images as batches have them, but unchanged; arguments as in `training_batches`."""
    return _Standardise(images_NCHW, mean, std)(images_NCHW)


def evaluation_batches(
    images_NCHW: TensorRows,
    labels_N: Tensor,
    *,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> Iterator[Batch]:
    """Yield every image once, in order and unchanged; arguments as in `training_batches`."""
    standardise = _Standardise(images_NCHW, mean, std)
    for first in range(0, len(labels_N), batch_size):
        some = slice(first, first + batch_size)
        yield standardise(images_NCHW[some]), labels_N[some]


def augment_images(
    x_BCHW: Tensor,
    augment: AugmentConfig,
    generator: Generator,
    flipped_B: Tensor | None = None,
) -> Tensor:
    """Return each image padded and cropped at random, half of them flipped, a square blank.

    Args:
        x_BCHW: Images.
        augment: What is to be done.
        generator: The only source of randomness.
        flipped_B: Which ones are flipped, where that is alternating.
    """
    if augment.pad:
        x_BCHW = _random_crop(_padded(x_BCHW, augment), x_BCHW.shape[2:], generator)
    if augment.flip:
        if augment.flip is True:
            flipped_B = _random_integers(2, x_BCHW, generator).bool()
        assert flipped_B is not None
        x_BCHW = torch.where(flipped_B[:, None, None, None], x_BCHW.flip(3), x_BCHW)
    if augment.cutout:
        x_BCHW = _cut_out(x_BCHW, augment.cutout, generator)
    return x_BCHW


def _padded(x_BCHW: Tensor, augment: AugmentConfig) -> Tensor:
    """Return images with so many pixels more on each side."""
    pad = augment.pad
    if augment.padding == "zeros":
        return pad_images(x_BCHW, (pad, pad, pad, pad))
    if pad < min(x_BCHW.shape[2:]):  # torch goes no further than once over the image
        return pad_images(x_BCHW, (pad, pad, pad, pad), mode="reflect")
    rows, columns = (_mirrored(pixels, pad).to(x_BCHW.device) for pixels in x_BCHW.shape[2:])
    return x_BCHW.index_select(2, rows).index_select(3, columns)


def _mirrored(pixels: int, pad: int) -> Tensor:
    """Return which pixel of a line each one of the padded line is: 2 1 [0 1 2 3] 2 1 by two."""
    period = max(1, 2 * (pixels - 1))  # there and back
    place = torch.arange(-pad, pixels + pad) % period
    return torch.minimum(place, period - place)


def _random_crop(padded: Tensor, size: torch.Size, generator: Generator) -> Tensor:
    """Return a window of this height and width out of each padded image."""
    windows = padded.unfold(2, size[0], 1).unfold(3, size[1], 1)
    num_places = windows.shape[2]  # [B, C, top, left, H, W], a view; as many to the left
    top_B = _random_integers(num_places, padded, generator)
    left_B = _random_integers(num_places, padded, generator)
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

    def __init__(self, images: TensorRows, mean: Sequence[float], std: Sequence[float]) -> None:
        unit = 255.0 if images.dtype == torch.uint8 else 1.0
        self.mean_C11 = (torch.tensor(mean) * unit).to(images.device)[:, None, None]
        self.std_C11 = (torch.tensor(std) * unit).to(images.device)[:, None, None]

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        return (x_BCHW - self.mean_C11).div_(self.std_C11)
