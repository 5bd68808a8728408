from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from space_contract import Example, PlannedSpaceContract, Tokens, any_of_some
from space_strategies import series_cnn_configs, tokens_of

from nas_lib.config import SeriesCnnSpaceConfig
from nas_lib.spaces import CnnPlan, CnnSpace, SizeConfig

HERE = "^not an architecture of this space: .*; here it would be conv 1x7x24/1x1 <- image$"


class TestSeriesCnnSpace(PlannedSpaceContract):
    configs = series_cnn_configs()
    sizes = st.builds(SizeConfig, more_filters=st.none() | st.integers(1, 4))
    example = Example(
        SeriesCnnSpaceConfig().build(), (2, 1), "conv 1x7x24/1x1 <- image", "58b04eae31dd", "1x7x24"
    )
    misspelt = [("conv 7x24/1x1 <- image", "^layer 1 must read like 'conv ")]
    strangers = [
        (
            "conv 3x7x24/1x1 <- image",
            HERE,
        ),
        (
            "conv 1x7x24/2x1 <- image",
            HERE,
        ),
    ]

    def meaning(self, config: Any, tokens: Tokens) -> object:
        """A pooling layer ignores tokens; nothing else does."""
        return tokens if config.layer_types == ("conv",) else CnnSpace(config).plan(tokens)

    def resized(self, plan: CnnPlan, size: SizeConfig) -> CnnPlan:
        more = size.more_filters or 0
        layers = (
            replace(layer, num_filters=layer.num_filters + more) if layer.kind == "conv" else layer
            for layer in plan.layers
        )
        return CnnPlan(tuple(layers))

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        return depth


@any_of_some
@given(st.data())
def test_no_layer_has_a_height(data: st.DataObject) -> None:
    space = data.draw(series_cnn_configs()).build()

    plan = space.plan(data.draw(tokens_of(space.decisions(space.max_depth))))

    assert {(layer.height, layer.stride_height) for layer in plan.layers} == {(1, 1)}


def test_heights_are_refused() -> None:
    with pytest.raises(ValidationError, match="filter_heights"):
        SeriesCnnSpaceConfig.model_validate({"filter_heights": [3]})
