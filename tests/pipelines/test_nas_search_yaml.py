"""The compiled pipelines: what a backend and the UI will make of them."""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from compiled import PIPELINES, Compiled, committed, compiled_text, read
from kfp import components
from kfp_nas import pipelines
from kfp_nas.pipelines import state

from nas_lib.cluster.package import compile_resources, pipeline_name, version_name
from nas_lib.config import FanOut, ImageWeightsConfig, SharedConfig
from nas_lib.errors import ConfigError
from nas_lib.procedures import PipelineForm, pipeline_forms

NAS = [name for name in PIPELINES if name.startswith("nas")]
ENAS = [name for name in PIPELINES if name.startswith("enas")]
SEARCHES = [*NAS, *ENAS]
TRAINING: dict[FanOut, str] = {
    "tasks": "train-child",
    "jobs": "train-as-jobs",
    "pod": "train-children",
}
IN_A_TICK = {
    "nas": {"sample-architectures", "aggregate-rewards", "update-controller"},
    "enas": {"train-shared-weights", "derive-architectures", "aggregate-rewards"},
    "transfer": set(),
}
FIRST = {"nas": "prepare-data", "enas": "prepare-data", "transfer": "transfer-cells"}
AROUND = {"plan-rounds", "train-best", "export-model", "write-report"}
IN_A_FINAL_ROUND = {"final-sample-architectures", "final-aggregate-rewards"}
FINAL_GROUPS = {"final-trainings", "final-round", "training-round", "once-finished"}


def family(name: str) -> str:
    return name.partition("-")[0]


def training(name: str) -> str:
    """The task that trains children in this pipeline."""
    return TRAINING[next((each for each in ("jobs", "pod") if name.endswith(each)), "tasks")]


def steps(name: str) -> set[str]:
    trained = {training(name), f"final-{training(name)}"} if name in SEARCHES else set()
    trained |= {f"final-{training(name)}"}
    return {FIRST[family(name)], *AROUND, *IN_A_TICK[family(name)], *IN_A_FINAL_ROUND, *trained}


