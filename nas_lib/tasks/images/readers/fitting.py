"""How a picture of any proportions becomes one of a fixed size: stretched, padded or cropped.

In whole pixels, so that the graph of a model (`nas_lib/export/images.py`) does the very same.
Sizes are width and height, as Pillow has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from nas_lib.config import Fit

Size = tuple[int, int]


def resized(image: Image.Image, wanted: Size, fit: Fit) -> Image.Image:
    """Return the picture as large as wanted; of one to be padded, one side may be shorter."""
    if fit == "crop":
        image = image.crop(middle(image.size, wanted))
    size = within(image.size, wanted) if fit == "pad" else wanted
    return image.resize(size, Image.Resampling.BILINEAR)


def middle(size: Size, wanted: Size) -> tuple[int, int, int, int]:
    """Return the middle of a picture that has the wanted proportions: left, top, right, bottom."""
    (width, height), (to_width, to_height) = size, wanted
    across = max(1, min(width, _rounded(height * to_width, to_height)))
    down = max(1, min(height, _rounded(width * to_height, to_width)))
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down


def within(size: Size, wanted: Size) -> Size:
    """Return the largest size with a picture's proportions that fits into the wanted one."""
    (width, height), (to_width, to_height) = size, wanted
    across = max(1, min(to_width, _rounded(width * to_height, height)))
    down = max(1, min(to_height, _rounded(height * to_width, width)))
    return across, down


def fill(background: str, num_channels: int) -> npt.NDArray[np.uint8]:
    """Return the background's level in each channel, `[C, 1, 1]`."""
    colour = ImageColor.getcolor(background, "L" if num_channels == 1 else "RGB")
    return np.array(colour, np.uint8).reshape(-1, 1, 1)


def padded(
    pixels_CHW: npt.NDArray[Any], wanted: Size, fill_C11: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return pixels in the middle of an array of the wanted size, which is filled around them."""
    channels, height, width = pixels_CHW.shape
    to_width, to_height = wanted
    if (width, height) == wanted:
        return pixels_CHW
    whole = np.empty((channels, to_height, to_width), pixels_CHW.dtype)
    whole[:] = fill_C11
    top, left = (to_height - height) // 2, (to_width - width) // 2
    whole[:, top : top + height, left : left + width] = pixels_CHW
    return whole


def _rounded(number: int, divisor: int) -> int:
    return (number + divisor // 2) // divisor
