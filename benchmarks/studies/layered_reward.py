"""A reward that is computed, not trained, over convolutional networks of six layers.

It has what a trained reward has: layers want different things at different depths, what one layer
should be depends on the one before it, good neighbours help each other, and connections are judged
as a set. Its one optimum, `OPTIMUM`, is worth 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from nas_lib.architecture import Architecture
from nas_lib.config import CnnSpaceConfig, DepthConfig
from nas_lib.spaces import CnnSpace
from nas_lib.spaces.cnn import Layer

SPACE = CnnSpaceConfig(depth=DepthConfig(start=6, step=0, max=6))
_SPACE = CnnSpace(SPACE)

_HEIGHTS = (0, 0, 1, 2, 3, 3)  # wanted option of each layer, by its index: from 1 to 7 pixels
_FILTERS = (1, 0, 1, 2, 3, 2)  # a dip, then more and more, then fewer: from 24 to 64
_FIRST_WIDTH = 3
_EDGES = frozenset({(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (1, 4), (3, 6)})  # (from, to), from 1
_MAX_INDEX = 3  # every option list has four


def reward(architecture: Architecture) -> float:
    """Return the worth of an architecture, in [0, 1].

    Half of it is how well the layers fit on average, a quarter how well neighbours fit together,
    a quarter the Jaccard index of the connections and the wanted ones: missing ones cost, and so
    do needless ones.
    """
    layers = _SPACE.plan(architecture.tokens).layers
    fits = _fits(layers)
    neighbours = [before * after for before, after in pairwise(fits)]
    return 0.5 * fmean(fits) + 0.25 * fmean(neighbours) + 0.25 * _connections(layers)


def _fits(layers: Sequence[Layer]) -> list[float]:
    """Return how well each layer fits, in [0, 1]: the product over its three properties.

    A layer should be as wide as the layer before it is low: the best width is no property of the
    position, it depends on what was chosen.
    """
    fits = []
    wanted_width = _FIRST_WIDTH
    for layer, wanted_height, wanted_filters in zip(layers, _HEIGHTS, _FILTERS, strict=True):
        height = SPACE.filter_heights.index(layer.height)
        width = SPACE.filter_widths.index(layer.width)
        filters = SPACE.num_filters.index(layer.num_filters)
        fits.append(
            _closeness(height, wanted_height)
            * _closeness(width, wanted_width)
            * _closeness(filters, wanted_filters)
        )
        wanted_width = _MAX_INDEX - height
    return fits


def _closeness(index: int, wanted: int) -> float:
    return 1 - abs(index - wanted) / _MAX_INDEX


def _connections(layers: Sequence[Layer]) -> float:
    """Return the Jaccard index of the chosen connections and the wanted ones."""
    chosen = {(source, to) for to, layer in enumerate(layers, start=1) for source in layer.inputs}
    return len(chosen & _EDGES) / len(chosen | _EDGES)


def _optimum() -> Architecture:
    tokens: list[int] = []
    widths = (_FIRST_WIDTH, *(_MAX_INDEX - height for height in _HEIGHTS))
    choices = zip(_HEIGHTS, widths, _FILTERS, strict=False)  # the last width is of no layer
    for number, choice in enumerate(choices, start=1):
        tokens += [*choice, *(int((source, number) in _EDGES) for source in range(1, number))]
    return _SPACE.decode(tokens)


OPTIMUM = _optimum()
