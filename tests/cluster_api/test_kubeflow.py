"""Versions, runs and schedules at a Kubeflow that has all that a run needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import kfp_server_api as kfp
import pytest
from kfp_nas.components.image import IMAGE
from kfp_server import FakeKubeflow, Fault

from nas_lib import __version__
from nas_lib.cluster import package, publishing
from nas_lib.cluster.kubeflow import Kubeflow
from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.cluster.kubeflow_runs import Run, Schedule, Version
from nas_lib.cluster.schedules import Cron, Interval
from nas_lib.cluster.submission import Submission, new_submission
from nas_lib.config_file import apply_overrides, parse_config
from nas_lib.errors import ClusterError
from nas_lib.presets import preset

POST_RUN = "POST /apis/v2beta1/runs"
POST_VERSION = "POST /apis/v2beta1/pipelines/upload_version"
POST_PIPELINE = "POST /apis/v2beta1/pipelines"
POST_SCHEDULE = "POST /apis/v2beta1/recurringruns"


@pytest.fixture(scope="module")
def submission() -> Submission:
    document = apply_overrides(preset("digits").model_dump(mode="json"), ["search.replicas=2"])
    config = parse_config(document, source="test")
    return new_submission("s3://nas/digits", config, {})


def start(kubeflow: Kubeflow, submission: Submission, replica: int = 0) -> Run:
    return kubeflow.start(
        submission,
        replica,
        version=kubeflow.version("nas-search"),
        experiment=kubeflow.experiment("digits"),
    )


def schedule(kubeflow: Kubeflow, submission: Submission, timing: Cron | Interval) -> Schedule:
    return kubeflow.schedule(
        submission,
        1,
        timing,
        version=kubeflow.version("nas-search"),
        experiment=kubeflow.experiment("digits"),
    )


def test_a_version_is_uploaded_once(server: FakeKubeflow, kubeflow: Kubeflow) -> None:
    first = kubeflow.version("nas-search")
    again = kubeflow.version("nas-search")

    assert first == again
    assert server.count(POST_VERSION) == server.count(POST_PIPELINE) == 1
    assert server.versions[first.id].display_name == first.name
    assert first.name.startswith(f"{__version__}-")
    assert server.pipelines[first.pipeline_id].display_name == "nas-search"


def test_another_image_is_another_version_of_the_same_pipeline(
    server: FakeKubeflow, kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubeflow.version("nas-search")

    def with_another_image(pipeline: str, path: Path, *, image: str | None = None) -> None:
        package.compile_pipeline(pipeline, path)  # in this process the components have their image
        path.write_text(path.read_text().replace(IMAGE, "kfp-nas:other"))

    monkeypatch.setattr(publishing, "compile_pipeline", with_another_image)
    second = kubeflow.version("nas-search")

    assert second.pipeline_id == first.pipeline_id
    assert second.name != first.name
    assert len(server.versions) == 2


def test_each_fan_out_of_each_family_is_a_pipeline_of_its_own(
    server: FakeKubeflow, kubeflow: Kubeflow
) -> None:
    ends = ("", "-jobs", "-pod")
    wanted = [f"{family}-search{end}" for family in ("enas", "nas") for end in ends]
    for name in wanted:
        kubeflow.version(name)

    assert sorted(each.display_name for each in server.pipelines.values()) == wanted


def test_two_who_submit_at_once_share_one_version(server: FakeKubeflow, kubeflow: Kubeflow) -> None:
    other = Kubeflow(KubeflowApi(server.url))
    theirs: list[Version] = []

    def they_are_faster(request: str) -> None:
        if request in (POST_PIPELINE, POST_VERSION) and not theirs:
            server.before = lambda request: None
            theirs.append(other.version("nas-search"))

    server.before = they_are_faster
    ours = kubeflow.version("nas-search")

    assert [ours] == theirs
    assert len(server.pipelines) == len(server.versions) == 1


def test_a_run_names_its_search_and_replica(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    run = start(kubeflow, submission, replica=1)

    stored = server.runs[run.id]
    assert stored.display_name.startswith("digits r1 ")
    assert "Replica 1 of 2 of the search in s3://nas/digits." in stored.description
    assert stored.runtime_config.parameters == {
        "search_uri": "s3://nas/digits",
        "preset": "digits",
        "overrides": {"search.replicas": 2},
        "replica": 1,
        "rounds_per_run": 5,
    }
    assert (run.search_uri, run.replica, run.state) == ("s3://nas/digits", 1, "PENDING")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(POST_RUN, broken=True, done=True),
        Fault(POST_RUN, status=503, done=True),
        Fault(POST_RUN, slow_s=0.6, done=True),
    ],
)
def test_a_run_whose_answer_got_lost_is_found_and_not_started_twice(
    server: FakeKubeflow, submission: Submission, fault: Fault
) -> None:
    server.faults = [replace(fault)]

    run = start(Kubeflow(KubeflowApi(server.url, answer_timeout_s=0.3)), submission)

    assert list(server.runs) == [run.id]


def test_a_run_whose_request_got_lost_is_started_again(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    server.faults = [Fault(POST_RUN, broken=True)]

    run = start(kubeflow, submission)

    assert list(server.runs) == [run.id]
    assert server.count(POST_RUN) == 2


def test_another_run_of_the_same_name_is_not_taken_for_ours(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    first = start(kubeflow, submission)
    server.faults = [Fault(POST_RUN, broken=True)]

    second = start(kubeflow, submission)  # in the same minute, most often

    assert first.id != second.id
    assert len(server.runs) == 2


def test_a_run_that_is_refused_is_not_tried_again(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    wrong = replace(submission, arguments={**submission.arguments, "rounds": 5})

    with pytest.raises(ClusterError, match=r"cannot start the run .*: it answers 400: parameter"):
        start(kubeflow, wrong)
    assert server.count(POST_RUN) == 1


@pytest.mark.parametrize(
    "request_", [POST_PIPELINE, POST_VERSION, "POST /apis/v2beta1/experiments", POST_SCHEDULE]
)
def test_whatever_is_made_is_made_once_though_its_answer_got_lost(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission, request_: str
) -> None:
    server.faults = [Fault(request_, broken=True, done=True)]

    schedule(kubeflow, submission, Interval(3600))

    assert len(server.pipelines) == len(server.versions) == 1
    assert len(server.experiments) == len(server.recurring_runs) == 1
    assert server.count(request_) == 1


def test_a_schedule_does_one_run_at_a_time_and_catches_up_on_nothing(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    made = schedule(kubeflow, submission, Cron("0 0 3 * * 1"))

    stored = server.recurring_runs[made.id]
    assert (stored.max_concurrency, stored.no_catchup, stored.mode) == ("1", True, "ENABLE")
    assert stored.trigger.cron_schedule.cron == "0 0 3 * * 1"
    assert stored.display_name == "digits r1"
    assert "the search in s3://nas/digits" in stored.description
    assert made.timing == "cron 0 0 3 * * 1"


def test_an_interval_is_in_seconds(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    made = schedule(kubeflow, submission, Interval(21_600))

    trigger = server.recurring_runs[made.id].trigger
    assert trigger.periodic_schedule.interval_second == "21600"
    assert made.timing == "every 21600 s"


def test_runs_are_those_of_the_search_the_newest_first(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    others = replace(submission, search_uri="s3://nas/other")
    ours = [start(kubeflow, submission), start(kubeflow, submission, replica=1)]
    theirs = start(kubeflow, others)

    assert [run.id for run in kubeflow.runs("s3://nas/digits/", limit=20)] == [
        ours[1].id,
        ours[0].id,
    ]
    assert [run.id for run in kubeflow.runs(limit=2)] == [theirs.id, ours[1].id]


def test_runs_of_other_pipelines_are_left_out(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    run = start(kubeflow, submission)
    server.runs[run.id].runtime_config.parameters = {"search_uri": "of something else"}
    (version,) = server.versions.values()
    inputs = version.pipeline_spec["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
    del inputs["rounds_per_run"]

    assert Kubeflow(KubeflowApi(server.url)).runs(limit=20) == []


def untouched(kubeflow: Kubeflow, server: FakeKubeflow, **arguments: object) -> str:
    """Start a run as the UI's form does, with what was changed there; return its id."""
    version = kubeflow.version("nas-search")
    body = kfp.V2beta1Run(
        display_name="Run of nas-search (a1b2c)",
        experiment_id=kubeflow.experiment("Default"),
        pipeline_version_reference=kfp.V2beta1PipelineVersionReference(
            pipeline_id=version.pipeline_id, pipeline_version_id=version.id
        ),
        runtime_config=kfp.V2beta1RuntimeConfig(parameters=arguments),
    )
    return KubeflowApi(server.url).runs.run_service_create_run(body).run_id


