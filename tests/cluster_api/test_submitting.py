"""The commands, end to end against a Kubeflow."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from kfp_server import FakeKubeflow, Fault
from nas_command import Nas
from pods_server import running_pods
from searches import tabular

from nas_lib import steps
from nas_lib.cluster.child_job import final_labels, replica_labels, run_labels
from nas_lib.config_file import apply_overrides, parse_config, resolve_config
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes

STORE = "s3://nas/digits"


def test_submit_starts_a_run_for_each_replica_and_prints_their_pages(
    nas: Nas, server: FakeKubeflow
) -> None:
    code, output, error = nas(
        *("submit", "digits", "--store", STORE, "--host", server.url),
        *("--set", "search.replicas=2", "--set", "resources.gpu_count=1"),
    )

    assert (code, error) == (0, "")
    first, second = server.runs.values()
    assert [line.rpartition(": ")[2] for line in output.splitlines()] == [
        f"{server.url}/#/runs/details/{first.run_id}",
        f"{server.url}/#/runs/details/{second.run_id}",
    ]
    assert [each.runtime_config.parameters["replica"] for each in (first, second)] == [0, 1]
    assert [each.display_name for each in server.experiments.values()] == ["digits"]


def test_the_pipeline_gets_the_configuration_that_was_submitted(
    nas: Nas, server: FakeKubeflow
) -> None:
    changes = ["controller.kind=random", "resources.node_selector={a.b/c: x}", "seed=7"]
    sets = [part for change in changes for part in ("--set", change)]
    nas("submit", "nas-cnn", "--store", STORE, "--host", server.url, *sets, "--json", "--set",
        "search.replicas=1")  # fmt: skip

    (run,) = server.runs.values()
    arguments = run.runtime_config.parameters
    document = apply_overrides(
        preset("nas-cnn").model_dump(mode="json"), [*changes, "search.replicas=1"]
    )
    meant = parse_config(document, source="test")
    assert resolve_config(arguments["preset"], arguments["overrides"], stored=None) == meant


@pytest.mark.parametrize(
    ("override", "pipeline"),
    [
        ("search.children_per_round=32", "nas-search"),
        ("search.children_per_round=33", "nas-search-jobs"),
        ("resources.fanout=pod", "nas-search-pod"),
    ],
)
def test_the_fan_out_chooses_the_pipeline(
    nas: Nas, server: FakeKubeflow, override: str, pipeline: str
) -> None:
    code, _, _ = nas("submit", "digits", "--store", STORE, "--host", server.url, "--set", override)

    assert code == 0
    assert [each.display_name for each in server.pipelines.values()] == [pipeline]


@pytest.mark.parametrize(
    ("override", "pipeline"),
    [
        # 3 are kept by default: 32 children, then 33
        ("search.derive.probes=29", "enas-search"),
        ("search.derive.probes=30", "enas-search-jobs"),
        ("resources.fanout=pod", "enas-search-pod"),
    ],
)
def test_a_search_by_shared_weights_has_pipelines_of_its_own(
    nas: Nas, server: FakeKubeflow, override: str, pipeline: str
) -> None:
    command = ("enas-macro-digits", "--store", STORE, "--host", server.url, "--set", override)

    assert nas("submit", *command, "--rounds-per-run", "3")[0] == 0
    assert nas("schedule", *command, "--every", "6h")[0] == 0

    assert [each.display_name for each in server.pipelines.values()] == [pipeline]
    for made in (*server.runs.values(), *server.recurring_runs.values()):
        arguments = made.runtime_config.parameters
        assert arguments.keys() == {"search_uri", "preset", "overrides", "ticks_per_run"}
    (run,) = server.runs.values()
    assert run.runtime_config.parameters["ticks_per_run"] == 3


def test_a_transfer_has_a_pipeline_of_its_own(nas: Nas, server: FakeKubeflow) -> None:
    command = ("--store", STORE, "--host", server.url)

    code, _, said = nas("submit", "digits", *command, "--transfer", "nasnet-a")

    assert code == 0
    assert "left out of the document: space.kind cnn" in said
    assert [each.display_name for each in server.pipelines.values()] == ["transfer-jobs"]
    (run,) = server.runs.values()
    arguments = run.runtime_config.parameters
    assert arguments.keys() == {"search_uri", "source", "preset", "overrides"}
    assert arguments["source"] == ""  # it was read here
    meant = resolve_config(arguments["preset"], arguments["overrides"], stored=None)
    assert meant is not None
    assert (meant.search.kind, meant.search.source) == ("transfer", "nasnet-a")
    assert len(json.loads(nas("runs", STORE, "--host", server.url, "--json")[1])["runs"]) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set", "resources.fanout=pod"], "transfer has the fan-out jobs only, got pod"),
        (["--rounds-per-run", "3"], "a run of the pipeline transfer does all that there is to do"),
    ],
)
def test_what_a_transfer_has_not_is_refused(
    nas: Nas, server: FakeKubeflow, arguments: list[str], sentence: str
) -> None:
    command = ("digits", "--store", STORE, "--host", server.url, "--transfer", "enas-micro")

    code, _, said = nas("submit", *command, *arguments)

    assert code == 2
    assert sentence in said
    assert not server.runs


def test_a_device_is_looked_for_where_the_pods_are(nas: Nas, server: FakeKubeflow) -> None:
    device = ("--set", "children.device=cuda:99")

    code, _, error = nas("submit", "digits", "--store", STORE, "--host", server.url, *device)

    assert (code, error) == (0, "")
    (run,) = server.runs.values()
    assert run.runtime_config.parameters["overrides"] == {"children.device": "cuda:99"}


def test_runs_of_shared_weights_are_listed(nas: Nas, server: FakeKubeflow) -> None:
    nas("submit", "enas-macro-digits", "--store", STORE, "--host", server.url)

    _, output, _ = nas("runs", STORE, "--host", server.url, "--json")

    (run,) = json.loads(output)["runs"]
    assert (run["search_uri"], run["replica"]) == (STORE, 0)


def test_without_a_config_the_stored_search_goes_on(
    nas: Nas, server: FakeKubeflow, s3_uri: str
) -> None:
    steps.prepare_data(OpenSearch(s3_uri), config=tabular())

    code, _, error = nas(
        *("submit", "--store", s3_uri, "--host", server.url, "--rounds-per-run", "2"),
        *("--set", "search.max_children=500"),
    )

    assert (code, error) == (0, "")
    (run,) = server.runs.values()
    assert run.runtime_config.parameters == {
        "search_uri": s3_uri,
        "preset": "",
        "overrides": {"search.max_children": 500},
        "replica": 0,
        "rounds_per_run": 2,
    }


def test_names_of_secret_settings_account_and_experiment_are_handed_on(
    nas: Nas, server: FakeKubeflow
) -> None:
    nas(
        *("submit", "digits", "--store", STORE, "--host", server.url, "--experiment", "weekly"),
        *("--store-secret", "keys", "--store-settings", "s3", "--service-account", "nas"),
    )

    (run,) = server.runs.values()
    assert run.runtime_config.parameters["store_secret"] == "keys"
    assert run.runtime_config.parameters["store_settings"] == "s3"
    assert run.service_account == "nas"
    assert [each.display_name for each in server.experiments.values()] == ["weekly"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--store", "runs/digits"), "pods cannot reach the store runs/digits: expected s3://"),
        (("--store", "memory://x"), "pods cannot reach the store memory://x"),
        (
            ("--store", STORE, "--set", "children={kind: own, evaluate: inline}"),
            "children.evaluate should be",
        ),
        (("--store", STORE, "--set", "children.epochs=0"), "children.epochs should be at least 1"),
    ],
)
def test_what_pods_cannot_use_is_refused_before_anything_is_asked(
    nas: Nas, server: FakeKubeflow, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, error = nas("submit", "digits", "--host", server.url, *arguments)

    assert code == 2
    assert sentence in error
    assert server.requests == []


def test_runs_that_did_start_are_named_though_a_later_one_fails(
    nas: Nas, server: FakeKubeflow
) -> None:
    def then_refuse(request: str) -> None:
        if server.runs:
            server.faults = [Fault("POST /apis/v2beta1/runs", status=500)]

    server.before = then_refuse
    code, output, error = nas(
        "submit", "digits", "--store", STORE, "--host", server.url, "--set", "search.replicas=3"
    )

    assert code == 1
    assert output.startswith("digits r0 ")
    assert "cannot start the run digits r1" in error
    assert len(server.runs) == 1


def test_schedule_makes_one_for_each_replica_which_end_one_by_one(
    nas: Nas, server: FakeKubeflow
) -> None:
    code, output, _ = nas(
        *("schedule", "digits", "--store", STORE, "--host", server.url, "--cron", "0 3 * * 1"),
        *("--set", "search.replicas=2", "--json"),
    )

    assert code == 0
    made = list(server.recurring_runs.values())
    assert [each["id"] for each in json.loads(output)] == [each.recurring_run_id for each in made]
    assert [each.display_name for each in made] == ["digits r0", "digits r1"]
    assert {each.trigger.cron_schedule.cron for each in made} == {"0 0 3 * * 1"}

    first, second = (each.recurring_run_id for each in made)
    assert nas("cancel", first, "--host", server.url)[0] == 0
    _, output, _ = nas("runs", STORE, "--host", server.url, "--json")
    assert [(each["id"], each["replica"]) for each in json.loads(output)["schedules"]] == [
        (second, 1)
    ]
    assert nas("cancel", second, "--host", server.url)[0] == 0
    assert server.recurring_runs == {}


def test_a_search_has_one_schedule_unless_another_is_to_replace_it(
    nas: Nas, server: FakeKubeflow
) -> None:
    command = ("schedule", "digits", "--store", STORE, "--host", server.url, "--every")
    nas(*command, "6h")

    code, _, error = nas(*command, "12h")
    assert code == 2
    assert f"{STORE} has a schedule already (digits r0, every 21600 s)" in error

    code, _, _ = nas(*command, "12h", "--replace")
    assert code == 0
    (left,) = server.recurring_runs.values()
    assert left.trigger.periodic_schedule.interval_second == "43200"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say either --cron or --every"),
        (("--cron", "0 3 * * 1", "--every", "6h"), "say either --cron or --every"),
        (("--cron", "weekly"), "a cron line has five fields"),
        (("--every", "weekly"), "an interval looks like 90m"),
    ],
)
def test_a_schedule_needs_one_time(
    nas: Nas, server: FakeKubeflow, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, error = nas("schedule", "digits", "--store", STORE, "--host", server.url, *arguments)

    assert code == 2
    assert sentence in error


def test_runs_lists_runs_and_schedules_of_a_search(nas: Nas, server: FakeKubeflow) -> None:
    nas("submit", "digits", "--store", STORE, "--host", server.url)
    nas("submit", "digits", "--store", "s3://nas/other", "--host", server.url)
    nas("schedule", "digits", "--store", STORE, "--host", server.url, "--every", "6h")

    code, output, _ = nas("runs", STORE, "--host", server.url)

    assert code == 0
    schedule, run = output.splitlines()
    assert schedule.split()[0] == "schedule"
    assert "digits r0" in schedule
    assert "every 21600 s" in schedule
    assert run.split()[0] == "run"
    assert "PENDING" in run


def test_runs_of_two_replicas_are_told_apart_whatever_they_are_called(
    nas: Nas, server: FakeKubeflow
) -> None:
    nas("submit", "digits", "--store", STORE, "--host", server.url, "--set", "search.replicas=2")
    for run in server.runs.values():
        run.display_name = "Run of nas-search"  # as in the UI's form

    _, output, _ = nas("runs", STORE, "--host", server.url)

    assert [line.split()[-2:] for line in output.splitlines()] == [[STORE, "r1"], [STORE, "r0"]]


def test_runs_are_listed_as_json(nas: Nas, server: FakeKubeflow) -> None:
    nas("submit", "digits", "--store", STORE, "--host", server.url)

    _, output, _ = nas("runs", "--host", server.url, "--json")

    listed = json.loads(output)
    assert listed["schedules"] == []
    assert listed["runs"][0]["id"] in server.runs
    assert (listed["runs"][0]["search_uri"], listed["runs"][0]["replica"]) == (STORE, 0)


def test_no_runs_are_said_so(nas: Nas, server: FakeKubeflow) -> None:
    assert nas("runs", STORE, "--host", server.url)[1] == f"no runs and no schedules of {STORE}\n"


def test_cancel_says_which_it_was(nas: Nas, server: FakeKubeflow) -> None:
    nas("submit", "digits", "--store", STORE, "--host", server.url)
    nas("schedule", "digits", "--store", STORE, "--host", server.url, "--every", "6h")
    (run,), (schedule,) = server.runs, server.recurring_runs

    _, run_output, _ = nas("cancel", run, "--host", server.url)
    _, schedule_output, _ = nas("cancel", schedule, "--host", server.url)

    assert run_output.startswith("the run digits r0 ")
    assert schedule_output == "the schedule digits r0 (every 21600 s) is deleted\n"


def test_cancel_ends_the_jobs_of_a_run_whose_search_cannot_be_told(
    nas: Nas, server: FakeKubeflow, cluster: SmallKubernetes
) -> None:
    nas("submit", "digits", "--store", STORE, "--host", server.url)
    (run,) = server.runs
    server.runs[run].runtime_config = None
    server.versions.clear()  # from which its arguments' defaults would be known
    for name, made_by in (("ours", run), ("anothers", "another")):
        metadata = {"name": name, "labels": {"kfp-nas/run": made_by}}
        cluster.state.create("jobs", NAMESPACE, {"metadata": metadata, "status": {}})

    code, output, _ = nas("cancel", run, "--host", server.url, "-n", NAMESPACE)

    assert code == 0
    assert output.endswith("its 1 Jobs for children are deleted\n")
    assert [job["metadata"]["name"] for job in cluster.all("jobs")] == ["anothers"]


@pytest.mark.parametrize(
    ("rival", "left"),
    [("RUNNING", ["rivals"]), ("SUCCEEDED", [])],
)
def test_cancel_ends_the_jobs_of_a_final_training_unless_another_run_may_wait_for_them(
    nas: Nas, server: FakeKubeflow, cluster: SmallKubernetes, rival: str, left: list[str]
) -> None:
    """A run of any replica may do it, and go on with what an earlier one has begun."""
    for _ in range(2):
        nas("submit", "digits", "--store", STORE, "--host", server.url)
    first, second = server.runs
    server.runs[first].runtime_config.parameters["replica"] = 1
    server.enter(server.runs[first], rival)
    for name, made_by in (("rivals", first), ("ours", second)):
        labels = {**final_labels(STORE), **run_labels(made_by)}
        metadata = {"name": name, "labels": labels}
        cluster.state.create("jobs", NAMESPACE, {"metadata": metadata, "status": {}})

    nas("cancel", second, "--host", server.url, "-n", NAMESPACE)

    assert [job["metadata"]["name"] for job in cluster.all("jobs")] == left


@pytest.mark.parametrize(
    ("rival", "left"),
    [("RUNNING", ["rivals"]), ("PENDING", ["rivals"]), ("CANCELING", []), ("SUCCEEDED", [])],
)
def test_cancel_leaves_the_jobs_of_another_run_that_is_at_work_on_the_replica(
    nas: Nas, server: FakeKubeflow, cluster: SmallKubernetes, rival: str, left: list[str]
) -> None:
    """Somebody began a second run by mistake, and ends it."""
    for _ in range(2):
        nas("submit", "digits", "--store", STORE, "--host", server.url)
    first, second = server.runs
    server.enter(server.runs[first], rival)
    for name, made_by in (("rivals", first), ("ours", second)):
        labels = {**replica_labels(STORE, 0), **run_labels(made_by)}
        metadata = {"name": name, "labels": labels}
        cluster.state.create("jobs", NAMESPACE, {"metadata": metadata, "status": {}})

    nas("cancel", second, "--host", server.url, "-n", NAMESPACE)

    assert [job["metadata"]["name"] for job in cluster.all("jobs")] == left


def test_the_host_and_the_token_may_stand_in_the_environment(
    nas: Nas, server: FakeKubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = "secret"
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    monkeypatch.setenv("NAS_KUBEFLOW_TOKEN", "secret")

    assert nas("runs") == (0, "no runs and no schedules\n", "")


def test_logs_come_from_the_pods_of_a_run(
    nas: Nas, server: FakeKubeflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    nas("submit", "digits", "--store", STORE, "--host", server.url)
    (run,) = server.runs

    with running_pods(tmp_path / "kubeconfig") as pods:
        place = "nas-search-x7k2p(0).root(0).plan-rounds(0).executor(0)"
        pods.add("p1", 1, {"pipeline/runid": run}, place=place, log="5 rounds")
        code, output, error = nas("logs", run, "--host", server.url)

    assert (code, error) == (0, "")
    assert output == "== plan-rounds (p1, Succeeded)\n5 rounds\n"


def test_logs_of_no_run_are_refused(nas: Nas, server: FakeKubeflow) -> None:
    code, _, error = nas("logs", "0000", "--host", server.url)

    assert code == 1
    assert "cannot find the run 0000" in error
    assert "Run 0000 not found" in error


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("GET .*", login_page=True, times=9), "expected JSON, got the web page 'Sign in'"),
        (Fault("GET .*", broken=True, times=9), "the connection broke"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_1(
    server: FakeKubeflow, tmp_path: Path, fault: Fault, reason: str
) -> None:
    server.faults = [fault]
    command = [sys.executable, "-m", "nas_lib.cli", "submit", "digits", "--store", STORE]

    done = subprocess.run(
        [*command, "--host", server.url], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"nas: cannot list the pipelines at {server.url}: {reason}")


FRESH = ("schedule", "digits", "--store", "s3://nas/weekly", "--every", "7d", "--fresh")


def test_a_fresh_schedule_is_a_search_of_its_own_each_time(nas: Nas, server: FakeKubeflow) -> None:
    code, _, error = nas(*FRESH, "--host", server.url, "--set", "search.max_children=16")

    assert (code, error) == (0, "")
    (recurring,) = server.recurring_runs.values()
    arguments = recurring.runtime_config.parameters
    assert (arguments["search_uri"], arguments["fresh"]) == (
        "s3://nas/weekly/[[ScheduledTime]]",
        True,
    )
    assert (recurring.max_concurrency, recurring.no_catchup) == ("1", True)
    due = [datetime(2026, 11, day, 4, tzinfo=timezone(timedelta(hours=1))) for day in (23, 30)]
    runs = [server.fire(recurring.recurring_run_id, when) for when in due]
    assert [each.runtime_config.parameters["search_uri"] for each in runs] == [
        "s3://nas/weekly/20261123030000",
        "s3://nas/weekly/20261130030000",
    ]
    assert "s3://nas/weekly/20261130030000" in nas("runs", "--host", server.url, "--json")[1]


def test_an_address_has_one_fresh_schedule(nas: Nas, server: FakeKubeflow) -> None:
    nas(*FRESH, "--host", server.url)

    code, _, error = nas(*FRESH, "--host", server.url)

    assert code == 2
    assert "has a schedule already" in error
    assert nas(*FRESH, "--host", server.url, "--replace")[0] == 0
    assert len(server.recurring_runs) == 1


@pytest.mark.parametrize(
    ("changes", "pipeline"),
    [
        # with the final training's 3 networks by 3 seeds and the winner: 10 trainings more
        (["search.max_children=110", "search.confirm=null"], "nas-search"),
        (["search.max_children=111", "search.confirm=null"], "nas-search-jobs"),
        # ... and one known network by 3 seeds
        (
            ["search.max_children=108", "search.confirm=null", 'final.references=["plain-cnn"]'],
            "nas-search-jobs",
        ),
        (["resources.fanout=pod"], "nas-search-pod"),
    ],
)
def test_a_run_that_does_a_whole_search_has_jobs_where_it_has_many_children(
    nas: Nas, server: FakeKubeflow, changes: list[str], pipeline: str
) -> None:
    sets = [part for change in changes for part in ("--set", change)]

    assert nas(*FRESH, "--host", server.url, *sets)[0] == 0

    assert [each.display_name for each in server.pipelines.values()] == [pipeline]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set", "search.replicas=2"], "search.replicas should be 1, got 2"),
        (["--rounds-per-run", "3"], "each run is a whole search"),
        (
            ["--set", "resources.fanout=tasks", "--set", "search.max_children=1000"],
            "with resources.fanout tasks there may be 120; expected jobs or pod",
        ),
    ],
)
def test_what_cannot_be_searched_anew_each_time_is_refused(
    nas: Nas, server: FakeKubeflow, arguments: list[str], sentence: str
) -> None:
    code, _, error = nas(*FRESH, "--host", server.url, *arguments)

    assert code == 2
    assert sentence in error
    assert not server.recurring_runs