@pytest.fixture(params=PIPELINES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def compiled(name: str) -> Compiled:
    return read(name)


def test_the_committed_yaml_is_what_the_code_compiles_to(name: str, tmp_path: Path) -> None:
    assert compiled_text(name, tmp_path) == committed(name).read_text()


def test_it_is_small_loadable_and_plain_ascii(name: str) -> None:
    text = committed(name).read_text()

    assert len(text) < 100_000
    assert text.isascii()
    assert components.load_component_from_text(text).name == name


def test_it_has_a_task_for_each_step_in_groups_whose_names_tell(
    name: str, compiled: Compiled
) -> None:
    groups = {"search", *(("rounds", "round") if name in NAS else ())}
    groups |= {"ticks", "tick"} if name in ENAS else set()
    groups |= {"once-trained"} if name in ENAS else set()
    groups |= FINAL_GROUPS
    groups |= {"children", "final-children"} if training(name) == "train-child" else set()

    assert {task for _, task, _ in compiled.tasks()} == steps(name) | groups


def test_a_task_is_called_alike_wherever_the_ui_reads_its_name(compiled: Compiled) -> None:
    """Nodes have a task's label, turns of a loop and the way back to the root its key."""
    for _, name, task in compiled.tasks():
        assert task["taskInfo"]["name"] == name


def test_a_task_shows_which_child_or_round_it_is_for_among_its_inputs() -> None:
    compiled = read("nas-search")

    assert "child" in compiled.task("train-child")["inputs"]["parameters"]
    assert "children" in compiled.task("aggregate-rewards")["inputs"]["parameters"]
    assert "round" in compiled.task("update-controller")["inputs"]["parameters"]


def test_names_of_tasks_are_unique_across_nesting(compiled: Compiled) -> None:
    names = [name for _, name, _ in compiled.tasks()]

    assert len(names) == len(set(names))


def test_the_report_comes_after_all_and_whatever_became_of_them(compiled: Compiled) -> None:
    """It is a hook of what it comes after: with two of these it would come twice."""
    tasks = compiled.spec["root"]["dag"]["tasks"]
    report = tasks["write-report"]

    assert set(tasks) == {"search", "write-report"}
    assert report["dependentTasks"] == ["search"]
    assert report["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    taken = report["inputs"]["parameters"].values()
    assert not [each for each in taken if "taskOutputParameter" in each]


def test_nothing_comes_after_a_task_that_ignores_failures(compiled: Compiled) -> None:
    """A backend takes it out of the graph, and refuses whatever depends on it."""
    ignoring = {
        name
        for _, name, task in compiled.tasks()
        if task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
    }

    assert ignoring == {"write-report"}
    assert not [
        name for _, name, task in compiled.tasks() if ignoring & set(task.get("dependentTasks", ()))
    ]


def test_no_state_is_ever_taken_from_a_cache(name: str, compiled: Compiled) -> None:
    for step in steps(name):
        assert compiled.task(step)["cachingOptions"] == {}, step  # enableCache absent is false


@pytest.mark.parametrize("name", SEARCHES)
def test_rounds_come_one_after_the_other(name: str) -> None:
    """Where there are none to do, the loop over them has no turns; nobody collects from it."""
    compiled = read(name)
    loop = "round" if name in NAS else "tick"
    items = compiled.task(loop)["parameterIterator"]["items"]["inputParameter"]
    given = dict(compiled.dags())[f"comp-{loop}s"]["inputDefinitions"]["parameters"]

    assert compiled.task(loop)["iteratorPolicy"] == {"parallelismLimit": 1}
    assert items == "pipelinechannel--ticks"
    assert given["ticks"]["parameterType"] == "LIST"
    assert all("triggerPolicy" not in compiled.task(group) for group in (f"{loop}s", loop))


@pytest.mark.parametrize("name", ENAS)
def test_what_shared_weights_tell_is_asked_in_the_tick_that_finds_them_trained(name: str) -> None:
    compiled = read(name)
    groups = {task: group for group, task, _ in compiled.tasks()}

    condition = compiled.task("once-trained")
    assert condition["dependentTasks"] == ["train-shared-weights"]
    assert condition["triggerPolicy"]["condition"] == (
        "int(inputs.parameter_values['pipelinechannel--train-shared-weights-Output']) == 1"
    )
    assert groups["train-shared-weights"] == groups["once-trained"] == "comp-tick"
    assert groups["derive-architectures"] == groups["aggregate-rewards"] == "comp-once-trained"
    assert "derive-architectures" in compiled.task("aggregate-rewards")["dependentTasks"]


@pytest.mark.parametrize("name", ENAS)
def test_a_pod_has_the_time_that_a_tick_takes(name: str) -> None:
    limit_s = read(name).kubernetes()["exec-train-shared-weights"]["activeDeadlineSeconds"]

    assert (
        int(limit_s) >= 10 * 60 * SharedConfig(weights=ImageWeightsConfig()).tick_minutes
    )  # its last epoch may be long


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
    for name in ("nas-search", "enas-search"):
        for task in ("train-child", "final-train-child"):
            child = read(name).task(task)["inputs"]["parameters"]
            assert "ticks-loop-item" not in json.dumps(child)
            assert "training_uris-loop-item" not in json.dumps(child)


@pytest.mark.parametrize(
    ("pipeline", "task"),
    [
        *((name, training(name)) for name in PIPELINES if not name.endswith("-jobs")),
        *((name, f"final-{training(name)}") for name in PIPELINES if not name.endswith("-jobs")),
        *((name, "train-shared-weights") for name in ENAS),
        *((name, "derive-architectures") for name in ENAS),
    ],
)
def test_training_pods_have_what_the_plan_says(pipeline: str, task: str) -> None:
    compiled = read(pipeline)
    name = f"exec-{task}"
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
    # by the name that the group has for it: a loop has others than the pipeline around it
    ((group, _),) = [(each, task_) for each, task_, _ in compiled.tasks() if task_ == task]
    inputs = dict(compiled.dags())[group]["inputDefinitions"]["parameters"]
    (parameter,) = {"node_selector", "pipelinechannel--node_selector"} & inputs.keys()
    assert placed["nodeSelector"] == {"nodeSelectorJson": {"componentInputParameter": parameter}}
    (parameter,) = {"tolerations", "pipelinechannel--tolerations"} & inputs.keys()
    assert placed["tolerations"] == [{"tolerationJson": {"componentInputParameter": parameter}}]
    assert placed["emptyDirMounts"] == [
        {"medium": "Memory", "mountPath": "/dev/shm", "volumeName": "shm"}
    ]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_plan_is_what_rounds_take(name: str) -> None:
    compiled = read(name)
    given = compiled.task("rounds" if name in NAS else "ticks")["inputs"]["parameters"]
    planned = {
        name: each["taskOutputParameter"]["outputParameterKey"]
        for name, each in given.items()
        if each.get("taskOutputParameter", {}).get("producerTask") == "plan-rounds"
    }
    outputs = compiled.spec["components"]["comp-plan-rounds"]["outputDefinitions"]["parameters"]

    assert planned == {name: name for name in outputs}


@pytest.mark.parametrize("name", ["nas-search-jobs", "enas-search-jobs"])
def test_the_pod_that_makes_jobs_is_told_where_and_as_what(name: str) -> None:
    compiled = read(name)

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
        days = 7 if name.endswith(("train-as-jobs", "train-children")) else 1
        assert int(settings["activeDeadlineSeconds"]) == days * 24 * 3600


def test_every_pod_is_known_as_ours_left_in_peace_and_no_root(compiled: Compiled) -> None:
    """The rest of what a restricted namespace asks for, a backend sets itself."""
    for name in compiled.executors():
        settings = compiled.kubernetes()[name]
        assert settings["podMetadata"]["labels"] == {
            "app.kubernetes.io/part-of": "kfp-nas",
            "azure.workload.identity/use": "true",
        }, name
        assert settings["podMetadata"]["annotations"] == {
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            "karpenter.sh/do-not-disrupt": "true",
        }, name
        assert settings["securityContext"] == {"runAsNonRoot": True}, name  # no user: OpenShift


def test_what_kubernetes_has_of_a_run_stays_a_week_however_it_ended(compiled: Compiled) -> None:
    """A backend's default of an hour for success and failure would count before the general one."""
    week_s = 7 * 24 * 3600
    config = compiled.platform["platforms"]["kubernetes"]["pipelineConfig"]

    assert config == {
        "resourceTtlOnCompletion": week_s,
        "resourceTtlOnSuccess": week_s,
        "resourceTtlOnFailure": week_s,
    }


def test_every_pod_asks_for_cpu_and_memory_and_is_held_to_limits_of_both(
    name: str, compiled: Compiled
) -> None:
    resources = {task: each["resources"] for task, each in compiled.executors().items()}
    trained = [f"exec-{training(name)}", f"exec-final-{training(name)}"]
    as_planned = [] if name.endswith("-jobs") else trained
    as_planned += ["exec-train-shared-weights", "exec-derive-architectures"]
    read_all_data = [f"exec-{FIRST[family(name)]}", "exec-export-model", "exec-write-report"]

    for task, given in resources.items():
        asked = [given["resourceCpuRequest"], given["resourceMemoryRequest"]]
        limits = [given["resourceCpuLimit"], given["resourceMemoryLimit"]]
        if task in read_all_data:
            assert [*asked, *limits] == ["500m", "1Gi", "4", "8Gi"], task
        elif task not in as_planned:
            assert [*asked, *limits] == ["100m", "512Mi", "2", "2Gi"], task


@pytest.fixture
def wired_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipelines are wired while they are imported."""
    for module in ("kfp_nas.pipelines.nas_search", "kfp_nas.pipelines.nas_search.pipeline"):
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.usefixtures("wired_anew")
def test_what_reads_all_data_may_have_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "DATA_MEMORY", "64Gi")  # of NAS_DATA_MEMORY

    executors = Compiled(compiled_text("nas-search", tmp_path)).executors()

    for task in ("exec-prepare-data", "exec-write-report"):
        assert executors[task]["resources"]["resourceMemoryLimit"] == "64Gi"


@pytest.mark.usefixtures("wired_anew")
def test_memory_for_data_that_is_none_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "DATA_MEMORY", "lots")

    with pytest.raises(ConfigError, match="NAS_DATA_MEMORY says what is no memory: Invalid memory"):
        compiled_text("nas-search", tmp_path)


@pytest.mark.usefixtures("wired_anew")
def test_a_claim_with_data_is_mounted_where_they_are_prepared_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DATA_CLAIM", "photos")
    monkeypatch.setattr(state, "DATA_CLAIM", "photos")

    platform = Compiled(compiled_text("nas-search", tmp_path)).platform
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    (claim,) = pods.pop("exec-prepare-data")["pvcMount"]
    assert claim["pvcNameParameter"] == {"runtimeValue": {"constant": "photos"}}
    assert claim["mountPath"] == "/data"
    assert not any("pvcMount" in each for each in pods.values())


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        ("My photos", "should name a PersistentVolumeClaim, in small letters, .*, got 'My photos'"),
        ("photos", "this process compiles for the claim of no name already, and cannot for photos"),
    ],
)
def test_a_claim_that_cannot_be_compiled_is_one_sentence(
    claim: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DATA_CLAIM", claim)

    with pytest.raises(ConfigError, match=sentence):
        compiled_text("nas-search", tmp_path)


def test_all_tasks_run_in_one_image_that_installs_nothing(compiled: Compiled) -> None:
    images = {each["image"] for each in compiled.executors().values()}

    assert len(images) == 1
    assert "pip install" not in json.dumps(compiled.executors())


def test_the_form_has_plain_defaults_of_plain_types(compiled: Compiled) -> None:
    for name, parameter in compiled.parameters().items():
        kind = parameter["parameterType"]
        assert kind in ("STRING", "NUMBER_INTEGER", "BOOLEAN", "STRUCT", "LIST"), name
        if kind in ("STRING", "NUMBER_INTEGER"):
            assert str(parameter["defaultValue"]), name
            assert "\n" not in str(parameter["defaultValue"]), name


def test_names_in_the_form_sort_into_groups(compiled: Compiled) -> None:
    groups = [name.split("_")[0] for name in sorted(compiled.parameters())]

    seen = list(dict.fromkeys(groups))
    assert sorted(groups, key=seen.index) == groups
    assert len(compiled.parameters()) <= 8


def test_every_parameter_is_described(compiled: Compiled) -> None:
    for name, parameter in compiled.parameters().items():
        assert parameter.get("description"), name


@pytest.mark.parametrize("names", [NAS, ENAS])
def test_all_three_have_the_same_form(names: list[str]) -> None:
    forms = [read(name).parameters() for name in names]

    assert forms[0] == forms[1] == forms[2]
    function = pipelines.find(names[0]).pipeline_func
    assert set(forms[0]) == set(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", NAS)
def test_whether_a_search_is_on_fresh_data_is_a_field_of_the_form(name: str) -> None:
    compiled = read(name)

    assert compiled.task("prepare-data")["inputs"]["parameters"]["fresh"] == {
        "componentInputParameter": "pipelinechannel--fresh"
    }
    assert compiled.parameters()["fresh"]["defaultValue"] is False


def test_both_families_have_the_same_form_but_for_replicas_and_what_a_run_may_do() -> None:
    nas, enas = (read(name).parameters() for name in ("nas-search", "enas-search"))
    of_nas, of_enas = nas.keys() - enas.keys(), enas.keys() - nas.keys()

    assert (of_nas, of_enas) == ({"fresh", "replica", "rounds_per_run"}, {"ticks_per_run"})
    for name in (nas.keys() & enas.keys()) - {"search_uri", "preset"}:
        assert nas[name] == enas[name]


@pytest.mark.parametrize("form", pipeline_forms(), ids=lambda form: form.name)
def test_a_form_has_the_fields_that_its_procedure_names(form: PipelineForm) -> None:
    fields = read(pipeline_name(form.name, form.fanouts[0])).parameters()

    assert fields.keys() >= {*form.own_fields}
    assert not form.per_run or fields[form.per_run]["defaultValue"] == form.per_run_default
    assert ("replica" in fields) == form.has_replicas


def test_the_description_says_what_each_task_does(name: str, compiled: Compiled) -> None:
    description = compiled.spec["pipelineInfo"]["description"]

    for step in steps(name) - {training(name), f"final-{training(name)}"}:
        assert step.removeprefix("final-") in description


def test_resources_for_kubectl_hold_the_same_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "resources.yaml"
    compile_resources("nas-search-jobs", path, namespace="team-a")

    pipeline, version = yaml.safe_load_all(path.read_text())

    api = "pipelines.kubeflow.org/v2beta1"
    assert (pipeline["apiVersion"], pipeline["kind"]) == (api, "Pipeline")
    assert (version["apiVersion"], version["kind"]) == (api, "PipelineVersion")
    assert pipeline["metadata"] == {"name": "nas-search-jobs", "namespace": "team-a"}
    name = f"nas-search-jobs-{version_name(committed('nas-search-jobs'))}"
    assert version["metadata"] == {"name": name, "namespace": "team-a"}
    assert re.fullmatch("[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)  # as Kubernetes wants it
    assert version["spec"]["pipelineName"] == "nas-search-jobs"
    assert version["spec"]["pipelineSpec"] == read("nas-search-jobs").spec
    assert version["spec"]["platformSpec"] == read("nas-search-jobs").platform
