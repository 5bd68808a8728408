"""A folder of pictures: all are counted, and some of them opened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low
from typing import Final

import numpy as np
from PIL import Image

from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, one_line, plural
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.seen_images import SeenImages
from nas_lib.tasks.images.readers.class_folders import ClassFolders, find_class_folders
from nas_lib.tasks.images.readers.pictures import BrokenPictureError, PictureReader

_MOST_OPENED: Final = 200
_ALIKE: Final = 1.25  # of proportions, by which most of them differ at most
_MOST_S: Final = 5.0  # that opening them may take
_PIECE: Final = 20
_SIDE: Final = 32  # of what they are decoded to
_COLOUR: Final = 8  # of 255: red, green and blue of a grey JPEG differ by less


def knows(listing: Listing) -> bool:
    """Say whether there are pictures in folders."""
    return listing.kind == "a folder" and any("/" in name for name in listing.pictures)


def look(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Look at the pictures of classes.

    Raises:
        DataError: They are not laid out as a folder of images is; or one cannot be read.
    """
    found = find_class_folders(listing.place)
    _refuse_deeper(listing, found)
    paths = [folder.path / name for folder in found for name in folder.files]
    opened = _opened(_spread(paths, _MOST_OPENED), allowance)
    if not opened.sides:
        why = f": {opened.broken[0]}" if opened.broken else ""
        raise DataError(f"{listing.where}: none of its files is a picture that can be read{why}")
    counts = {
        part: {folder.class_name: len(folder.files) for folder in folders}
        for part, folders in found.parts.items()
    }
    parts = [part for part in ("valid", "test") if part in counts]
    own = f", with folders for {' and '.join(('train', *parts))}" if parts else ""
    classes = plural(len(counts["train"]), "class", "classes")
    return ImageStarter(
        SeenImages(
            what=f"{len(paths):,} pictures in {classes}, a folder each{own}",
            data={"format": "image_folder", "path": listing.path, **opened.settings},
            counts=counts,
            side=opened.side,
            all_square=set(opened.sides) == {(opened.side, opened.side)},
            num_looked_at=len(opened.sides),
            is_grey=not any(opened.colours),
            prepare_s=opened.each_s * len(paths),
            why={"format": "It has a subfolder with pictures for each class.", **opened.why},
        )
    )


@dataclass
class _Opened:
    """What was seen of the pictures that were opened.

    Attributes:
        sides: Width and height of each.
        colours: Whether each has a colour.
        broken: What is wrong with those that cannot be read.
        each_s: How long one took.
    """

    sides: list[tuple[int, int]] = field(default_factory=list)
    colours: list[bool] = field(default_factory=list)
    broken: list[BrokenPictureError] = field(default_factory=list)
    each_s: float = 0.0

    @property
    def side(self) -> int:
        """The median of the shorter sides."""
        return median_low(map(min, self.sides))

    @property
    def settings(self) -> dict[str, str]:
        """What follows from them for `task.data`."""
        return {"fit": "pad" if self._differ else "stretch"} | (
            {"on_error": "skip"} if self.broken else {}
        )

    @property
    def why(self) -> dict[str, str]:
        """Why these settings are what they are."""
        fit = "differ: nothing is stretched or cut off" if self._differ else "are nearly the same"
        broken = (
            f"{len(self.broken)} of {len(self.broken) + len(self.sides)} cannot be read, such as "
            f"{one_line(self.broken[0], 200)}"
            if self.broken
            else ""
        )
        return {"fit": f"The proportions of the pictures {fit}.", "on_error": broken}

    @property
    def _differ(self) -> bool:
        """Whether pictures have other proportions than others."""
        ratios = sorted(width / height for width, height in self.sides)
        return ratios[-1 - len(ratios) // 20] > _ALIKE * ratios[len(ratios) // 20]


def _refuse_deeper(listing: Listing, found: ClassFolders) -> None:
    """Refuse a folder around the folder that is meant, as archives often have one."""
    folders = found.parts["train"]
    if len(folders) == 1 and not folders[0].files and folders[0].num_deeper:
        inner = one_line(Path(listing.path, folders[0].path.name))
        raise DataError(
            f"{listing.where}: expected a subfolder of pictures for each class, got one folder "
            f"with folders in it: try {inner}"
        )


def _spread(paths: Sequence[Path], num: int) -> list[Path]:
    """Return so many of all, evenly spread, in an order in which the first are spread, too."""
    chosen = (
        [paths[index * len(paths) // num] for index in range(num)] if num < len(paths) else paths
    )
    stride = max(1, len(chosen) // _PIECE)
    return [path for first in range(stride) for path in chosen[first::stride]]


def _opened(paths: Sequence[Path], allowance: Allowance) -> _Opened:
    """Open some pictures, as many as there is time for."""
    reader = PictureReader((3, _SIDE, _SIDE), background="white", allowance=allowance)
    opened, started_s = _Opened(), time.perf_counter()
    for first in range(0, len(paths), _PIECE):
        piece = paths[first : first + _PIECE]
        for path, picture in zip(piece, reader.read_all(piece), strict=True):
            if isinstance(picture, BrokenPictureError):
                opened.broken.append(picture)
            elif picture is not None:
                opened.sides.append(_size(path))
                opened.colours.append(_has_colour(picture.pixels))
        spent_s = time.perf_counter() - started_s
        opened.each_s = spent_s / (first + len(piece))
        if spent_s > _MOST_S:
            break
    return opened


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _has_colour(pixels_CHW: np.ndarray) -> bool:
    """Say whether red, green and blue differ."""
    if len(pixels_CHW) == 1:
        return False
    spread = pixels_CHW.max(axis=0).astype(int) - pixels_CHW.min(axis=0)
    return bool(spread.max() > _COLOUR)
