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
from typing import ClassVar, Literal, cast, get_args

from pydantic import Field

from nas_lib.architecture import Architecture
from nas_lib.bounds import Width
from nas_lib.errors import ArchitectureError
from nas_lib.part import Part
from nas_lib.spaces.decisions import Choice, Decision, Subset, check_tokens
from nas_lib.spaces.space import OptionsPart, PlannedSpace, Space, option_index, published_tokens

MacroOperation = Literal["conv3", "sep3", "conv5", "sep5", "avg3", "max3"]

_MIN_LAYERS = 3  # so that each third has one
_FILTERS = re.compile(r"([1-9]\d*) filters")
_LAYER = re.compile(
    rf"(?P<operation>{'|'.join(get_args(MacroOperation))})(?: \+ (?P<skips>\d+(?:,\d+)*))?"
)


class FiltersConfig(Part):
    """Size of a network of macro layers."""

    filters: Width = Field(description="Output channels of each layer.")


class EnasMacroSpaceConfig(OptionsPart):
    """Whole convolutional networks: an operation and skip connections per layer (ENAS, 2.3)."""

    tasks: ClassVar[tuple[str, ...]] = ("images",)
    super_network: ClassVar[str] = "nas_lib.shared_weights.macro:MacroSuperNetwork"
    sizes: ClassVar[tuple[str, ...]] = ("filters",)

    kind: Literal["enas-macro"] = "enas-macro"
    layers: int = Field(
        12, ge=3, le=1000, description="Layers; after each third the size is halved."
    )
    operations: tuple[MacroOperation, ...] = Field(
        ("conv3", "sep3", "conv5", "sep5", "avg3", "max3"),
        min_length=1,
        description="What a layer may be, in the order of the tokens.",
    )
    shared: FiltersConfig = Field(
        FiltersConfig(filters=36), description="Of the network that owns the shared weights."
    )
    child: FiltersConfig = Field(
        FiltersConfig(filters=96), description="Of networks trained from scratch."
    )

    @property
    def num_options(self) -> int:
        """Options of each choice."""
        return len(self.operations)

    def build(self, given: Space | None = None) -> EnasMacroSpace:
        """Return the space."""
        return EnasMacroSpace(self)


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

    network: ClassVar[str] = "nas_lib.networks.enas_macro:MacroNetwork"

    filters: int
    layers: tuple[MacroLayer, ...]

    def __str__(self) -> str:
        return " | ".join([f"{self.filters} filters", *map(str, self.layers)])

    @classmethod
    def parse(cls, text: str) -> MacroPlan:
        """Return the network that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, or a layer takes itself or a later one.
        """
        head, *layers = text.split(" | ")
        match = _FILTERS.fullmatch(head)
        if match is None:
            raise ArchitectureError(
                f"an enas-macro network must begin like '96 filters', got {head!r}"
            )
        if len(layers) < _MIN_LAYERS:
            raise ArchitectureError(
                f"an enas-macro network must have at least {_MIN_LAYERS} layers, got {len(layers)}"
            )
        return cls(int(match[1]), tuple(map(_parse_layer, layers, range(1, len(layers) + 1))))

    @property
    def brief(self) -> str:
        """Its size, and its layers' operations."""
        return f"{self.filters} filters: {' '.join(layer.operation for layer in self.layers)}"

    @property
    def num_layers(self) -> int:
        """The stem does not count."""
        return len(self.layers)


def pools_after(num_layers: int) -> tuple[int, int]:
    """Return the two layers, from 0, after which height and width are halved."""
    third = num_layers // 3
    return third - 1, 2 * third - 1


class EnasMacroSpace(PlannedSpace[MacroPlan]):
    """The space of one `EnasMacroSpaceConfig`."""

    name = "enas-macro"
    plan_class = MacroPlan

    def __init__(self, config: EnasMacroSpaceConfig) -> None:
        self._config = config

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the published code."""
        num_operations = len(self._config.operations)
        return tuple(
            decision
            for num_skips in range(self._config.layers)
            for decision in (Choice("operation", num_operations), Subset("skip", num_skips))
        )

    def plan(self, tokens: Sequence[int]) -> MacroPlan:
        """Return the network of these tokens, as it is trained from scratch."""
        check_tokens(self.decisions(1), tokens)
        rest = iter(tokens)
        layers = tuple(
            MacroLayer(
                self._config.operations[next(rest)],
                tuple(skip for skip in range(num_skips) if next(rest)),
            )
            for num_skips in range(self._config.layers)
        )
        return MacroPlan(self._config.child.filters, layers)

    def _tokens_of(self, plan: MacroPlan) -> Iterator[int]:
        for num_skips, layer in enumerate(plan.layers):
            yield option_index(self._config.operations, layer.operation, "operation")
            yield from (int(skip in layer.skips) for skip in range(num_skips))

    def from_published(self, text: str) -> Architecture:
        """Return the architecture that the published code writes like `0 3 0 0 1 0 ...`.

        Each layer is the number of its operation, followed by its skip bits.

        Raises:
            ArchitectureError: The text has another form, or other numbers than this space.
        """
        return self.decode(published_tokens(text))


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
