"""Images as people see them.

Shapes: C channels, H x W pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas_lib.tasks.images.lines import line_chart


def as_picture(image_CHW: NDArray[np.generic]) -> Image.Image:
    """Return an image as a picture.

    Three channels are colours; any other number is shown as the mean of all, in grey. Of numbers
    that are no bytes the image's lowest is black and its highest white; where those are one pixel
    high, they are a series, and are seen as lines.
    """
    if is_series(image_CHW):
        return line_chart(image_CHW[:, 0])
    values = image_CHW if len(image_CHW) == 3 else image_CHW.mean(axis=0, keepdims=True)
    if image_CHW.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = (values.astype(np.float64) - low) * (255 / (high - low) if high > low else 0.0)
    pixels_HWC = values.round().astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(pixels_HWC if len(values) == 3 else pixels_HWC[:, :, 0])


def is_series(image_CHW: NDArray[np.generic]) -> bool:
    """Say whether an image is a series: one pixel high, and of numbers that are no bytes."""
    return image_CHW.dtype != np.uint8 and image_CHW.shape[1] == 1 < image_CHW.shape[2]
