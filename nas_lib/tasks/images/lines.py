"""Series as people see them: lines, on light and on dark paper.

Letters: C channels, T steps.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE: Final = (224, 112)
_MARGIN: Final = 3
_FINER: Final = 2  # times as many pixels, made fewer in the end: lines without steps
_COLOURS: Final = ("#3b82c4", "#d9772b", "#3f9a57", "#b0559c", "#8b7a2f", "#6b7280")
"""Of channels; more of them begin anew. All are seen on white and on black."""


def line_chart(series_CT: NDArray[Any], size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a picture of a series, each channel from its lowest value to its highest."""
    width, height = _FINER * size[0], _FINER * size[1]
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pencil = ImageDraw.Draw(picture)
    margin = _FINER * _MARGIN
    for number, values_T in enumerate(_few(series_CT.astype(np.float64), width)):
        low, high = values_T.min(), values_T.max()
        share_T = (values_T - low) / (high - low) if high > low else np.full(len(values_T), 0.5)
        x_T = np.linspace(margin, width - margin, len(values_T))
        y_T = margin + (1 - share_T) * (height - 2 * margin)
        points = list(zip(x_T.tolist(), y_T.tolist(), strict=True))
        pencil.line(points if len(points) > 1 else 2 * points, _COLOURS[number % 6], _FINER + 1)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _few(series_CT: NDArray[Any], most: int) -> NDArray[Any]:
    """Return no more steps than there are pixels, evenly spread."""
    num = series_CT.shape[1]
    return series_CT if num <= most else series_CT[:, np.arange(most) * num // most]
