"""A numpy archive: which of its arrays are images, and which labels."""

from __future__ import annotations

import re
from typing import Any, Final, cast, get_args

import numpy as np

from nas_lib.config import ImageTarget, NpzData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, plural
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.seen_images import PartName, SeenImages
from nas_lib.starting_documents.series import knows_npz as knows_series
from nas_lib.tasks.images.readers.arrays import axes_of, label_rows_of, labels_of
from nas_lib.tasks.images.readers.npz import array_names
from nas_lib.tasks.images.readers.npz_archive import NpzArchive

_HELD_OUT: Final[dict[PartName, re.Pattern[str]]] = {
    "test": re.compile("test"),
    "valid": re.compile("val|dev"),
}
"""What is in the names of arrays that are not trained on."""
_SETTINGS: Final[dict[PartName, tuple[str, str]]] = {
    "train": ("images", "labels"),
    "valid": ("valid_images", "valid_labels"),
    "test": ("test_images", "test_labels"),
}
_Names = dict[PartName, tuple[str, str]]


def knows(listing: Listing) -> bool:
    """Say whether it is a numpy archive, and none of series."""
    return listing.is_npz and not knows_series(listing)


def look(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Look at the shapes of all arrays, and read the labels.

    Raises:
        DataError: It is damaged, or nobody can tell which arrays are meant.
    """
    source = f"npz file {listing.where}"
    archive = NpzArchive(existing_file(listing.path), source, allowance)
    names, why = _names(archive, source)
    shape = archive.headers[names["train"][0]].shape
    axes = axes_of(f"{source}: {names['train'][0]}", shape)
    height, width, channels = (*shape[1:], 1) if len(shape) == 3 else shape[1:]
    if axes == "NCHW":
        channels, height, width = shape[1:]
    labels = {part: archive.read(name) for part, (_, name) in names.items()}
    target, why_target = _target_of(labels["train"])
    if listing.wanted.get("task.target", target) in get_args(ImageTarget):
        target = listing.wanted.get("task.target", target)
    counts = {part: _counts(each, names[part][1], target, source) for part, each in labels.items()}
    sizes = {part: len(each) for part, each in labels.items()}
    kinds = {
        "class": f"in {plural(len(counts['train']), 'class', 'classes')}",
        "labels": f"with {plural(len(counts['train']), 'label')}, any number of them each",
        "number": "with a number each",
    }
    return ImageStarter(
        SeenImages(
            what=f"{sum(sizes.values()):,} images of {height}x{width}x{channels} {kinds[target]}",
            data={"format": "npz", "path": listing.path, **_named(names)},
            counts=counts,
            target=target,
            why_target=why_target,
            sizes=sizes,
            shape=(channels, height, width),
            why={
                "format": f"Its arrays: {archive.listed()}.",
                "images": why,
            },
        )
    )


def _names(archive: NpzArchive, source: str) -> tuple[_Names, str]:
    """Return the arrays of each part, and how they were told; those of usual names come first."""
    try:
        usual = array_names(archive, NpzData(path=""))
    except DataError:
        return _guessed(archive, source), "Told by their shapes and names."
    parts = {"training": "train", "validation": "valid", "test": "test"}
    return {cast(PartName, parts[part]): names for part, names in usual.items()}, ""


def _guessed(archive: NpzArchive, source: str) -> _Names:
    """Return arrays that look like images, each with the one that may be its labels."""
    images: _Names = {}
    for name, header in archive.headers.items():
        if len(header.shape) not in (3, 4) or header.dtype.kind not in "buif":
            continue
        part = _part(name)
        labels = [
            other
            for other, each in archive.headers.items()
            if each.shape[:1] == header.shape[:1] and len(each.shape) <= 2 and _part(other) == part
        ]
        if len(labels) != 1 or part in images:
            images.clear()
            break
        images[part] = (name, labels[0])
    if "train" in images:
        return images
    raise DataError(
        f"{source}: expected images [N, H, W] or [N, H, W, C] and labels [N] of each, got "
        f"{archive.listed()}: name them, as --set task.data.images=x --set task.data.labels=y"
    )


def _part(name: str) -> PartName:
    return next((part for part, word in _HELD_OUT.items() if word.search(name.lower())), "train")


def _named(names: _Names) -> dict[str, str]:
    """Return the settings that name the arrays, where they are not the usual ones."""
    defaults = NpzData.model_fields
    return {
        setting: name
        for part, pair in names.items()
        for setting, name in zip(_SETTINGS[part], pair, strict=True)
        if defaults[setting].default != name
    }


def _target_of(labels: Any) -> tuple[ImageTarget, str]:
    """Return what the labels of images are, and why, where they are no classes."""
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "buif":
        if np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) != 1).any():
            return "labels", "Rows of the labels are of 0 and 1, and have not a single 1 each."
    elif labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels % 1 != 0).any():
        return "number", "All labels are numbers, and some are not whole."
    return "class", ""


def _counts(labels: Any, name: str, target: ImageTarget, source: str) -> dict[str, int]:
    if target == "number":
        return {name: len(labels)}
    if target == "labels":
        rows = label_rows_of(f"{source}: {name}", labels)
        return {str(at): int(num) for at, num in enumerate(rows.sum(axis=0, dtype=np.int64))}
    classes, numbers = np.unique(labels_of(f"{source}: {name}", labels), return_counts=True)
    return dict(zip(map(str, classes), numbers.tolist(), strict=True))
