"""A transfer in pods: it begins with a source and a task, and ends with what wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from parallel import VOCABULARY, write_parallel
from toy_finals import RUN, do_round
from toy_images import write_toy_images

from nas_lib import kubeflow_artifacts, pods
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch

FINAL: dict[str, Any] = {
    "seeds": 1,
    "size": {"cells": 3.0, "filters": 2.0},  # as Kubeflow makes them
    "children": {"epochs": 1, "min_steps": 0},
}


def begin(folder: Path, *, source: str = "enas-micro", preset: str = "digits", **more: Any) -> None:
    data = {"kind": "images", **write_toy_images(folder / "toy.npz").model_dump(mode="json")}
    search, overrides = OpenSearch(str(folder / "state")), {"task": data, "final": FINAL, **more}
    pods.transfer_cells(search, source=source, preset=preset, overrides=overrides, run=RUN)


def test_it_has_no_rounds_but_those_of_the_final_training(tmp_path: Path) -> None:
    begin(tmp_path)
    search = OpenSearch(str(tmp_path / "state"))

    plan = pods.plan_rounds(search, replica=0, rounds_per_run=1, run=RUN)
    uris = pods.train_best(OpenSearch(search.uri), run=RUN)

    assert plan.ticks == ()
    assert len(uris) == 3  # trials, the winner, and a spare one
    assert [do_round(OpenSearch(uris[0])) for _ in range(2)] == [0, -1]  # then it is exported
    view = pods.write_report(OpenSearch(search.uri), replica=0, run=RUN)
    assert view is not None
    assert view.problems == ()
    text = kubeflow_artifacts.report_of(search, view).text
    assert "toy: 1 network of enas-micro, finished" in text or "1 network of enas-micro" in text
    assert pods.train_best(OpenSearch(search.uri), run="another") != []  # to export it


def test_without_a_source_it_should_be_a_transfer_already(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"this is search\.kind rounds, and no transfer: name a"):
        begin(tmp_path, source="", final={})
    with pytest.raises(ConfigError, match="there is no search yet: name a preset to start from"):
        begin(tmp_path, preset="")


def test_a_pipeline_of_searches_goes_on_with_it_just_as_well(tmp_path: Path) -> None:
    begin(tmp_path)
    search = OpenSearch(str(tmp_path / "state"))

    manifest = pods.prepare_data(search, preset="", overrides={}, run="another")

    assert manifest is not None
    assert search.config.search.kind == "transfer"


def test_a_recurrent_cell_is_trained_for_pairs_of_sentences(tmp_path: Path) -> None:
    search = OpenSearch(str(tmp_path / "state"))
    overrides = {  # numbers as Kubeflow makes them
        "task.data": {"path": str(write_parallel(tmp_path / "pairs.tsv", 100)), "parts": 5.0},
        "task.vocabulary": float(VOCABULARY),
        "final.size.hidden": 4.0,
        "final.seeds": 1.0,
        "children.batch_size": 8.0,
        "final.children.epochs": 1.0,
    }

    prepared = pods.transfer_cells(
        search, source="nas-cell", preset="translation", overrides=overrides, run=RUN
    )
    uris = pods.train_best(OpenSearch(search.uri), run=RUN)

    assert prepared is not None
    assert "different subwords" in kubeflow_artifacts.prepared_text(search, prepared)
    assert do_round(OpenSearch(uris[0])) == 0
    trained = OpenSearch(uris[0]).config
    assert trained.children.kind == "translation"
    assert trained.children.batch_size == 8  # which is left open there
