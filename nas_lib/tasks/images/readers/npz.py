"""A numpy archive of images and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy.typing as npt

from nas_lib.config import ImageTarget, NpzData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.raw import LabelledImages, RawImages, Targets, number_classes
from nas_lib.tasks.images.readers.arrays import (
    axes_of,
    channels_first,
    label_rows_of,
    labels_of,
    numbers_of,
    pixels_of,
)
from nas_lib.tasks.images.readers.npz_archive import Names, NpzArchive

_Array = npt.NDArray[Any]
_Part = Literal["training", "validation", "test"]

_SETTINGS: Final[Names] = {
    "training": ("images", "labels"),
    "validation": ("valid_images", "valid_labels"),
    "test": ("test_images", "test_labels"),
}
"""Which settings say so."""
_ALSO_CALLED: Final[dict[str, tuple[str, ...]]] = {
    "x_train": ("train_images",),
    "y_train": ("train_labels",),
    "x_valid": ("x_val", "val_images", "valid_images"),
    "y_valid": ("y_val", "val_labels", "valid_labels"),
    "x_test": ("test_images",),
    "y_test": ("test_labels",),
}
"""What they are called elsewhere, such as in MedMNIST, if none has the name that a setting says."""


_LABEL_NAMES: Final = ("label_names", "class_names")
"""What an array is called that has the names of the labels of `[N, K]`."""


def read_npz(config: NpzData, allowance: Allowance, target: ImageTarget = "class") -> RawImages:
    """Read images and labels; classes are the labels found.

    Images are `[N, H, W]`, `[N, H, W, C]`, or `[N, C, H, W]` where their shape or the user says so.
    What labels may be, `labels_of` says; of several labels and numbers `label_rows_of` and
    `numbers_of`.

    Raises:
        DataError: The file is missing or damaged, lacks an array, or an array is not of the
            shape and type expected.
    """
    path = existing_file(config.path)
    source = f"npz file {one_line(path)}"
    archive = NpzArchive(path, source, allowance)
    names = array_names(archive, config)
    arrays = {part: (name, archive.read(name)) for part, (_, name) in names.items()}
    class_names, numbers, extra = _told(archive, arrays, target, source)
    images = {name: archive.read(name) for name, _ in names.values()}
    first = names["training"][0]
    axes = config.axes or axes_of(f"{source}: {first}", images[first].shape)
    images = {
        name: channels_first(f"{source}: {name}", array, axes) for name, array in images.items()
    }
    images, scaling = pixels_of(images, allowance, source)
    parts = {part: LabelledImages(images[names[part][0]], numbers[part]) for part in names}
    order = () if config.axes or axes == "NHWC" else (_channels_first_notice(archive, first),)
    return RawImages(
        source,
        class_names,
        parts["training"],
        test=parts.get("test"),
        valid=parts.get("validation"),
        notices=(*archive.left_out(names, extra), *order, *scaling),
        target=target,
    )


def _told(
    archive: NpzArchive,
    arrays: Mapping[_Part, tuple[str, _Array]],
    target: ImageTarget,
    source: str,
) -> tuple[tuple[str, ...], dict[_Part, Targets], tuple[str, ...]]:
    """Return names of classes or labels, what is told of each part, and which other arrays say so.

    Args:
        archive: The archive.
        arrays: What it says of the images of each part, with the names of these arrays.
        target: What is to be told.
        source: What was read, for errors.
    """
    if target == "class":
        labels = {
            part: labels_of(f"{source}: {name}", each) for part, (name, each) in arrays.items()
        }
        return *number_classes(source, labels), ()
    read = label_rows_of if target == "labels" else numbers_of
    found: dict[_Part, Targets] = {
        part: read(f"{source}: {name}", each) for part, (name, each) in arrays.items()
    }
    if target == "number":
        return (arrays["training"][0],), found, ()
    num = found["training"].shape[1]
    for name in _LABEL_NAMES:
        header = archive.headers.get(name)
        if header is not None and header.shape == (num,) and header.dtype.kind in "US":
            names = labels_of(f"{source}: {name}", archive.read(name)).tolist()
            if len({*names}) < num:
                raise DataError(f"{source}: {name} has a name twice: expected one for each label")
            return tuple(names), found, (name,)
    return tuple(map(str, range(num))), found, ()


def array_names(archive: NpzArchive, config: NpzData) -> Names:
    """Return the names of images and of labels, of each part that there is.

    Raises:
        DataError: One of them is missing.
    """
    return archive.names(config, _SETTINGS, also_called=_ALSO_CALLED)


def _channels_first_notice(archive: NpzArchive, name: str) -> str:
    shape = list(archive.headers[name].shape)
    return f"{name} {shape} was read as [N, C, H, W] (task.data.axes)"
