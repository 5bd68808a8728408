"""What a run is told of runs: by Kubeflow, by the Workflow, or by nobody."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import kfp_server_api as kfp
import pytest
from kfp_server import FakeKubeflow, Fault

from nas_lib.cluster import own_run
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes

GET_RUN = "GET /apis/v2beta1/runs/.*"


@pytest.fixture
def run(server: FakeKubeflow, monkeypatch: pytest.MonkeyPatch) -> kfp.V2beta1Run:
    """A run, asked about where Kubeflow's API can be reached."""
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    run = kfp.V2beta1Run(run_id=str(uuid4()))
    server.runs[run.run_id] = run
    server.enter(run, "PENDING")
    return run


@pytest.fixture
def schedule(server: FakeKubeflow, run: kfp.V2beta1Run) -> kfp.V2beta1RecurringRun:
    """The schedule that has begun the run."""
    status = kfp.V2beta1RecurringRunStatus.ENABLED
    schedule = kfp.V2beta1RecurringRun(recurring_run_id=str(uuid4()), status=status)
    server.recurring_runs[schedule.recurring_run_id] = schedule
    run.recurring_run_id = schedule.recurring_run_id
    return schedule


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let there be no way to anything."""
    for name in ("KF_PIPELINES_ENDPOINT", "KUBERNETES_SERVICE_HOST", "NAS_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("states", "is_alive"),
    [
        ([], True),
        (["RUNNING"], True),
        (["RUNNING", "CANCELING"], True),  # its pods may be there for half a minute
        (["RUNNING", "CANCELING", "FAILED"], False),
        (["RUNNING", "SUCCEEDED"], False),
    ],
)
def test_kubeflow_says_whether_a_run_is_alive(
    server: FakeKubeflow, run: kfp.V2beta1Run, states: list[str], is_alive: bool
) -> None:
    for state in states:
        server.enter(run, state)

    assert own_run.is_alive(run.run_id) is is_alive


def workflow(run: str, phase: str) -> dict[str, object]:
    labels = {"pipeline/runid": run}
    metadata = {"name": f"nas-search-{run[:5]}", "labels": labels}
    return {"metadata": metadata, "status": {"phase": phase} if phase else {}}


@pytest.mark.parametrize(
    ("phase", "is_alive"),
    [("", True), ("Running", True), ("Failed", False), ("Error", False), ("Succeeded", False)],
)
@pytest.mark.usefixtures("nowhere")
def test_where_kubeflow_knows_nobody_the_workflow_says_it(
    monkeypatch: pytest.MonkeyPatch, cluster: SmallKubernetes, phase: str, is_alive: bool
) -> None:
    monkeypatch.setenv("NAS_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    run = str(uuid4())
    cluster.state.create("workflows", NAMESPACE, workflow(str(uuid4()), "Running"))
    cluster.state.create("workflows", NAMESPACE, workflow(run, phase))

    assert own_run.is_alive(run) is is_alive
    assert own_run.is_alive(str(uuid4())) is None
    cluster.forbid("list", "workflows")
    assert own_run.is_alive(run) is None


@pytest.mark.usefixtures("nowhere")
def test_where_nobody_is_asked_nothing_is_told() -> None:
    assert own_run.is_alive(str(uuid4())) is None
    assert own_run.end_schedule(str(uuid4())) is None


def test_a_run_of_the_command_is_not_asked_about(server: FakeKubeflow, run: kfp.V2beta1Run) -> None:
    assert own_run.is_alive("0123abcd") is None
    assert server.count(GET_RUN) == 0


def test_a_run_that_finds_its_search_finished_disables_the_schedule_that_began_it(
    server: FakeKubeflow, run: kfp.V2beta1Run, schedule: kfp.V2beta1RecurringRun
) -> None:
    said = own_run.end_schedule(run.run_id)

    assert said == (
        f"the search is finished, and its schedule {schedule.recurring_run_id} is disabled; to go "
        "on with a larger budget, make another with `nas schedule --replace`"
    )
    assert schedule.status == "DISABLED"


def test_a_run_that_no_schedule_began_disables_none(
    run: kfp.V2beta1Run, schedule: kfp.V2beta1RecurringRun
) -> None:
    run.recurring_run_id = None

    assert own_run.end_schedule(run.run_id) is None
    assert schedule.status == "ENABLED"


@pytest.mark.parametrize("request_", [GET_RUN, "POST /apis/v2beta1/recurringruns/.*:disable"])
def test_who_may_not_end_a_schedule_says_how_to(
    server: FakeKubeflow, run: kfp.V2beta1Run, schedule: kfp.V2beta1RecurringRun, request_: str
) -> None:
    server.faults = [Fault(request_, status=403)]

    said = own_run.end_schedule(run.run_id)

    assert said is not None
    assert "goes on with such runs until `nas cancel SCHEDULE` ends it" in said
    assert schedule.status == "ENABLED"
