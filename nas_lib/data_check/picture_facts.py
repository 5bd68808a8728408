"""What picture files say of themselves: how large they are, of which type, turned or transparent.

Only their first bytes are read.
"""

from __future__ import annotations

import io
import warnings
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

import numpy as np
from PIL import ExifTags, Image

from nas_lib.data_check.found import Finding
from nas_lib.errors import one_line, plural
from nas_lib.tasks.images.readers.decoding import PictureFiles
from nas_lib.tasks.images.readers.pictures import Content, picture_formats, picture_suffixes

_MOST_NAMED: Final = 5
_LONGEST_SUFFIX: Final = 12
_ON_ITS_SIDE: Final = (5, 6, 7, 8)  # by EXIF
_ALIKE: Final = 1.25  # of proportions, by which most of them differ at most


@dataclass
class PictureFacts:
    """What was seen of all files.

    Attributes:
        widths: Of each picture, upright.
        heights: Likewise.
        types: How many there are of each type.
        others: How many files are no pictures, by their suffixes.
        num_grey: Pictures that are stored without colours.
        num_transparent: Pictures that may be seen through.
        num_turned: Pictures that EXIF turns.
    """

    widths: array[int] = field(default_factory=lambda: array("q"))
    heights: array[int] = field(default_factory=lambda: array("q"))
    types: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    num_grey: int = 0
    num_transparent: int = 0
    num_turned: int = 0

    @classmethod
    def of(cls, files: PictureFiles) -> PictureFacts:
        """Look at all files; what is broken further on is not noticed."""
        facts = cls()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            everything = np.arange(len(files.names))
            for name, item in zip(files.names, files.items(everything), strict=True):
                facts._add(str(name), item)
        return facts

    def _add(self, name: str, item: Path | Content) -> None:
        source = io.BytesIO(item.data) if isinstance(item, Content) else item
        try:
            with Image.open(source, formats=picture_formats()) as image:
                turn = image.getexif().get(ExifTags.Base.Orientation, 1)
                width, height = image.size
                has_alpha = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
                is_grey, kind = image.mode in ("1", "L", "LA", "I;16", "I", "F"), image.format
        except Exception:  # decoders raise what they like; reading says what is broken
            suffix = PurePath(name).suffix.lower()
            if suffix not in picture_suffixes():
                self.others[one_line(suffix, _LONGEST_SUFFIX) or "without suffix"] += 1
            return
        self.types[str(kind)] += 1
        self.num_grey += is_grey
        self.num_transparent += has_alpha
        self.num_turned += turn in range(2, 9)
        sides = (height, width) if turn in _ON_ITS_SIDE else (width, height)
        self.widths.append(sides[0])
        self.heights.append(sides[1])

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what there is to know, by name."""
        num = len(self.widths)
        if not num:
            return
        widths, heights = np.array(self.widths), np.array(self.heights)
        order = np.argsort(widths * heights, kind="stable")
        smallest, middle, largest = (
            f"{widths[at]:,}x{heights[at]:,}" for at in (order[0], order[num // 2], order[-1])
        )
        types = ", ".join(f"{count:,} {kind}" for kind, count in self.types.most_common())
        yield "files", types
        yield "sizes", f"from {smallest} to {largest}, in the middle {middle}"
        ratios = widths / heights
        yield (
            "proportions",
            (
                f"from {ratios.min():.2f} to {ratios.max():.2f} (width / height), in the middle "
                f"{np.median(ratios):.2f}"
            ),
        )
        counts = {
            "stored in grey": self.num_grey,
            "transparent": self.num_transparent,
            "turned by EXIF": self.num_turned,
        }
        if told := ", ".join(f"{count:,} {what}" for what, count in counts.items() if count):
            yield "of them", told

    def findings(self, *, size: int, fit: str) -> Iterator[Finding]:
        """Yield what a user should know.

        Args:
            size: The side of what they become.
            fit: How.
        """
        if self.others:
            most = self.others.most_common(_MOST_NAMED)
            named = ", ".join(f"{num:,} {suffix}" for suffix, num in most)
            more = sum(self.others.values()) - sum(num for _, num in most)
            named += f", {more:,} others" if more else ""
            text = (
                f"{plural(sum(self.others.values()), 'file')} of a type that is not read: {named}"
            )
            yield Finding("warning", text, "convert what are pictures, for instance to PNG")
        if not len(self.widths):
            return
        widths, heights = np.array(self.widths), np.array(self.heights)
        num_small = int((np.minimum(widths, heights) < size).sum())
        if 2 * num_small > len(widths):
            yield Finding(
                "note",
                f"{num_small:,} of {len(widths):,} pictures are smaller than {size}x{size} and "
                "are enlarged",
                "a smaller task.data.size is quicker, and loses nothing",
            )
        low, high = np.quantile(widths / heights, [0.05, 0.95])
        if fit == "stretch" and high > _ALIKE * low:
            yield Finding(
                "note",
                f"pictures of different proportions (90 % from {low:.2f} to {high:.2f}) are "
                "stretched",
                "task.data.fit: pad or crop keeps their proportions",
            )
