"""Some pictures of many, opened: how large they are, and whether they have colours."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, one_line
from nas_lib.starting_documents.seen_images import Counts, SeenImages
from nas_lib.tasks.images.readers.decoding import PictureFiles
from nas_lib.tasks.images.readers.pictures import BrokenPictureError, Content, PictureReader

_MOST_OPENED: Final = 200
_MOST_S: Final = 5.0  # that opening them may take
_PIECES: Final = 5
_SIDE: Final = 32  # of what they are decoded to
_COLOUR: Final = 8  # of 255: red, green and blue of a grey JPEG differ by less
_ALIKE: Final = 1.25  # of proportions, by which most of them differ at most


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
    def settings(self) -> dict[str, str]:
        """What follows from them for `task.data`."""
        fit = {"fit": "pad" if self._differ else "stretch"}
        return fit | ({"on_error": "skip"} if self.broken else {})

    @property
    def why(self) -> dict[str, str]:
        """Why these settings are what they are."""
        how = "differ: nothing is stretched or cut off" if self._differ else "are nearly the same"
        why = {"fit": f"The proportions of the pictures {how}."}
        if self.broken:
            num, num_all = len(self.broken), len(self.broken) + len(self.sides)
            such = one_line(self.broken[0], 200)
            why["on_error"] = f"{num} of {num_all} cannot be read, such as {such}"
        return why

    @property
    def _differ(self) -> bool:
        """Whether pictures have other proportions than others."""
        ratios = sorted(width / height for width, height in self.sides)
        few = len(ratios) // 20
        return ratios[-1 - few] > _ALIKE * ratios[few]


def seen_pictures(
    files: PictureFiles,
    allowance: Allowance,
    *,
    where: str,
    what: str,
    data: dict[str, Any],
    counts: Counts,
    why: dict[str, str],
    notes: tuple[str, ...] = (),
) -> SeenImages:
    """Return what is seen of picture files, some of which are opened.

    Args:
        files: All of them.
        allowance: How much memory they may take.
        where: What they are called in errors.
        what: How many of what, in words.
        data: Settings of `task.data` that are known.
        counts: Files of each class.
        why: Why these settings are what they are.
        notes: What a user should know.

    Raises:
        DataError: None of them is a picture.
    """
    opened = _opened(files, allowance)
    if not opened.sides:
        error = f": {opened.broken[0]}" if opened.broken else ""
        raise DataError(f"{where}: none of its files is a picture that can be read{error}")
    side = median_low(map(min, opened.sides))
    return SeenImages(
        what=what,
        data=data | opened.settings,
        counts=counts,
        side=side,
        all_square=set(opened.sides) == {(side, side)},
        num_looked_at=len(opened.sides),
        is_grey=not any(opened.colours),
        prepare_s=opened.each_s * len(files.names),
        why=why | opened.why,
        notes=notes,
    )


def _opened(files: PictureFiles, allowance: Allowance) -> _Opened:
    """Open some pictures, evenly spread, as many as there is time for."""
    num = len(files.names)
    chosen = np.unique(np.linspace(0, num - 1, min(num, _MOST_OPENED)).astype(np.intp))
    reader = PictureReader((3, _SIDE, _SIDE), background="white", allowance=allowance)
    opened, num_done, started_s = _Opened(), 0, time.perf_counter()
    for first in range(_PIECES):
        items = list(files.items(chosen[first::_PIECES]))
        for item, picture in zip(items, reader.read_all(items), strict=True):
            if isinstance(picture, BrokenPictureError):
                opened.broken.append(picture)
            elif picture is not None:
                opened.sides.append(_size(item))
                opened.colours.append(_has_colour(picture.pixels))
        num_done += len(items)
        spent_s = time.perf_counter() - started_s
        opened.each_s = spent_s / max(1, num_done)
        if spent_s > _MOST_S:
            break
    return opened


def _size(item: Path | Content) -> tuple[int, int]:
    with Image.open(item if isinstance(item, Path) else io.BytesIO(item.data)) as image:
        return image.size


def _has_colour(pixels_CHW: npt.NDArray[Any]) -> bool:
    """Say whether red, green and blue differ."""
    if len(pixels_CHW) == 1:
        return False
    spread_HW = pixels_CHW.max(axis=0).astype(int) - pixels_CHW.min(axis=0)
    return bool(spread_HW.max() > _COLOUR)
