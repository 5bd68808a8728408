"""The compiled pipelines: what a backend and the UI will make of them."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yaml
from compiled import Compiled, committed, compiled_text
from kfp import components
from kfp_nas.pipelines.nas_search import nas_search

from nas_lib.cluster.package import PIPELINES, compile_resources, version_name
from nas_lib.config import FanOut

FAN_OUTS = get_args(FanOut)
TRAINING = {"tasks": "train-child", "jobs": "train-as-jobs", "pod": "train-children"}
STEPS = {
    "prepare-data",
    "plan-rounds",
    "sample-architectures",
    "aggregate-rewards",
    "update-controller",
    "write-report",
    *TRAINING.values(),
}


@pytest.fixture(params=FAN_OUTS)
def fanout(request: pytest.FixtureRequest) -> FanOut:
    return request.param


@pytest.fixture
def compiled(fanout: FanOut) -> Compiled:
    return read(fanout)


@cache
def read(fanout: FanOut) -> Compiled:
    return Compiled(committed(fanout).read_text())


def test_the_committed_yaml_is_what_the_code_compiles_to(fanout: FanOut, tmp_path: Path) -> None:
    assert compiled_text(fanout, tmp_path) == committed(fanout).read_text()


def test_it_is_small_loadable_and_plain_ascii(fanout: FanOut) -> None:
    text = committed(fanout).read_text()

    assert len(text) < 60_000
    assert text.isascii()
    assert components.load_component_from_text(text).name == PIPELINES[fanout]


def test_it_has_a_task_for_each_step(fanout: FanOut, compiled: Compiled) -> None:
    steps = STEPS - set(TRAINING.values()) | {TRAINING[fanout]}
    loops = {"for-loop-2", "for-loop-3"} if fanout == "tasks" else {"for-loop-2"}

    assert {name for _, name, _ in compiled.tasks()} == steps | loops | {
        "nas-rounds",
        "condition-1",
    }


def test_what_loops_have_no_names_of_their_own(compiled: Compiled) -> None:
    """Before 2.16 a backend did not find the outputs of a producer with a display name."""
    for _, name, task in compiled.tasks():
        assert task["taskInfo"]["name"] == name


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


def test_no_task_in_the_fan_out_takes_the_tick() -> None:
    """`kfp.local` mixes the items of nested loops."""
    compiled = read("tasks")
    child = compiled.task("train-child")["inputs"]["parameters"]

    assert "ticks-loop-item" not in json.dumps(child)


@pytest.mark.parametrize("fanout", ["tasks", "pod"], indirect=True)
def test_training_pods_have_what_the_plan_says(fanout: FanOut, compiled: Compiled) -> None:
    name = f"exec-{TRAINING[fanout]}"
    resources = compiled.executors()[name]["resources"]

    def given(name: str) -> str:
        return "{{$.inputs.parameters['pipelinechannel--" + name + "']}}"

    assert resources["resourceCpuLimit"] == resources["resourceCpuRequest"] == given("cpu")
    assert resources["resourceMemoryLimit"] == given("memory")
    assert resources["resourceMemoryRequest"] == given("memory")
    assert resources["accelerator"] == {
        "resourceType": given("gpu_type"),
        "resourceCount": given("gpu_count"),
    }
    placed = compiled.kubernetes()[name]
    parameter = {"componentInputParameter": "pipelinechannel--node_selector"}
    assert placed["nodeSelector"] == {"nodeSelectorJson": parameter}
    parameter = {"componentInputParameter": "pipelinechannel--tolerations"}
    assert placed["tolerations"] == [{"tolerationJson": parameter}]
    assert placed["emptyDirMounts"] == [
        {"medium": "Memory", "mountPath": "/dev/shm", "volumeName": "shm"}
    ]


def test_the_plan_is_what_rounds_take(compiled: Compiled) -> None:
    given = compiled.task("nas-rounds")["inputs"]["parameters"]
    planned = {
        name: each["taskOutputParameter"]["outputParameterKey"]
        for name, each in given.items()
        if each.get("taskOutputParameter", {}).get("producerTask") == "plan-rounds"
    }
    outputs = compiled.spec["components"]["comp-plan-rounds"]["outputDefinitions"]["parameters"]

    assert planned == {name: name for name in outputs}


def test_the_pod_that_makes_jobs_is_told_where_and_as_what() -> None:
    compiled = read("jobs")

    fields = compiled.kubernetes()["exec-train-as-jobs"]["fieldPathAsEnv"]
    executor = compiled.executors()["exec-train-as-jobs"]

    assert {each["name"]: each["fieldPath"] for each in fields} == {
        "NAS_NAMESPACE": "metadata.namespace",
        "NAS_SERVICE_ACCOUNT": "spec.serviceAccountName",
    }
    assert executor["env"] == [{"name": "NAS_IMAGE", "value": executor["image"]}]


def test_every_pod_has_the_stores_credentials_endpoint_identity_and_a_time_limit(
    compiled: Compiled,
) -> None:
    for name in compiled.executors():
        settings = compiled.kubernetes()[name]
        (secret,) = settings["secretAsEnv"]
        assert secret["optional"] is True
        variables = {each["envVar"] for each in secret["keyToEnv"]}
        assert variables == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        (config,) = settings["configMapAsEnv"]
        assert config["optional"] is True
        assert {each["envVar"] for each in config["keyToEnv"]} == {
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AZURE_STORAGE_ACCOUNT_NAME",
        }
        assert settings["podMetadata"]["labels"] == {"azure.workload.identity/use": "true"}
        days = 7 if name in ("exec-train-as-jobs", "exec-train-children") else 1
        assert int(settings["activeDeadlineSeconds"]) == days * 24 * 3600


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
    assert len(compiled.parameters()) <= 7


def test_every_parameter_is_described(compiled: Compiled) -> None:
    for name, parameter in compiled.parameters().items():
        assert parameter.get("description"), name


def test_all_three_have_the_same_form() -> None:
    forms = [read(fanout).parameters() for fanout in FAN_OUTS]

    assert forms[0] == forms[1] == forms[2]
    assert set(forms[0]) == set(inspect.signature(nas_search.pipeline_func).parameters)


def test_the_description_says_what_each_task_does(compiled: Compiled) -> None:
    description = compiled.spec["pipelineInfo"]["description"]

    for step in STEPS - set(TRAINING.values()):
        assert step in description


def test_resources_for_kubectl_hold_the_same_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "resources.yaml"
    compile_resources("jobs", path, namespace="team-a")

    pipeline, version = yaml.safe_load_all(path.read_text())

    api = "pipelines.kubeflow.org/v2beta1"
    assert (pipeline["apiVersion"], pipeline["kind"]) == (api, "Pipeline")
    assert (version["apiVersion"], version["kind"]) == (api, "PipelineVersion")
    assert pipeline["metadata"] == {"name": "nas-search-jobs", "namespace": "team-a"}
    name = f"nas-search-jobs-{version_name(committed('jobs'))}"
    assert version["metadata"] == {"name": name, "namespace": "team-a"}
    assert re.fullmatch("[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)  # as Kubernetes wants it
    assert version["spec"]["pipelineName"] == "nas-search-jobs"
    assert version["spec"]["pipelineSpec"] == read("jobs").spec
    assert version["spec"]["platformSpec"] == read("jobs").platform
