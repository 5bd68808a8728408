"""Hypothesis strategies for spaces and their tokens."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from nas_lib.config import (
    CellsConfig,
    CnnSpaceConfig,
    DepthConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    FiltersConfig,
)
from nas_lib.spaces import Decision


def tokens_of(decisions: Sequence[Decision]) -> st.SearchStrategy[tuple[int, ...]]:
    """Any token sequence that answers these decisions."""
    limits = [each.num_values for each in decisions for _ in range(each.num_tokens)]
    return st.tuples(*(st.integers(0, limit - 1) for limit in limits))


def cnn_configs(max_depth: int = 5) -> st.SearchStrategy[CnnSpaceConfig]:
    """Convolutional spaces with every feature on and off."""
    return st.builds(
        CnnSpaceConfig,
        filter_heights=_options(1, 8),
        filter_widths=_options(1, 8),
        strides=_options(1, 3),
        num_filters=_options(1, 6),
        layer_types=st.sampled_from([("conv",), ("conv", "max_pool"), ("max_pool", "conv")]),
        pool_layers=st.sets(st.integers(1, max_depth), max_size=2).map(lambda at: (*sorted(at),)),
        convs_per_layer=st.integers(1, 3),
        skip_connections=st.just(True),
        anchor=st.sampled_from(["after", "before"]),
        depth=st.just(DepthConfig(start=max_depth, max=max_depth)),
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


def _some_of(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    some = st.lists(st.sampled_from(options), min_size=1, unique=True)
    return some.map(tuple)


def _options(low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(low, high), min_size=1, max_size=4, unique=True).map(tuple)
