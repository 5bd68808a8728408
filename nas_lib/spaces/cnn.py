"""Convolutional networks with skip connections (Zoph & Le 2017, sections 3.1 and 3.3).

The controller goes from layer to layer. For each it chooses filter height, filter width, stride
height, stride width and number of filters, in the paper's order, and at the layer's anchor point
which of the earlier layers are its inputs. An option list with one value is no decision.

The configuration string has one part per layer, the first next to the image:

    conv 3x5x36/1x1 <- image | max_pool 2x2/2x2 <- 1 | 3*conv 3x3x24/1x1 <- 1,2

that is kind, height x width (x filters), stride height x stride width, and the inputs; `3*` is a
densely connected block of three such convolutions. Who takes no layer takes the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from nas_lib.bounds import Count, Few, Side, Width
from nas_lib.errors import ArchitectureError
from nas_lib.part import Part
from nas_lib.spaces.decisions import Choice, Decision, Subset, check_tokens, num_tokens
from nas_lib.spaces.space import PlannedSpace, Space, SpacePart, option_index

LayerType = Literal["conv", "max_pool"]
Sides = Annotated[tuple[Side, ...], Field(min_length=1)]

_POOL_SIZE = 2  # window and stride of every max-pooling layer
_NUMBER = r"[1-9]\d*"
_LAYER = re.compile(
    rf"(?:(?P<convs>{_NUMBER})\*)?(?P<kind>conv|max_pool) "
    rf"(?P<height>{_NUMBER})x(?P<width>{_NUMBER})(?:x(?P<filters>{_NUMBER}))?"
    rf"/(?P<stride_height>{_NUMBER})x(?P<stride_width>{_NUMBER})"
    r" <- (?P<inputs>image|\d+(?:,\d+)*)"
)


class DepthConfig(Part):
    """Number of layers, growing with the number of children proposed so far."""

    start: Few = Field(6, description="Layers of the first children.")
    step: int = Field(2, ge=0, le=1000, description="Layers added each time.")
    every_children: Count = Field(1600, description="Children between two additions.")
    max: Few = Field(20, description="Layers at most; sizes the controller.")

    @model_validator(mode="after")
    def _check(self) -> DepthConfig:
        if self.max < self.start:
            raise ValueError(f"max ({self.max}) must be at least start ({self.start})")
        return self


class CnnSpaceConfig(SpacePart):
    """Convolutional networks with skip connections (Zoph & Le 2017, sections 3.1 and 3.3).

    Attributes:
        stride_heights: Where they are others than `strides`; those are the widths then.
        pool_height: Of the window of max-pooling layers, and their stride.
    """

    tasks: ClassVar[tuple[str, ...]] = ("images",)
    sizes: ClassVar[tuple[str, ...]] = ("more_filters",)
    stride_heights: ClassVar[tuple[Side, ...]] = ()
    pool_height: ClassVar[int] = _POOL_SIZE

    kind: Literal["cnn"] = "cnn"
    filter_heights: Sides = Field((1, 3, 5, 7), description="Of a convolution, in pixels.")
    filter_widths: Sides = Field((1, 3, 5, 7), description="Of a convolution, in pixels.")
    strides: Sides = Field(
        (1,), description="Height and width are chosen separately; one value fixes both."
    )
    num_filters: tuple[Width, ...] = Field(
        (24, 36, 48, 64), min_length=1, description="Output channels of a layer."
    )
    layer_types: tuple[Literal["conv", "max_pool"], ...] = Field(
        ("conv",), min_length=1, description="With max_pool, the controller places pooling layers."
    )
    pool_layers: tuple[Few, ...] = Field(
        (), description="Layers (from 1) that are always 2x2 max-pooling with stride 2."
    )
    convs_per_layer: int = Field(
        1,
        ge=1,
        le=100,
        description="A layer is a densely connected block of this many equal convolutions.",
    )
    skip_connections: bool = Field(
        True, description="Let the controller choose each layer's inputs; else a plain chain."
    )
    anchor: Literal["after", "before"] = Field(
        "after", description="Choose a layer's inputs after or before its other properties."
    )
    depth: DepthConfig = Field(default_factory=DepthConfig)

    @model_validator(mode="after")
    def _check(self) -> CnnSpaceConfig:
        for name in ("filter_heights", "filter_widths", "strides", "num_filters", "layer_types"):
            options = getattr(self, name)
            if len(set(options)) != len(options):
                raise ValueError(f"{name} must not repeat an option, got {list(options)}")
        chosen = (self.layer_types, self.filter_heights, self.filter_widths, self.strides)
        decides = any(len(options) > 1 for options in (*chosen, self.num_filters))
        undecided = not self.skip_connections and (self.pool_layers or not decides)
        if undecided and self.depth.start != self.depth.max:
            raise ValueError(
                "without skip_connections, layers that choose nothing need one depth for all: "
                f"start ({self.depth.start}) equal to max ({self.depth.max})"
            )
        return self

    def _resized(self, **size: int) -> dict[str, Any]:
        """Return what becomes another setting where each layer has more filters."""
        return {"num_filters": [number + size["more_filters"] for number in self.num_filters]}

    def build(self, given: Space | None = None) -> CnnSpace:
        """Return the space."""
        return CnnSpace(self)


@dataclass(frozen=True)
class Layer:
    """One layer as it is built.

    Attributes:
        kind: `conv` is convolution, BatchNorm, ReLU.
        height: Of the filter or the pooling window, in pixels.
        width: Likewise.
        stride_height: In pixels; of the first convolution where there are several.
        stride_width: Likewise.
        inputs: Earlier layers, counted from 1, ascending; empty for the image.
        num_filters: Output channels of each convolution, 0 for pooling.
        num_convs: More than one is a densely connected block, 0 for pooling.
    """

    kind: LayerType
    height: int
    width: int
    stride_height: int
    stride_width: int
    inputs: tuple[int, ...]
    num_filters: int = 0
    num_convs: int = 0

    def __str__(self) -> str:
        block = f"{self.num_convs}*" if self.num_convs > 1 else ""
        filters = f"x{self.num_filters}" if self.kind == "conv" else ""
        inputs = ",".join(map(str, self.inputs)) or "image"
        return (
            f"{block}{self.kind} {self.height}x{self.width}{filters}"
            f"/{self.stride_height}x{self.stride_width} <- {inputs}"
        )

    @property
    def brief(self) -> str:
        """Its sizes, without what nearly every layer has."""
        if self.kind == "max_pool":
            return "pool"
        block = f"{self.num_convs}*" if self.num_convs > 1 else ""
        stride = f"/{self.stride_height}x{self.stride_width}"
        return (
            f"{block}{self.height}x{self.width}x{self.num_filters}"
            f"{'' if stride == '/1x1' else stride}"
        )


@dataclass(frozen=True)
class CnnPlan:
    """A network as it is built: its layers, the first next to the image."""

    network: ClassVar[str] = "nas_lib.networks.cnn:CnnNetwork"

    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.layers))

    @classmethod
    def parse(cls, text: str) -> CnnPlan:
        """Return the network that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, or a layer takes itself or a later one.
        """
        parts = enumerate(text.split(" | "), start=1)
        return cls(tuple(_parse_layer(part, number) for number, part in parts))

    @property
    def brief(self) -> str:
        """Its layers' sizes."""
        return " ".join(layer.brief for layer in self.layers)

    @property
    def num_layers(self) -> int:
        """Pooling counts, and a densely connected block is one layer."""
        return len(self.layers)

    @property
    def unused(self) -> tuple[int, ...]:
        """The layers (from 1) whose output no layer takes: the classifier takes them all."""
        used = {number for layer in self.layers for number in layer.inputs}
        return tuple(number for number in range(1, len(self.layers) + 1) if number not in used)


