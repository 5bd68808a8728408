"""A search on fresh data in pods: one run does all of it, and its schedule goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_finals import FINAL, RUN, do_round
from toy_images import IMAGE_SPACE, children, write_toy_images

from nas_lib import kubeflow_artifacts, pods
from nas_lib.config import SearchConfig
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.pods.whole_run import plan_rounds
from nas_lib.results.succession import FreshStart


def prepared(folder: Path, name: str = "20261130030000") -> OpenSearch:
    config = SearchConfig(
        name="toy",
        task=write_toy_images(folder / "toy.npz"),
        space=IMAGE_SPACE,
        children=children(epochs=1),
        search={"max_children": 2, "children_per_round": 2},
        final={**FINAL, "follows": False, "retrain": False},
    )
    overrides = config.model_dump(mode="json", exclude_none=True)
    search = OpenSearch(str(folder / "weekly" / name))
    pods.prepare_data(search, preset="digits", overrides=overrides, run=RUN, fresh=True)
    return OpenSearch(search.uri)


def test_one_run_does_all_of_it_and_puts_the_model_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[str] = []
    search = prepared(tmp_path)

    plan = plan_rounds(search, replica=0, rounds_per_run=1, run=RUN, end_schedule=ended.append)
    assert len(plan.ticks) == 1 + 2  # and two more for what gets lost, or comes again
    do_round(search)
    search = OpenSearch(search.uri)
    final = OpenSearch(pods.train_best(search, run=RUN)[0])
    while do_round(final) != -1:
        pass
    stored = pods.export_model(search, run=RUN, folder=str(tmp_path / "copy"))
    said = capsys.readouterr().out
    view = pods.write_report(OpenSearch(search.uri), replica=0, run=RUN)

    sentence = f"Its model, {stored.info.id}, is in use: there was none before."
    assert sentence in said
    assert sentence in kubeflow_artifacts.report_of(search, view).text
    assert open_model(str(tmp_path / "weekly" / "model")).info.origin == stored.info.origin
    again = OpenSearch(search.uri)
    assert pods.train_best(again, run="next", end_schedule=ended.append) == []
    assert ended == []  # the schedule has the next search to begin
    after = prepared(tmp_path, "20261207030000")
    assert after.config.search.start_from.search == search.uri


def test_a_run_of_it_that_is_tried_again_begins_with_the_same(tmp_path: Path) -> None:
    search = prepared(tmp_path)

    again = prepared(tmp_path)

    assert again.config == search.config
    assert again.config.final.follows
    assert pods.prepare_data(again, preset="", overrides={}, run="next", fresh=True) is not None
    assert again.store.find(FreshStart, "fresh.json").begins_with == ""
