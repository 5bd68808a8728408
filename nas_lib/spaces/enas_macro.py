"""Whole convolutional networks (ENAS, Pham et al. 2018, "macro" search).

The controller goes from layer to layer. For each it chooses an operation, and which outputs before
the previous layer's are added to what the operation makes of that: number 0 is the stem's output, i
that of the i-th layer. So the first layer has no such choice, and the l-th has l - 1 bits.

The configuration string has one part per layer, the first next to the image:

    96 filters | conv3 | sep5 + 0 | max3 | conv3 + 0,2

that is the filters up to the first pooling layer, and each layer's operation and skip connections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from nas_lib.architecture import Architecture
from nas_lib.config import EnasMacroSpaceConfig
from nas_lib.config.spaces import MacroOperation
from nas_lib.errors import ArchitectureError
from nas_lib.spaces.decisions import Choice, Decision, Subset, check_tokens
from nas_lib.spaces.published import published_tokens

_MIN_LAYERS = 3  # so that each third has one
_FILTERS = re.compile(r"([1-9]\d*) filters")
_LAYER = re.compile(
    rf"(?P<operation>{'|'.join(get_args(MacroOperation))})(?: \+ (?P<skips>\d+(?:,\d+)*))?"
)


@dataclass(frozen=True)
class MacroLayer:
    """One layer.

    Attributes:
        operation: What is done to the previous output.
        skips: Outputs that join it, ascending: 0 is the stem's, i that of the i-th layer.
    """

    operation: MacroOperation
    skips: tuple[int, ...] = ()

    def __str__(self) -> str:
        skips = f" + {','.join(map(str, self.skips))}" if self.skips else ""
        return f"{self.operation}{skips}"


@dataclass(frozen=True)
class MacroPlan:
    """A network as it is built; as text its configuration string.

    Attributes:
        filters: Channels of the first third; they double where the size is halved.
        layers: In order.
    """

    filters: int
    layers: tuple[MacroLayer, ...]

    def __str__(self) -> str:
        return " | ".join([f"{self.filters} filters", *map(str, self.layers)])


def pools_after(num_layers: int) -> tuple[int, int]:
    """Return the two layers, from 0, after which height and width are halved."""
    third = num_layers // 3
    return third - 1, 2 * third - 1


def parse_macro(config: str) -> MacroPlan:
    """Return the network that a configuration string spells out.

    Raises:
        ArchitectureError: The text has another form, or a layer takes itself or a later one.
    """
    head, *layers = config.split(" | ")
    match = _FILTERS.fullmatch(head)
    if match is None:
        raise ArchitectureError(f"an enas-macro network must begin like '96 filters', got {head!r}")
    if len(layers) < _MIN_LAYERS:
        raise ArchitectureError(
            f"an enas-macro network must have at least {_MIN_LAYERS} layers, got {len(layers)}"
        )
    return MacroPlan(int(match[1]), tuple(map(_parse_layer, layers, range(1, len(layers) + 1))))


class EnasMacroSpace:
    """The space of one `EnasMacroSpaceConfig`."""

    name = "enas-macro"
    max_depth = 1

    def __init__(self, config: EnasMacroSpaceConfig) -> None:
        self._config = config

    def depth(self, num_children: int) -> int:
        """Return 1: every architecture has the same decisions."""
        return 1

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the published code."""
        num_operations = len(self._config.operations)
        return tuple(
            decision
            for num_skips in range(self._config.layers)
            for decision in (Choice("operation", num_operations), Subset("skip", num_skips))
        )

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture of these tokens, as it is trained from scratch."""
        check_tokens(self.decisions(1), tokens)
        rest = iter(tokens)
        layers = tuple(
            MacroLayer(
                self._config.operations[next(rest)],
                tuple(skip for skip in range(num_skips) if next(rest)),
            )
            for num_skips in range(self._config.layers)
        )
        plan = MacroPlan(self._config.child.filters, layers)
        return Architecture(self.name, tuple(tokens), str(plan))

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens of this architecture."""
        plan = parse_macro(architecture.config)
        tokens = tuple(
            token
            for num_skips, layer in enumerate(plan.layers)
            for token in self._encode_layer(layer, num_skips)
        )
        if self.decode(tokens).config != architecture.config:
            raise ArchitectureError(f"not an architecture of this space: {architecture.config}")
        return tokens

    def from_published(self, text: str) -> Architecture:
        """Return the architecture that the published code writes like `0 3 0 0 1 0 ...`.

        Each layer is the number of its operation, followed by its skip bits.

        Raises:
            ArchitectureError: The text has another form, or other numbers than this space.
        """
        return self.decode(published_tokens(text))

    def _encode_layer(self, layer: MacroLayer, num_skips: int) -> Iterator[int]:
        if layer.operation not in self._config.operations:
            raise ArchitectureError(
                f"operation must be one of {list(self._config.operations)}, got {layer.operation}"
            )
        yield self._config.operations.index(layer.operation)
        yield from (int(skip in layer.skips) for skip in range(num_skips))


def _parse_layer(text: str, number: int) -> MacroLayer:
    match = _LAYER.fullmatch(text)
    if match is None:
        raise ArchitectureError(
            f"layer {number} must read like 'conv3' or 'sep5 + 0,1', with one of "
            f"{', '.join(get_args(MacroOperation))}, got {text!r}"
        )
    skips = tuple(map(int, match["skips"].split(","))) if match["skips"] else ()
    if any(skip > number - 2 for skip in skips) or list(skips) != sorted(set(skips)):
        raise ArchitectureError(f"layer {number} can add {_can_add(number)}, got {match['skips']}")
    return MacroLayer(cast(MacroOperation, match["operation"]), skips)


def _can_add(number: int) -> str:
    return f"outputs 0 to {number - 2} in ascending order" if number > 1 else "no other output"
