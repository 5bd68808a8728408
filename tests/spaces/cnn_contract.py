"""What spaces of convolutional networks have in common, in two dimensions and along time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from space_contract import PlannedSpaceContract, Tokens

from nas_lib.spaces import CnnPlan, CnnSpace, SizeConfig


class CnnSpaceContract(PlannedSpaceContract):
    sizes = st.builds(SizeConfig, more_filters=st.none() | st.integers(1, 4))

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
