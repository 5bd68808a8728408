"""Published cells by name: architectures of a space that were found before, and are good."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError
from nas_lib.spaces.enas_micro import EnasMicroSpaceConfig
from nas_lib.spaces.enas_rnn import EnasRnnSpaceConfig
from nas_lib.spaces.nas_rnn import LayersConfig, NasRnnSpaceConfig
from nas_lib.spaces.nasnet import NasNetSpaceConfig, PutOutConfig, StackConfig
from nas_lib.spaces.space import Space, SpacePart, planned

_ENAS_MICRO: Final = (
    "15 cells, 36 filters "
    "| normal: avg3(0)+sep3(0) identity(0)+sep5(0) identity(0)+sep5(1) sep5(0)+sep3(1) "
    "avg3(0)+sep5(1) "
    "| reduction: sep3(1)+sep3(1) avg3(0)+max3(0) sep5(1)+sep5(3) identity(0)+sep3(1) "
    "max3(0)+sep5(1)"
)
_NASNET_A: Final = (
    "6 cells per stage, 32 filters "
    "| normal: sep3(0)+sep5(1) sep3(0)+sep5(0) identity(0)+avg3(1) avg3(0)+avg3(0) "
    "identity(1)+sep3(1) -> 0,2,3,4,5,6 "
    "| reduction: sep7(0)+sep5(1) sep7(0)+max3(1) sep5(0)+avg3(1) avg3(2)+identity(3) "
    "max3(1)+sep3(2) -> 3,4,5,6"
)
_NAS_CELL: Final = (
    "2 layers, 740 units "
    "| add sigmoid | add relu | add sigmoid | mul relu "
    "| add tanh | add sigmoid | add tanh | add sigmoid "
    "| mul tanh | add tanh | mul tanh | add sigmoid "
    "| mul identity | add tanh | mul tanh "
    "| inject add tanh into 8 | memory of 12"
)
_ENAS_RNN: Final = (
    "800 units | tanh | sigmoid(0) | tanh(1) | relu(2) | sigmoid(2) | tanh(4) | tanh(5) "
    "| sigmoid(3) | sigmoid(6) | mean of 1,2,3,4,5,6,7,8"
)


class Published(NamedTuple):
    """An architecture that was published.

    Attributes:
        space: Settings of the space that it is of, at the size that it was published with.
        architecture: Its configuration string there.
    """

    space: SpacePart
    architecture: str


PUBLISHED: Final[Mapping[str, Published]] = MappingProxyType(
    {
        # Zoph et al. 2018; slim's nasnet_utils.py, which joins 0 and 3 although blocks take them
        "nasnet-a": Published(
            NasNetSpaceConfig(
                child=StackConfig(cells=6, filters=32),
                put_out=PutOutConfig(normal=(0,), reduction=(3,)),
            ),
            _NASNET_A,
        ),
        # Pham et al. 2018; its numbers are in their code, scripts/cifar10_micro_final.sh
        "enas-micro": Published(EnasMicroSpaceConfig(), _ENAS_MICRO),
        # Pham et al. 2018; its numbers are in the README of the code published later, enas_lm
        "enas-rnn": Published(EnasRnnSpaceConfig(), _ENAS_RNN),
        # Zoph & Le 2017; as TensorFlow's NASCell has it. Of the size there is only the number of
        # parameters: with 10,000 words these are its 25 million tied, and 32 million untied
        "nas-cell": Published(NasRnnSpaceConfig(child=LayersConfig(hidden=740)), _NAS_CELL),
    }
)
"""Architectures by the names that `nas transfer` and `search.start_from` know them by."""


def find_published(name: str) -> Published | None:
    """Return what was published under this name, None where nothing was."""
    return PUBLISHED.get(name)


def published_in(space: Space, published: Published) -> Architecture:
    """Return what was published as an architecture of a space, at the sizes of that.

    Raises:
        ArchitectureError: The space is of another kind, or has not all its operations.
    """
    ours, theirs = planned(space), planned(published.space.build())
    if ours.plan_class is not theirs.plan_class:
        raise ArchitectureError(f"it is of space.kind {published.space.kind}")
    return ours.alike(theirs.plan_class.parse(published.architecture))
