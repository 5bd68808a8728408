"""A folder with one subfolder of images per class."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from nas_lib.config import ImageFolderData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_folder
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def read_image_folder(config: ImageFolderData, allowance: Allowance) -> RawImages:
    """Read `<class>/*.png`, or `train/<class>/*.png` and `test/<class>/*.png` (test is optional).

    Hidden folders, and files that are no images by their suffix, are passed over; so is whatever
    lies beside `train` and `test`.

    Raises:
        DataError: A folder is missing or empty, an image cannot be read, or the test set has a
            class that training lacks.
    """
    root = existing_folder(config.path)
    train_root, test_root = _parts(root)
    class_names = tuple(folder.name for folder in _subfolders(train_root))
    return RawImages(
        source=f"image folder {root}",
        class_names=class_names,
        train=_read_part(train_root, class_names, config),
        test=_read_part(test_root, class_names, config) if test_root else None,
    )


def _parts(root: Path) -> tuple[Path, Path | None]:
    """Return the folders that hold the classes of the training and of the test images."""
    train, test = root / "train", root / "test"
    if not (train.is_dir() and _subfolders(train)):  # "train" may be a class: cars, planes, trains
        return root, None
    return train, test if test.is_dir() else None


def _subfolders(root: Path) -> list[Path]:
    return sorted(
        entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def _read_part(root: Path, class_names: tuple[str, ...], config: ImageFolderData) -> LabelledImages:
    folders = _subfolders(root)
    if not folders:
        raise DataError(f"{root}: expected one subfolder of images per class, got none")
    paths: list[Path] = []
    labels: list[int] = []
    for folder in folders:
        if folder.name not in class_names:
            raise DataError(f"{folder}: class {folder.name!r} has no folder of training images")
        found = _image_files(folder)
        paths += found
        labels += [class_names.index(folder.name)] * len(found)
    with ThreadPoolExecutor() as threads:  # Pillow decodes outside the interpreter's lock
        images = list(threads.map(partial(_read_image, config=config), paths))
    return LabelledImages(np.stack(images), np.array(labels, np.int64))


def _image_files(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: expected images ({', '.join(sorted(_SUFFIXES))}), got none")
    return paths


def _read_image(path: Path, config: ImageFolderData) -> npt.NDArray[Any]:
    """Return the image resized to the config's size, uint8 `[C, H, W]`."""
    mode, side = ("L" if config.grey else "RGB"), config.size
    try:
        with Image.open(path) as image:
            image.draft(mode, (2 * side, 2 * side))  # a large JPEG is decoded at a lower resolution
            small = image.convert(mode).resize((side, side), Image.Resampling.BILINEAR)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as err:
        # Pillow raises SyntaxError for a broken PNG chunk.
        raise DataError(f"{path}: expected an image, but it cannot be read: {err}") from err
    return np.asarray(small).reshape(side, side, -1).transpose(2, 0, 1)
