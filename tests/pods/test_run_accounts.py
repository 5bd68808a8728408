"""What the report says of a run whose steps ended without a word, or were never begun."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from nas_command import Nas
from searches import tabular

from nas_lib import kubeflow_artifacts, pods, steps
from nas_lib.errors import DataError
from nas_lib.open_search import OpenSearch
from nas_lib.records import RunPlan, StepBegun, to_json
from nas_lib.store import SearchStore, layout, lease

POD = socket.gethostname()
RUN = "the-run"
Tick = Callable[[OpenSearch], None]


def searched(folder: Path, *, max_children: int = 8, num_rounds: int = 2) -> OpenSearch:
    """Return a search of which a run has planned so many rounds of four children."""
    uri = str(folder / "state")
    steps.prepare_data(
        OpenSearch(uri), config=tabular(max_children=max_children, children_per_round=4)
    )
    pods.plan_rounds(OpenSearch(uri), replica=0, rounds_per_run=num_rounds, run=RUN)
    return OpenSearch(uri)


def killed(
    uri: str, step: str, *, replica: int | None = None, children: Sequence[str] = ()
) -> None:
    """Begin a step as `pod_step` does; a kill is all that comes after it."""
    store = SearchStore.open(uri)
    subject = steps.subject_of(store, step=step, replica=replica, children=children)
    steps.begin_step(store, run=RUN, step=step, subject=subject)


def propose(search: OpenSearch) -> list[str]:
    return steps.sample_architectures(search, replica=0, run=RUN)


def train(search: OpenSearch, *, num: int = 4) -> None:
    for child in propose(search)[:num]:
        steps.train_child(search, child=child, run=RUN)


def collect(search: OpenSearch) -> None:
    steps.aggregate_rewards(search, children=["r000-000000-00"], run=RUN)


def do_round(search: OpenSearch) -> None:
    train(search)
    collect(search)
    steps.update_controller(search, replica=0, round=0, run=RUN)


def told(uri: str, run: str = RUN) -> list[tuple[str, str]]:
    """Return what a run's report notes in place of its steps."""
    pods.write_report(OpenSearch(uri), replica=0, run=run)
    return [(each.step, each.message) for each in SearchStore.open(uri).problems()]


@pytest.mark.parametrize(
    ("works", "step", "what"),
    [
        ([], "sample_architectures", "round 1 (r000-000000) is not proposed"),
        (
            [propose],
            "train_child",
            "round 1 (r000-000000) has no result of r000-000000-00 (its training never began), "
            "r000-000000-01 (its training never began), r000-000000-02 (its training never began), "
            "r000-000000-03 (its training never began)",
        ),
        (
            [train],
            "aggregate_rewards",
            "round 1 (r000-000000) has all results, which were not collected",
        ),
        (
            [train, collect],
            "update_controller",
            "nothing is learned from round 1 (r000-000000)",
        ),
    ],
    ids=["proposing", "training", "collecting", "learning"],
)
def test_a_run_that_did_less_than_planned_says_where_it_stands(
    tmp_path: Path, works: list[Tick], step: str, what: str
) -> None:
    search = searched(tmp_path)
    for work in works:
        work(search)

    assert told(search.uri) == [(step, f"the run did 0 of 2 planned rounds: {what}")]


def test_a_run_that_did_what_it_planned_has_no_problem(tmp_path: Path) -> None:
    search = searched(tmp_path, num_rounds=1)
    do_round(search)

    assert told(search.uri) == []


def test_a_search_that_is_finished_early_is_no_problem(tmp_path: Path) -> None:
    search = searched(tmp_path, max_children=4)
    plan = RunPlan("another", 0, num_ticks=5, num_done=0, created_s=0.0)
    search.store.settle(layout.run_plan("another"), plan)
    do_round(search)

    assert told(search.uri, run="another") == []


