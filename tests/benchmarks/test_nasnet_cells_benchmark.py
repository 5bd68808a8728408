from __future__ import annotations

import torch

from benchmarks.nasnet_cells import NNI, ours, plans, seconds_in_turn, step_of
from nas_lib.spaces import NasNetPlan


def test_what_is_compared_are_networks_of_operations_that_both_have() -> None:
    for name, plan in plans():
        assert NasNetPlan.parse(str(plan)) == plan, name
        edges = [*plan.normal.edges, *plan.reduction.edges]
        assert {edge.operation for edge in edges} <= NNI.keys()


def test_steps_are_timed_in_turn() -> None:
    _, plan = next(plans())
    images_BCHW, labels_B = torch.randn(2, 3, 8, 8), torch.tensor([0, 1])

    seconds = seconds_in_turn({"ours": step_of(ours(plan), images_BCHW, labels_B)}, num_steps=1)

    assert len(seconds["ours"]) == 1
    assert seconds["ours"][0] > 0
