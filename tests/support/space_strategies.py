"""Hypothesis strategies for spaces and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from hypothesis import strategies as st

from nas_lib.config import (
    CellsConfig,
    CnnSpaceConfig,
    DepthConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    HiddenConfig,
    ImageReferencesConfig,
    LayersConfig,
    NasNetSpaceConfig,
    NasRnnSpaceConfig,
    PutOutConfig,
    SeriesCnnSpaceConfig,
    StackConfig,
    TextReferencesConfig,
)
from nas_lib.spaces import ChoiceSpace, Decision
from nas_lib.spaces.nas_rnn import TreeActivation, TreeCombination
from nas_lib.spaces.nasnet_plan import Combination, NasNetOperation


def tokens_of(decisions: Sequence[Decision]) -> st.SearchStrategy[tuple[int, ...]]:
    """Any token sequence that answers these decisions."""
    limits = [each.num_values for each in decisions for _ in range(each.num_tokens)]
    return st.tuples(*(st.integers(0, limit - 1) for limit in limits))


@st.composite
def cnn_configs(draw: st.DrawFn, max_depth: int = 5) -> CnnSpaceConfig:
    """Convolutional spaces with every feature on and off."""
    skip_connections = draw(st.booleans())
    # without skip connections, layers that choose nothing need one depth for all
    start = draw(st.integers(1, max_depth)) if skip_connections else max_depth
    return CnnSpaceConfig(
        filter_heights=draw(_numbers(1, 8)),
        filter_widths=draw(_numbers(1, 8)),
        strides=draw(_numbers(1, 3)),
        num_filters=draw(_numbers(1, 6)),
        layer_types=draw(
            st.sampled_from([("conv",), ("conv", "max_pool"), ("max_pool", "conv"), ("max_pool",)])
        ),
        pool_layers=tuple(sorted(draw(st.sets(st.integers(1, max_depth), max_size=2)))),
        convs_per_layer=draw(st.integers(1, 3)),
        skip_connections=skip_connections,
        anchor=draw(st.sampled_from(["after", "before"])),
        depth=DepthConfig(
            start=start,
            step=draw(st.integers(0, 2)),
            every_children=draw(st.integers(1, 9)),
            max=max_depth,
        ),
    )


@st.composite
def series_cnn_configs(draw: st.DrawFn, max_depth: int = 4) -> SeriesCnnSpaceConfig:
    """Convolutional spaces along time, which choose strides, pooling and what they take."""
    return SeriesCnnSpaceConfig(
        filter_widths=draw(_numbers(1, 9)),
        strides=draw(_numbers(1, 3)),
        num_filters=draw(_numbers(1, 6)),
        layer_types=draw(st.sampled_from([("conv",), ("conv", "max_pool")])),
        pool_layers=tuple(sorted(draw(st.sets(st.integers(1, max_depth), max_size=2)))),
        depth=DepthConfig(start=draw(st.integers(1, max_depth)), max=max_depth),
    )


def macro_configs(max_layers: int = 7) -> st.SearchStrategy[EnasMacroSpaceConfig]:
    """Macro spaces of small networks, odd numbers of filters among them."""
    return st.builds(
        EnasMacroSpaceConfig,
        layers=st.integers(3, max_layers),
        operations=_some_of("conv3", "sep3", "conv5", "sep5", "avg3", "max3"),
        child=st.builds(FiltersConfig, filters=st.integers(1, 5)),
    )


def micro_configs(max_nodes: int = 4) -> st.SearchStrategy[EnasMicroSpaceConfig]:
    """Micro spaces of small networks, odd numbers of filters among them."""
    return st.builds(
        EnasMicroSpaceConfig,
        nodes=st.integers(1, max_nodes),
        operations=_some_of("sep3", "sep5", "avg3", "max3", "identity"),
        child=st.builds(CellsConfig, cells=st.sampled_from([3, 6]), filters=st.integers(1, 5)),
    )


def rnn_configs(max_nodes: int = 6) -> st.SearchStrategy[EnasRnnSpaceConfig]:
    """Recurrent spaces of small cells, both variants and every way to share weights among them."""
    return st.builds(
        EnasRnnSpaceConfig,
        nodes=st.integers(1, max_nodes),
        functions=_some_of("tanh", "relu", "sigmoid", "identity"),
        variant=st.sampled_from(["enas_lm", "original"]),
        weights_per=st.sampled_from(["edge", "edge_and_function"]),
        batch_norm=st.booleans(),
        child=st.builds(HiddenConfig, hidden=st.integers(1, 5)),
    )


def tree_configs(max_base: int = 8) -> st.SearchStrategy[NasRnnSpaceConfig]:
    """Trees of few leaves, of every combination and activation, in small networks."""
    return st.builds(
        NasRnnSpaceConfig,
        base=st.sampled_from([base for base in (2, 4, 8, 16, 32) if base <= max_base]),
        combinations=_some_of(*get_args(TreeCombination)),
        activations=_some_of(*get_args(TreeActivation)),
        child=st.builds(LayersConfig, layers=st.integers(1, 3), hidden=st.integers(1, 5)),
    )


@st.composite
def nasnet_configs(
    draw: st.DrawFn, max_blocks: int = 4, max_cells: int = 3, large_stems: bool = True
) -> NasNetSpaceConfig:
    """NASNet spaces of small cells, of every operation and way to combine and to put out."""
    blocks = draw(st.integers(1, max_blocks))
    output = draw(st.sampled_from(["unused", "blocks", "states"]))
    numbers = st.sets(st.integers(0, blocks + 1), max_size=2) if output == "unused" else st.just(())
    sizes = st.builds(
        StackConfig,
        cells=st.integers(1, max_cells),
        filters=st.integers(1, 5),
        large_stem=st.none() | st.integers(1, 4) if large_stems else st.none(),
    )
    return NasNetSpaceConfig(
        blocks=blocks,
        operations=draw(_some_of(*get_args(NasNetOperation))),
        combinations=draw(_some_of(*get_args(Combination))),
        output=output,
        put_out=PutOutConfig(normal=tuple(draw(numbers)), reduction=tuple(draw(numbers))),
        shared=draw(sizes),
        child=draw(sizes),
    )


def image_reference_configs() -> st.SearchStrategy[ImageReferencesConfig]:
    """Spaces of the smallest networks."""
    networks = ("resnet-8", "densenet-10-2", "densenet-bc-16-3", "plain-cnn")
    return st.builds(ImageReferencesConfig, networks=_some_of(*networks))


def text_reference_configs() -> st.SearchStrategy[TextReferencesConfig]:
    """Spaces of small language models."""
    return st.builds(
        TextReferencesConfig,
        networks=_some_of("lstm", "gru", "gru 4", "lstm 2 x 3"),
        hidden=st.integers(5, 7),
        layers=st.integers(1, 3),
    )


def choice_spaces() -> st.SearchStrategy[ChoiceSpace]:
    """Lists of options that are no numbers, too."""
    options = st.lists(st.integers(0, 99) | st.sampled_from(["conv", "pool", None]), min_size=1)
    return st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]),
        options.map(lambda values: list(dict.fromkeys(values))),
        min_size=1,
    ).map(lambda lists: ChoiceSpace(**lists))


def _some_of(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    some = st.lists(st.sampled_from(options), min_size=1, unique=True)
    return some.map(tuple)


def _numbers(low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(low, high), min_size=1, max_size=4, unique=True).map(tuple)