def test_a_step_that_ended_without_a_word_is_named_though_a_later_one_made_it_good(
    tmp_path: Path,
) -> None:
    """Kubeflow shows the run as failed all the same."""
    search = searched(tmp_path, num_rounds=1)
    propose(search)
    killed(search.uri, "train_child", children=["r000-000000-02"])
    killed(search.uri, "update_controller", replica=0)
    do_round(search)

    reason = (
        f"its pod {POD} ended without a word: it was deleted or lost, was killed for want of "
        "memory, or could not reach the store any more; what it was to do is done by now"
    )
    assert told(search.uri) == [
        ("train_child", f"r000-000000-02: {reason}"),
        ("update_controller", f"round 1 (r000-000000): {reason}"),
    ]


def test_a_round_is_not_collected_once_its_only_child_is_trained(tmp_path: Path) -> None:
    search = searched(tmp_path)
    train(search)
    killed(search.uri, "aggregate_rewards", children=["r000-000000-00"])

    (step, message), _ = told(search.uri)

    assert (step, message.partition(":")[0]) == ("aggregate_rewards", "round 1 (r000-000000)")
    assert "is done by now" not in message


def test_what_is_missing_is_noted_once_however_often_the_report_is_tried(tmp_path: Path) -> None:
    search = searched(tmp_path)
    killed(search.uri, "sample_architectures", replica=0)

    first = told(search.uri)
    assert [step for step, _ in first] == ["sample_architectures"] * 2
    assert told(search.uri) == first


def forged(**fields: str) -> bytes:
    good = {"run": RUN, "step": "learn", "subject": "r000-000000", "pod": POD}
    return to_json(StepBegun(**good | fields, created_s=0.0))


@pytest.mark.parametrize(
    ("key", "data", "what"),
    [
        (layout.begun(RUN, "learn", 1), b"junk", "is damaged"),
        (layout.begun(RUN, "learn", 1), forged(subject="evil"), "evil is no child and no round"),
        (layout.begun(RUN, "learn", 1), forged(step="../evil"), "it is of the step ../evil"),
        (layout.run_plan(RUN), b"junk", "is damaged"),
    ],
)
def test_a_note_that_is_damaged_is_named_by_a_report_that_comes_all_the_same(
    tmp_path: Path, key: str, data: bytes, what: str
) -> None:
    search = searched(tmp_path)
    search.store.objects.replace(key, data)
    pods.plan_rounds(OpenSearch(search.uri), replica=0, rounds_per_run=1, run=RUN)

    ((step, message),) = told(search.uri)

    assert step == "write_report"
    assert f"stored object {key} is" in message
    assert what in message
    assert lease.holder(search.store, 0) is None


def test_a_plan_that_is_damaged_stops_no_later_report(tmp_path: Path) -> None:
    search = searched(tmp_path)
    search.store.objects.replace(layout.run_plan(RUN), b"junk")
    lease.release(search.store, 0, RUN)
    pods.plan_rounds(OpenSearch(search.uri), replica=0, rounds_per_run=1, run="next")
    do_round(search)

    assert told(search.uri, run="next") == []


def test_a_step_that_came_to_its_end_or_said_why_not_leaves_no_note(tmp_path: Path) -> None:
    search = searched(tmp_path, num_rounds=1)
    with pods.pod_step(search.uri, "train_child", RUN, children=["r000-000000-00"]):
        do_round(search)
    with (
        pytest.raises(SystemExit, match="no luck"),
        pods.pod_step(search.uri, "train_child", RUN, children=["r000-000000-01"]),
    ):
        raise DataError("no luck")

    assert [step for step, _ in told(search.uri)] == ["train_child"]
    assert list(search.store.objects.keys(layout.begun_folder(RUN))) == []


@pytest.mark.parametrize(("is_prepared", "step"), [(False, "prepare_data"), (True, "plan_rounds")])
def test_a_run_that_planned_nothing_says_which_step_is_missing(
    tmp_path: Path, is_prepared: bool, step: str
) -> None:
    uri = str(tmp_path / "state")
    if is_prepared:
        steps.prepare_data(OpenSearch(uri), config=tabular())

    assert told(uri) == [
        (step, "its pod never started, or could not reach the store: nothing was planned")
    ]


