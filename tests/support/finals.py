"""Final trainings without a training: what becomes of children is written down by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from nas_lib.config import FORMAT_VERSION, SearchConfig
from nas_lib.config_file import parse_config
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener, procedure_of
from nas_lib.records import ChildResult, Rewarded
from nas_lib.steps import aggregate_rewards
from nas_lib.store import StoredSearch, layout

NETWORKS = ["conv 1x1x8/1x1 <- image", "conv 3x3x8/1x1 <- image", "conv 1x3x8/1x1 <- image"]


def finals(**search: Any) -> SearchConfig:
    """Return the configuration of a final training of the first two networks."""
    document = {
        "space": {
            "kind": "cnn",
            "filter_heights": [1, 3],
            "filter_widths": [1, 3],
            "num_filters": [8],
            "depth": {"start": 1, "step": 0, "max": 1},
        },
        "controller": {"kind": "random"},
        "children": {"reward": {"last_epochs": 1, "power": 1}, "keep": 1000},
        "search": {"kind": "final", "networks": NETWORKS[:2], "seeds": 2, **search},
    }
    return parse_config(document, source="test")


def opened(name: str, *, config: SearchConfig | None = None, **search: Any) -> OpenSearch:
    """Return such a final training in memory, before its first round; of a URI, just there."""
    # tests of other files have such names
    there = OpenSearch(name if ":" in name else f"memory://{name}-{uuid4().hex}")
    stored = StoredSearch(FORMAT_VERSION, "id", "data", config or finals(**search))
    there.store.settle(layout.SEARCH, stored)
    return there


def propose(search: OpenSearch) -> tuple[str, ...] | None:
    """Return which children of the next round are to be trained; None where there is none."""
    found = procedure_of(search.config).propose(search, 0, run="run", listener=Listener())
    return None if found is None else found.to_train


def end_round(search: OpenSearch, outcomes: Sequence[float | str | None]) -> Rewarded:
    """Begin the next round, and end it: each of its children with a score or a message."""
    children = propose(search)
    assert children is not None
    for child, outcome in zip(children, outcomes, strict=True):
        result = ChildResult(child, "crashed", 0.0, message=str(outcome))
        if outcome is None:
            result = ChildResult(child, "diverged", 0.0, message="the loss is not finite")
        elif isinstance(outcome, float):
            result = ChildResult(child, "ok", outcome, score=outcome)
        search.store.settle(layout.child_result(child), result)
        search.store.objects.replace(layout.child_weights(child), b"weights")
    rewarded = aggregate_rewards(search, children=children, run="run").rewarded
    assert rewarded is not None
    procedure_of(search.config).learn(search, 0, rewarded.round, run="run")
    return rewarded
