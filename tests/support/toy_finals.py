"""A search of two children that take no time to train, which a final training follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toy_images import IMAGE_SPACE, children, write_toy_images

from nas_lib import pods, steps
from nas_lib.config import SearchConfig
from nas_lib.open_search import OpenSearch

RUN = "run"
FINAL: dict[str, Any] = {"follows": True, "top": 1, "seeds": 2, "children": {"epochs": 1}}


def prepared(folder: Path, **final: Any) -> OpenSearch:
    """Return a search on toy images for which a run has planned its only round."""
    config = SearchConfig(
        name="toy",
        task=write_toy_images(folder / "toy.npz"),
        space=IMAGE_SPACE,
        children=children(epochs=1),
        search={"max_children": 2, "children_per_round": 2},
        final={**FINAL, **final},
    )
    search = OpenSearch(str(folder / "state"))
    steps.prepare_data(search, config=config)
    pods.plan_rounds(OpenSearch(search.uri), replica=0, rounds_per_run=5, run=RUN)
    return OpenSearch(search.uri)


def finished(folder: Path, **final: Any) -> OpenSearch:
    """Return one that is finished."""
    search = prepared(folder, **final)
    do_round(search)
    return search


def begun(folder: Path, **final: Any) -> tuple[OpenSearch, OpenSearch]:
    """Return a finished search, and its final training, which a run has begun."""
    search = finished(folder, **final)
    return search, OpenSearch(pods.train_best(search, run=RUN)[0])


def train_all(final: OpenSearch) -> None:
    """Do both rounds of a final training."""
    for _ in range(2):
        do_round(final)


def do_round(search: OpenSearch, *, run: str = RUN) -> int:
    """Do a round as the tasks of a pipeline do, in this process."""
    proposed = steps.sample_architectures(search, replica=0, run=run)
    for child in proposed:
        steps.train_child(search, child=child, run=run)
    summary = steps.aggregate_rewards(search, children=proposed, run=run)
    number = pods.round_to_learn_from(search, summary)
    if search.config.search.kind == "rounds":
        steps.update_controller(search, replica=0, round=number, run=run)
    return number