class CnnSpace(PlannedSpace[CnnPlan]):
    """The space of one `CnnSpaceConfig`."""

    plan_class = CnnPlan

    def __init__(self, config: CnnSpaceConfig) -> None:
        self.name = config.kind
        self._config = config
        self.max_depth = config.depth.max
        # Once for all: pages of reports plan thousands of architectures.
        self._decisions = [tuple(self._layer_decisions(n + 1)) for n in range(self.max_depth)]

    def depth(self, num_children: int) -> int:
        """Return the number of layers after this many children (section 4.1: +2 every 1,600)."""
        schedule = self._config.depth
        grown = schedule.start + schedule.step * (num_children // schedule.every_children)
        return min(schedule.max, grown)

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions for `depth` layers, layer by layer."""
        return tuple(chain.from_iterable(self._decisions[:depth]))

    def plan(self, tokens: Sequence[int]) -> CnnPlan:
        """Return the network of these tokens."""
        depth = self._depth_of(len(tokens))
        check_tokens(self.decisions(depth), tokens)
        rest = iter(tokens)
        return CnnPlan(tuple(self._decode_layer(number, rest) for number in range(1, depth + 1)))

    def _tokens_of(self, plan: CnnPlan) -> Iterator[int]:
        """Yield the tokens of a network, 0 where a pooling layer ignores a decision."""
        for number, layer in enumerate(plan.layers, start=1):
            yield from self._encode_layer(number, layer)

    def _layer_decisions(self, number: int) -> Iterator[Decision]:
        skip = Subset("skip", number - 1)
        if self._config.skip_connections and self._config.anchor == "before":
            yield skip
        if number not in self._config.pool_layers:
            for kind, options in self._options().items():
                if len(options) > 1:
                    yield Choice(kind, len(options))
        if self._config.skip_connections and self._config.anchor == "after":
            yield skip

    def _options(self) -> dict[str, tuple[int | str, ...]]:
        """Return every option list under its kind of decision, in the paper's order."""
        config = self._config
        return {
            "layer_type": config.layer_types,
            "filter_height": config.filter_heights,
            "filter_width": config.filter_widths,
            "stride_height": config.stride_heights or config.strides,
            "stride_width": config.strides,
            "num_filters": config.num_filters,
        }

    def _depth_of(self, length: int) -> int:
        for depth in range(self.max_depth, 0, -1):  # layers that decide nothing all belong to it
            if num_tokens(self.decisions(depth)) == length:
                return depth
        raise ArchitectureError(
            f"{length} tokens are no architecture of 1 to {self.max_depth} layers of this space"
        )

    def _decode_layer(self, number: int, tokens: Iterator[int]) -> Layer:
        chosen: dict[str, int | str] = {
            kind: options[0] for kind, options in self._options().items()
        }
        inputs: tuple[int, ...] = (number - 1,) if number > 1 else ()
        for decision in self._decisions[number - 1]:
            if isinstance(decision, Subset):
                bits = [next(tokens) for _ in range(decision.num_anchors)]
                inputs = tuple(j for j, bit in enumerate(bits, start=1) if bit)
            else:
                chosen[decision.kind] = self._options()[decision.kind][next(tokens)]
        if number in self._config.pool_layers or chosen["layer_type"] == "max_pool":
            window = (self._config.pool_height, _POOL_SIZE)
            return Layer("max_pool", *window, *window, inputs)
        return Layer(
            "conv",
            height=int(chosen["filter_height"]),
            width=int(chosen["filter_width"]),
            stride_height=int(chosen["stride_height"]),
            stride_width=int(chosen["stride_width"]),
            inputs=inputs,
            num_filters=int(chosen["num_filters"]),
            num_convs=self._config.convs_per_layer,
        )

    def _encode_layer(self, number: int, layer: Layer) -> Iterator[int]:
        values: dict[str, int | str] = {
            "layer_type": layer.kind,
            "filter_height": layer.height,
            "filter_width": layer.width,
            "stride_height": layer.stride_height,
            "stride_width": layer.stride_width,
            "num_filters": layer.num_filters,
        }
        for decision in self._decisions[number - 1]:
            if isinstance(decision, Subset):
                yield from (int(j in layer.inputs) for j in range(1, decision.num_anchors + 1))
            elif layer.kind == "max_pool" and decision.kind != "layer_type":
                yield 0
            else:
                options = self._options()[decision.kind]
                yield option_index(options, values[decision.kind], decision.kind)


def _parse_layer(text: str, number: int) -> Layer:
    match = _LAYER.fullmatch(text)
    if match is None or (match["kind"] == "conv") != (match["filters"] is not None):
        raise ArchitectureError(
            f"layer {number} must read like 'conv 3x3x36/1x1 <- image' "
            f"or 'max_pool 2x2/2x2 <- 1,2', got {text!r}"
        )
    named = match["inputs"] != "image"
    inputs = tuple(map(int, match["inputs"].split(","))) if named else ()
    if any(not 1 <= earlier < number for earlier in inputs) or list(inputs) != sorted(set(inputs)):
        raise ArchitectureError(
            f"layer {number} can take layers 1 to {number - 1} in ascending order, "
            f"got {match['inputs']}"
        )
    is_conv = match["kind"] == "conv"
    return Layer(
        "conv" if is_conv else "max_pool",
        height=int(match["height"]),
        width=int(match["width"]),
        stride_height=int(match["stride_height"]),
        stride_width=int(match["stride_width"]),
        inputs=inputs,
        num_filters=int(match["filters"] or 0),
        num_convs=int(match["convs"] or 1) if is_conv else 0,
    )
