from __future__ import annotations

import pytest
from cnn_contract import CnnSpaceContract
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from space_contract import Example, any_of_some
from space_strategies import series_cnn_configs, tokens_of

from nas_lib.config import SeriesCnnSpaceConfig

HERE = "^not an architecture of this space: .*; here it would be conv 1x7x24/1x1 <- image$"


class TestSeriesCnnSpace(CnnSpaceContract):
    configs = series_cnn_configs()
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


@any_of_some
@given(st.data())
def test_no_layer_has_a_height(data: st.DataObject) -> None:
    space = data.draw(series_cnn_configs()).build()

    plan = space.plan(data.draw(tokens_of(space.decisions(space.max_depth))))

    assert {(layer.height, layer.stride_height) for layer in plan.layers} == {(1, 1)}


def test_heights_are_refused() -> None:
    with pytest.raises(ValidationError, match="filter_heights"):
        SeriesCnnSpaceConfig.model_validate({"filter_heights": [3]})