def test_a_report_on_no_search_names_the_pod_that_was_to_prepare_it(tmp_path: Path) -> None:
    uri = str(tmp_path / "state")
    killed(uri, "prepare_data")

    ((step, message),) = told(uri)

    assert (step, message.startswith(f"its pod {POD} ended")) == ("prepare_data", True)
    report = kubeflow_artifacts.report_of(OpenSearch(uri), None)
    assert "ended without a word" in report.text


@pytest.mark.parametrize(
    ("num_ticks", "step", "what"),
    [
        (
            0,
            "train_shared_weights",
            "the run did 0 of 2 planned epochs: training",
        ),
        (
            1,
            "train_shared_weights",
            "the run did 1 of 2 planned epochs: training",
        ),
        (
            2,
            "derive_architectures",
            "the search did not end: all epochs are trained, and no architecture is",
        ),
    ],
)
def test_shared_weights_are_told_by_epochs(
    shared_uri: str, num_ticks: int, step: str, what: str
) -> None:
    pods.plan_rounds(OpenSearch(shared_uri), replica=0, rounds_per_run=10, run=RUN)
    for _ in range(num_ticks):
        pods.train_shared_weights(OpenSearch(shared_uri), run=RUN)

    ((found, message),) = told(shared_uri)

    assert (found, message.startswith(what)) == (step, True)


def test_a_run_that_never_reported_is_told_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terminate in the UI ends the last task, too."""
    nas = Nas(monkeypatch, capsys)
    search = searched(tmp_path)
    do_round(search)
    sentence = (
        "Run the-run was ended before it could report (cancelled, terminated or lost): it learned "
        "from 1 round (planned: 2 rounds)."
    )
    assert sentence not in nas("top", search.uri)[1]  # as far as can be told it is at work

    lease.release(search.store, 0, RUN)  # as it is taken over from one that is gone
    pods.plan_rounds(search, replica=0, rounds_per_run=1, run="next")
    view = pods.write_report(search, replica=0, run="next")
    report = kubeflow_artifacts.report_of(search, view)

    assert sentence in report.page
    assert "### Runs that ended before\n\nRun the-run was ended before" in report.text
    assert sentence in nas("top", search.uri)[1]
    search_of_json = json.loads(nas("top", search.uri, "--json")[1])["search"]
    assert search_of_json["lost_runs"] == [RUN]


def test_the_summary_says_how_it_stands_what_failed_and_where_to_look_next(tmp_path: Path) -> None:
    search = searched(tmp_path)
    do_round(search)
    killed(search.uri, "sample_architectures", replica=0)

    report = kubeflow_artifacts.report_of(search, pods.write_report(search, replica=0, run=RUN))

    state, this_run, winner, *rest = report.text.split("\n\n")
    assert state.startswith("tabular: 4 of 8 children, best score ")
    assert this_run == (
        "This run, the-run, learned from 1 round (planned: 2 rounds); 2 problems noted."
    )
    assert winner.startswith("Winner r000-000000-0")
    title, killed_pod, standing, best, table, where, _, commands = rest
    assert title == "### What failed in this run"
    assert killed_pod.startswith(
        rf"sample\_architectures: round 2 (r000-000001): its pod {POD} ended"
    )
    assert standing.endswith("did 1 of 2 planned rounds: round 2 (r000-000001) is not proposed")
    assert (best, where) == ("### Best children", "### Where to look next")
    head, *children = table.splitlines()[1:-1]
    assert head.split() == ["#", "child", "score", "architecture"]
    assert len(children) == 4
    assert commands.splitlines()[1:-1] == [
        "nas logs the-run --task sample-architectures",
        f"nas top {search.uri}",
    ]
    assert "This run" in report.page
