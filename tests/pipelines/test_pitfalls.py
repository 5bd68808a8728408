"""Kubeflow's own traps that a compiled pipeline shows; docs/kubeflow-pitfalls.md lists all."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from compiled import PIPELINES, ROOT, Compiled, read
from searches import SPACE

from nas_lib import pods
from nas_lib.config_file import resolve_config
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult
from nas_lib.steps import prepare_data, sample_architectures
from nas_lib.store import SearchStore, layout


@pytest.fixture(params=PIPELINES)
def compiled(request: pytest.FixtureRequest) -> Compiled:
    return read(request.param)


def test_loops_go_over_a_single_output_or_what_a_group_was_given(compiled: Compiled) -> None:
    dags = dict(compiled.dags())
    for group, name, task in compiled.tasks():
        if "parameterIterator" in task:
            items = task["parameterIterator"]["items"]["inputParameter"]
            source = task["inputs"]["parameters"][items]
            given = dags[group].get("inputDefinitions", {}).get("parameters", {})
            only = source.get("taskOutputParameter", {}).get("outputParameterKey") == "Output"
            assert only or source["componentInputParameter"] in given, name


def test_what_is_looped_over_is_short(compiled: Compiled) -> None:
    assert "artifactIterator" not in json.dumps(compiled.spec)
    items = {
        task["parameterIterator"]["itemInput"]
        for _, _, task in compiled.tasks()
        if "parameterIterator" in task
    }

    assert items <= {
        "pipelinechannel--ticks-loop-item",
        "pipelinechannel--sample-architectures-Output-loop-item",
        "pipelinechannel--derive-architectures-Output-loop-item",
        "pipelinechannel--training_uris-loop-item",
        "pipelinechannel--final-sample-architectures-Output-loop-item",
    }


def test_nothing_counts_on_kubeflow_to_try_again(compiled: Compiled) -> None:
    assert [name for _, name, task in compiled.tasks() if "retryPolicy" in task] == []


@pytest.mark.parametrize("pipeline", ["nas-search", "enas-search"])
def test_only_one_thing_is_collected(pipeline: str) -> None:
    compiled = read(pipeline)
    collected = [
        (name, input_name)
        for _, name, task in compiled.tasks()
        for input_name, source in task.get("inputs", {}).get("parameters", {}).items()
        if source.get("taskOutputParameter", {}).get("producerTask", "").endswith("children")
    ]

    assert sorted(collected) == [
        ("aggregate-rewards", "rewards"),
        ("final-aggregate-rewards", "rewards"),
    ]


def test_the_sdk_is_that_of_the_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["optional-dependencies"]["kubeflow"] == ["kfp[kubernetes]>=2.17,<2.18"]


def test_a_child_that_fails_is_no_failed_task(tmp_path: Path) -> None:
    uri = str(tmp_path / "state")
    overrides = {
        "space": {"kind": "custom", "object": "searches:SPACE"},
        "children": {"kind": "own", "evaluate": "searches:killed"},  # where a is 1
        "search": {"max_children": 8, "children_per_round": 8},
    }
    prepare_data(OpenSearch(uri), config=resolve_config("digits", overrides, stored=None))
    first, *_ = sample_architectures(OpenSearch(uri), replica=0, run="run")
    store = SearchStore.open(uri)
    proposed = store.proposed(first).children
    doomed = next(each for each in proposed if SPACE.options(each.architecture)["a"] == 1)

    assert pods.train_child(OpenSearch(uri), child=doomed.id, run="run") == 0.0
    assert store.read(ChildResult, layout.child_result(doomed.id)).status == "crashed"


def test_conditions_are_on_the_only_output_of_a_task(compiled: Compiled) -> None:
    """`kfp.local` does not find one of several, and takes it for false."""
    asked = [
        source["taskOutputParameter"]["outputParameterKey"]
        for _, _, task in compiled.tasks()
        if "condition" in task.get("triggerPolicy", {})
        for name, source in task["inputs"]["parameters"].items()
        if name in task["triggerPolicy"]["condition"]
    ]

    assert set(asked) == {"Output"}
