"""Images that come as arrays of known names: the idx files of MNIST's family, CIFAR-10."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from nas_lib.config import Cifar10Data, DataConfig, IdxData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import plural
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.seen_images import PartName, SeenImages
from nas_lib.tasks.images.raw import LabelledImages
from nas_lib.tasks.images.readers import read_images

_IDX: Final = re.compile(r".*(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte")
_CIFAR: Final = re.compile(r"data_batch_1(\.bin)?")


def knows_idx(listing: Listing) -> bool:
    """Say whether there are files with the names of MNIST's."""
    return any(map(_IDX.fullmatch, listing.base_names))


def knows_cifar10(listing: Listing) -> bool:
    """Say whether there are files with the names of CIFAR-10's."""
    return any(map(_CIFAR.fullmatch, listing.base_names))


def look_idx(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Read the four files."""
    return _read(IdxData(path=listing.path), allowance, "It has files with the names of MNIST's.")


def look_cifar10(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Read the batches."""
    why = "It has files with the names of CIFAR-10's batches."
    return _read(Cifar10Data(path=listing.path), allowance, why)


def _read(data: DataConfig, allowance: Allowance, why: str) -> ImageStarter:
    """Read all of it, which is quick, and say what there is."""
    raw = read_images(data, allowance)
    parts: dict[PartName, LabelledImages | None] = {
        "train": raw.train,
        "valid": raw.valid,
        "test": raw.test,
    }
    counts = {}
    for part, images in parts.items():
        if images is not None:
            numbers = np.bincount(images.labels, minlength=len(raw.class_names)).tolist()
            counts[part] = dict(zip(raw.class_names, numbers, strict=True))
    channels, height, width = raw.train.images.shape[1:]
    num_all = sum(sum(each.values()) for each in counts.values())
    classes = plural(len(raw.class_names), "class", "classes")
    return ImageStarter(
        SeenImages(
            what=f"{num_all:,} images of {height}x{width}x{channels} in {classes}",
            data={"format": data.format, "path": data.path},  # type: ignore[union-attr]
            counts=counts,
            shape=(channels, height, width),
            why={"format": why},
            notes=raw.notices,
        )
    )
