"""The compiled nas_search: what a backend and the UI will make of it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from compiled import Compiled, committed, compiled_text
from kfp import components
from kfp_nas.pipelines.nas_search import nas_search

STEPS = {
    "prepare-data",
    "plan-rounds",
    "sample-architectures",
    "train-child",
    "aggregate-rewards",
    "update-controller",
    "write-report",
}


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return Compiled(committed("nas_search").read_text())


def test_the_committed_yaml_is_what_the_code_compiles_to(tmp_path: Path) -> None:
    assert compiled_text("nas_search", tmp_path) == committed("nas_search").read_text()


def test_it_is_small_loadable_and_plain_ascii() -> None:
    text = committed("nas_search").read_text()

    assert len(text) < 60_000
    assert text.isascii()
    assert components.load_component_from_text(text).name == "nas-search"


def test_it_has_a_task_for_each_step(compiled: Compiled) -> None:
    groups = {"nas-rounds", "condition-1", "for-loop-2", "for-loop-3"}

    assert {name for _, name, _ in compiled.tasks()} == STEPS | groups


def test_names_of_tasks_are_unique_across_nesting(compiled: Compiled) -> None:
    names = [name for _, name, _ in compiled.tasks()]

    assert len(names) == len(set(names))


def test_the_report_comes_after_all_and_whatever_became_of_them(compiled: Compiled) -> None:
    report = compiled.spec["root"]["dag"]["tasks"]["write-report"]

    assert set(report["dependentTasks"]) == {"prepare-data", "plan-rounds", "nas-rounds"}
    assert report["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    taken = report["inputs"]["parameters"].values()
    assert not [each for each in taken if "taskOutputParameter" in each]


def test_no_state_is_ever_taken_from_a_cache(compiled: Compiled) -> None:
    for _, name, task in compiled.tasks():
        if name in STEPS:
            assert task["cachingOptions"] == {}, name  # enableCache absent is false


def test_rounds_come_one_after_the_other_and_only_if_there_are_any(compiled: Compiled) -> None:
    assert compiled.task("for-loop-2")["iteratorPolicy"] == {"parallelismLimit": 1}
    assert "num_ticks']) > 0" in compiled.task("condition-1")["triggerPolicy"]["condition"]
    ticks = compiled.spec["components"]["comp-nas-rounds"]["inputDefinitions"]["parameters"]
    assert ticks["ticks"]["parameterType"] == "LIST"


def test_what_a_group_hands_on_it_was_given(compiled: Compiled) -> None:
    """The compiler forgets resources and unused loop items on their way through groups."""
    for group, component in compiled.dags():
        given = component["inputDefinitions"]["parameters"]
        for name, task in component["dag"]["tasks"].items():
            needs = [
                each["componentInputParameter"]
                for each in task.get("inputs", {}).get("parameters", {}).values()
                if "componentInputParameter" in each
            ]
            items = task.get("parameterIterator", {}).get("items", {}).get("inputParameter")
            assert set(needs) | ({items} if items in given else set()) <= set(given), (group, name)


def test_no_task_in_the_fan_out_takes_the_tick(compiled: Compiled) -> None:
    """`kfp.local` mixes the items of nested loops."""
    child = compiled.task("train-child")["inputs"]["parameters"]

    assert "ticks-loop-item" not in json.dumps(child)


def test_children_have_the_resources_of_the_form(compiled: Compiled) -> None:
    resources = compiled.executors()["exec-train-child"]["resources"]

    def given(name: str) -> str:
        return "{{$.inputs.parameters['pipelinechannel--" + name + "']}}"

    assert resources["resourceCpuLimit"] == given("child_cpu")
    assert resources["resourceMemoryLimit"] == given("child_memory")
    assert resources["accelerator"] == {
        "resourceType": given("child_gpu_type"),
        "resourceCount": given("child_gpu_count"),
    }
    placed = json.dumps(compiled.kubernetes()["exec-train-child"])
    assert "child_node_selector" in placed
    assert "child_tolerations" in placed
    assert '"mountPath": "/dev/shm"' in placed


def test_every_pod_has_the_stores_credentials_endpoint_and_a_time_limit(
    compiled: Compiled,
) -> None:
    for name in compiled.executors():
        settings = compiled.kubernetes()[name]
        (secret,) = settings["secretAsEnv"]
        variables = {each["envVar"] for each in secret["keyToEnv"]}
        assert variables == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        (config,) = settings["configMapAsEnv"]
        assert config["optional"] is True
        assert {each["envVar"] for each in config["keyToEnv"]} == {"AWS_ENDPOINT_URL", "AWS_REGION"}
        assert int(settings["activeDeadlineSeconds"]) == 24 * 3600


def test_all_tasks_run_in_one_image_that_installs_nothing(compiled: Compiled) -> None:
    images = {each["image"] for each in compiled.executors().values()}

    assert len(images) == 1
    assert "pip install" not in json.dumps(compiled.executors())


def test_the_form_has_plain_defaults_of_plain_types(compiled: Compiled) -> None:
    for name, parameter in compiled.parameters().items():
        kind = parameter["parameterType"]
        assert kind in ("STRING", "NUMBER_INTEGER", "STRUCT", "LIST"), name
        if kind in ("STRING", "NUMBER_INTEGER"):
            assert str(parameter["defaultValue"]), name
            assert "\n" not in str(parameter["defaultValue"]), name


def test_names_in_the_form_sort_into_groups(compiled: Compiled) -> None:
    groups = [name.split("_")[0] for name in sorted(compiled.parameters())]

    seen = list(dict.fromkeys(groups))
    assert sorted(groups, key=seen.index) == groups
    assert len(compiled.parameters()) <= 14


def test_every_parameter_is_described(compiled: Compiled) -> None:
    for name, parameter in compiled.parameters().items():
        assert parameter.get("description"), name


def test_the_pipelines_parameters_agree_with_its_rounds(compiled: Compiled) -> None:
    ours = set(inspect.signature(nas_search.pipeline_func).parameters)

    assert ours == set(compiled.parameters())
