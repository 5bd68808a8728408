"""Convolutional networks for series: windows, strides and pooling along time alone.

Those of `nas_lib.spaces.cnn` on images one pixel high, so that the same plans and networks serve:
a window of 7 steps reads `conv 1x7x32/1x1`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nas_lib.bounds import Few, Side, Width
from nas_lib.spaces.cnn import CnnSpaceConfig, Sides

_One = Annotated[int, Field(ge=1, le=1)]


class SeriesCnnSpaceConfig(CnnSpaceConfig):
    """Convolutional networks with skip connections, along time."""

    tasks: ClassVar[tuple[str, ...]] = ("series",)
    stride_heights: ClassVar[tuple[Side, ...]] = (1,)
    pool_height: ClassVar[int] = 1

    kind: Literal["series-cnn"] = "series-cnn"  # type: ignore[assignment]  # another than cnn
    filter_heights: tuple[_One, ...] = Field(
        (1,), min_length=1, max_length=1, description="A series is one pixel high."
    )
    filter_widths: Sides = Field((3, 5, 7, 9, 15), description="Of a convolution, in steps.")
    strides: Sides = Field((1,), description="Along time.")
    num_filters: tuple[Width, ...] = Field(
        (16, 24, 32, 48), min_length=1, description="Output channels of a layer."
    )
    pool_layers: tuple[Few, ...] = Field(
        (), description="Layers (from 1) that are always the maximum of 2 steps, with stride 2."
    )