def test_a_run_whose_arguments_were_left_as_they_are_is_of_the_search_of_the_form(
    server: FakeKubeflow, kubeflow: Kubeflow
) -> None:
    first, second = untouched(kubeflow, server), untouched(kubeflow, server, replica=2)
    assert server.runs[first].runtime_config is None

    found = kubeflow.runs("s3://mlpipeline/nas/digits", limit=20)

    assert [(run.id, run.replica) for run in found] == [(second, 2), (first, 0)]
    assert kubeflow.run(first).search_uri == "s3://mlpipeline/nas/digits"
    assert server.count("GET /apis/v2beta1/pipelines/[^/]+/versions/[^/]+") == 1  # it is kept


def test_a_run_whose_pipeline_was_deleted_is_of_no_search_that_can_be_told(
    server: FakeKubeflow, kubeflow: Kubeflow
) -> None:
    run = untouched(kubeflow, server)
    server.versions.clear()

    assert kubeflow.runs(limit=20) == []
    assert kubeflow.run(run).search_uri is None
    assert isinstance(kubeflow.cancel(run), Run)


def test_a_run_that_was_terminated_shows_as_cancelled_and_not_as_failed(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    """As Kubeflow 2.17 tells of it: FAILED in the end, and CANCELING in its history."""
    failed, cancelled, retried = (start(kubeflow, submission) for _ in range(3))
    for run, states in (
        (failed, ["RUNNING", "FAILED"]),
        (cancelled, ["RUNNING", "CANCELING", "FAILED"]),
        (retried, ["RUNNING", "CANCELING", "FAILED", "RUNNING", "FAILED"]),
    ):
        for state in states:
            server.enter(server.runs[run.id], state)

    states = {run.id: run.state for run in kubeflow.runs(limit=20)}
    assert states == {failed.id: "FAILED", cancelled.id: "CANCELED", retried.id: "FAILED"}


def test_a_search_among_hundreds_of_runs_is_found(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    ours = start(kubeflow, submission)
    others = replace(submission, search_uri="s3://nas/other")
    version, experiment = kubeflow.version("nas-search"), kubeflow.experiment("digits")
    for _ in range(220):
        kubeflow.start(others, 0, version=version, experiment=experiment)

    assert [run.id for run in kubeflow.runs("s3://nas/digits", limit=20)] == [ours.id]
    assert server.count("GET /apis/v2beta1/runs") == 3  # pages of 100: 221 runs


def test_a_run_is_ended(server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission) -> None:
    run = start(kubeflow, submission)

    ended = kubeflow.cancel(run.id)

    assert isinstance(ended, Run)
    assert server.runs[run.id].state == "CANCELING"
    assert kubeflow.cancel(run.id) == replace(run, state="CANCELING")  # for its Jobs, if need be


def test_a_run_that_has_ended_is_not_ended_again(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    run = start(kubeflow, submission)
    server.runs[run.id].state = "SUCCEEDED"

    with pytest.raises(ClusterError, match="has ended already: SUCCEEDED"):
        kubeflow.cancel(run.id)


def test_a_schedule_is_deleted_by_the_same_command(
    server: FakeKubeflow, kubeflow: Kubeflow, submission: Submission
) -> None:
    made = schedule(kubeflow, submission, Interval(3600))

    assert kubeflow.cancel(made.id) == made
    assert server.recurring_runs == {}
    assert server.propagation == ["ORPHAN"]  # else Kubernetes deletes a run at work with it


def test_an_id_of_nothing_is_said_so(server: FakeKubeflow, kubeflow: Kubeflow) -> None:
    with pytest.raises(ClusterError, match=f"neither a run nor a schedule at {server.url} has"):
        kubeflow.cancel("0000")


def test_the_namespace_of_a_profile_holds_everything(
    server: FakeKubeflow, submission: Submission
) -> None:
    server.multi_user = "team-a"
    own = Kubeflow(KubeflowApi(server.url, namespace="team-a"))
    start(own, submission)

    assert [each.namespace for each in server.pipelines.values()] == ["team-a"]
    assert [each.namespace for each in server.experiments.values()] == ["team-a"]
    assert len(own.runs(limit=20)) == 1
    with pytest.raises(ClusterError, match=r"403: .*'team-b'.*; pass another --token or --names"):
        Kubeflow(KubeflowApi(server.url, namespace="team-b")).runs(limit=20)
