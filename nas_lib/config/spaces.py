"""What may be built."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator

from nas_lib.config.part import Part

MacroOperation = Literal["conv3", "sep3", "conv5", "sep5", "avg3", "max3"]
MicroOperation = Literal["sep3", "sep5", "avg3", "max3", "identity"]
RnnFunction = Literal["tanh", "relu", "sigmoid", "identity"]
Options = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class DepthConfig(Part):
    """Number of layers, growing with the number of children proposed so far."""

    start: PositiveInt = Field(6, description="Layers of the first children.")
    step: int = Field(2, ge=0, description="Layers added each time.")
    every_children: PositiveInt = Field(1600, description="Children between two additions.")
    max: PositiveInt = Field(20, description="Layers at most; sizes the controller.")

    @model_validator(mode="after")
    def _check(self) -> DepthConfig:
        if self.max < self.start:
            raise ValueError(f"max ({self.max}) must be at least start ({self.start})")
        return self


class CnnSpaceConfig(Part):
    """Convolutional networks with skip connections (Zoph & Le 2017, sections 3.1 and 3.3)."""

    kind: Literal["cnn"] = "cnn"
    filter_heights: Options = Field((1, 3, 5, 7), description="Of a convolution, in pixels.")
    filter_widths: Options = Field((1, 3, 5, 7), description="Of a convolution, in pixels.")
    strides: Options = Field(
        (1,), description="Height and width are chosen separately; one value fixes both."
    )
    num_filters: Options = Field((24, 36, 48, 64), description="Output channels of a layer.")
    layer_types: tuple[Literal["conv", "max_pool"], ...] = Field(
        ("conv",), min_length=1, description="With max_pool, the controller places pooling layers."
    )
    pool_layers: tuple[PositiveInt, ...] = Field(
        (), description="Layers (from 1) that are always 2x2 max-pooling with stride 2."
    )
    convs_per_layer: PositiveInt = Field(
        1, description="A layer is a densely connected block of this many equal convolutions."
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


class _OptionsPart(Part):
    """A space whose every choice is between the same options."""

    @field_validator("operations", "functions", check_fields=False)
    @classmethod
    def _check(cls, options: tuple[str, ...], field: ValidationInfo) -> tuple[str, ...]:
        if len(set(options)) != len(options):
            raise ValueError(f"{field.field_name} must not repeat an option, got {list(options)}")
        return options


class FiltersConfig(Part):
    """Size of a network of macro layers."""

    filters: PositiveInt = Field(description="Output channels of each layer.")


class EnasMacroSpaceConfig(_OptionsPart):
    """Whole convolutional networks: an operation and skip connections per layer (ENAS, 2.3)."""

    kind: Literal["enas-macro"] = "enas-macro"
    layers: int = Field(12, ge=3, description="Layers; after each third the size is halved.")
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


class CellsConfig(Part):
    """Size of a network of cells: three equal stacks with a reduction cell between two."""

    cells: int = Field(ge=3, multiple_of=3, description="Normal cells, a third in each stack.")
    filters: PositiveInt = Field(description="Channels of the first stack; each reduction doubles.")


class EnasMicroSpaceConfig(_OptionsPart):
    """A normal and a reduction cell, stacked: two inputs and operations per node (ENAS, 2.4)."""

    kind: Literal["enas-micro"] = "enas-micro"
    nodes: PositiveInt = Field(5, description="Nodes of a cell, its two inputs not counted.")
    operations: tuple[MicroOperation, ...] = Field(
        ("sep3", "sep5", "avg3", "max3", "identity"),
        min_length=1,
        description="What may stand at a node's input, in the order of the tokens.",
    )
    shared: CellsConfig = Field(
        CellsConfig(cells=6, filters=20),
        description="Of the network that owns the shared weights.",
    )
    child: CellsConfig = Field(
        CellsConfig(cells=15, filters=36), description="Of networks trained from scratch."
    )

    @property
    def num_options(self) -> int:
        """Options of each choice."""
        return len(self.operations)


class HiddenConfig(Part):
    """Size of a recurrent network."""

    hidden: PositiveInt = Field(description="Units of the state, and size of a word's embedding.")


class EnasRnnSpaceConfig(_OptionsPart):
    """Recurrent cells: an earlier node and an activation function per node (ENAS, 2.1)."""

    kind: Literal["enas-rnn"] = "enas-rnn"
    nodes: PositiveInt = Field(8, description="Nodes whose input and function are decided.")
    functions: tuple[RnnFunction, ...] = Field(
        ("tanh", "relu", "sigmoid", "identity"),
        min_length=1,
        description="What a node may apply, in the order of the tokens.",
    )
    variant: Literal["enas_lm", "original"] = Field(
        "enas_lm",
        description="enas_lm: a fixed tanh node before the others, and the mean of all these; "
        "original: the first node's function is decided too, and the mean of the loose ends.",
    )
    weights_per: Literal["edge_and_function", "edge"] = Field(
        "edge_and_function", description="What has shared weights of its own."
    )
    batch_norm: bool = Field(
        False,
        description="Normalise nodes and output under shared weights, as the code first published "
        "for PTB; children have none.",
    )
    shared: HiddenConfig = Field(
        HiddenConfig(hidden=200), description="Of the network that owns the shared weights."
    )
    child: HiddenConfig = Field(
        HiddenConfig(hidden=800), description="Of networks trained from scratch."
    )

    @property
    def num_options(self) -> int:
        """Options of each choice."""
        return len(self.functions)


class CustomSpaceConfig(Part):
    """A space of the user's own: any object that meets `nas_lib.spaces.Space`."""

    kind: Literal["custom"] = "custom"
    object: str = Field(
        description="`module:name` of a Space or a function that returns one; "
        "`inline` for one handed to nas_lib.search in this process."
    )


SharedSpaceConfig = EnasMacroSpaceConfig | EnasMicroSpaceConfig | EnasRnnSpaceConfig
"""Spaces for which a network exists that owns the weights of all architectures."""

SpaceConfig = Annotated[
    CnnSpaceConfig | SharedSpaceConfig | CustomSpaceConfig, Field(discriminator="kind")
]
