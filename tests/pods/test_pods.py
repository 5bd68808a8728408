"""The steps as pods run them: what a failing one says, and where it is noted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from searches import tabular
from toy_text import write_toy_text

from nas_lib import kubeflow_artifacts, pods, steps
from nas_lib.config import FORMAT_VERSION
from nas_lib.engine import search as run_search
from nas_lib.errors import DataError
from nas_lib.open_search import OpenSearch
from nas_lib.records import RunPlan, to_json
from nas_lib.store import SearchStore, layout, lease, network, patience


def said(search_uri: str, *, preset: str = "digits", **overrides: object) -> str:
    """Return the one sentence with which preparing ends."""
    with (
        pytest.raises(SystemExit) as ended,
        pods.pod_step(search_uri, "prepare_data", "run") as search,
    ):
        pods.prepare_data(search, preset=preset, overrides=overrides, run="run")
    assert isinstance(ended.value.code, str)  # printed as the last line, with exit code 1
    return ended.value.code


@pytest.mark.parametrize(
    ("preset", "overrides", "sentence"),
    [
        ("digits", {"children.epoch": 3}, "unknown setting children.epoch"),
        ("nas-cnn", {}, "nothing lies at task.data.path in this pod"),
    ],
)
def test_a_mistake_in_the_form_is_one_sentence(
    tmp_path: Path, preset: str, overrides: dict[str, object], sentence: str
) -> None:
    assert sentence in said(str(tmp_path), preset=preset, **overrides)


def test_a_store_that_refuses_is_one_sentence(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    assert said(s3_uri).endswith(
        "the credentials were refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
        "(they are accesskey and secretkey in the Secret that store_secret names)"
    )


def test_a_store_out_of_reach_is_one_sentence(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert said(s3_uri).endswith(
        "is AWS_ENDPOINT_URL right? (it is the endpoint in the ConfigMap that store_settings names)"
    )


@pytest.mark.parametrize(
    ("step", "waits"), [("prepare_data", False), ("write_report", False), ("plan_rounds", True)]
)
def test_a_step_before_which_the_run_has_reached_the_store_waits_for_it(
    s3_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    step: str,
    waits: bool,
) -> None:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setattr(patience, "_PAUSE_S", 0.01)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1")
    monkeypatch.setenv("NAS_STORE_PATIENCE_S", "0.3")

    with pytest.raises(SystemExit) as ended, pods.pod_step(s3_uri, step, "run") as search:
        search.store.config()

    assert ("trying again until" in capsys.readouterr().err) == waits
    assert ("is AWS_ENDPOINT_URL right?" in str(ended.value)) == (not waits)


def test_an_image_older_than_the_state_is_one_sentence_and_noted(tabular_uri: str) -> None:
    store = SearchStore.open(tabular_uri)
    store.objects.replace(layout.SEARCH, to_json({"format_version": FORMAT_VERSION + 1, "new": {}}))

    sentence = said(tabular_uri, preset="")

    newer, known = FORMAT_VERSION + 1, FORMAT_VERSION
    assert f"written in format {newer}, this release of kfp-nas reads up to {known}" in sentence
    (problem,) = store.problems()
    assert (problem.run, problem.step) == ("run", "prepare_data")
    assert f"nas: {problem.message}" == sentence


def test_an_empty_place_with_an_empty_preset_is_one_sentence(tmp_path: Path) -> None:
    assert "there is no search at" in said(str(tmp_path), preset="")
    assert "name a preset" in said(str(tmp_path), preset="", **{"children.epochs": 3})


def planned(uri: str, *, run: str) -> tuple[int, ...]:
    return pods.plan_rounds(OpenSearch(uri), replica=0, rounds_per_run=1, run=run).ticks


def test_the_end_of_a_run_lets_go_of_its_replica(tabular_uri: str) -> None:
    assert planned(tabular_uri, run="first") == (0,)
    assert planned(tabular_uri, run="second") == ()

    pods.write_report(OpenSearch(tabular_uri), replica=0, run="first")

    assert planned(tabular_uri, run="second") == (0,)


def test_a_run_that_finds_nothing_to_do_ends_its_schedule_and_notes_it(tmp_path: Path) -> None:
    uri = str(tmp_path / "state")
    run_search(tabular(), store=uri)
    ended: list[str] = []

    def end_schedule(run: str) -> str:
        ended.append(run)
        return "its schedule is disabled"

    with pods.pod_step(uri, "plan_rounds", "run") as opened:
        plan = pods.plan_rounds(
            opened, replica=0, rounds_per_run=1, run="run", end_schedule=end_schedule
        )

    assert (plan.ticks, ended) == ((), ["run"])
    assert "its schedule is disabled" in [each.message for each in opened.store.problems()]


def test_a_run_with_something_to_do_or_kept_away_ends_no_schedule(tabular_uri: str) -> None:
    def end_schedule(run: str) -> str:
        raise AssertionError(run)

    for run in ("first", "second"):
        search = OpenSearch(tabular_uri)
        pods.plan_rounds(search, replica=0, rounds_per_run=1, run=run, end_schedule=end_schedule)


def test_a_holder_that_has_ended_in_the_cluster_is_not_waited_for(
    tabular_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = lease.Lease("gone", "a-pod-that-was", 1, "1")
    SearchStore.open(tabular_uri).settle(layout.lease(0, 1), elsewhere)

    plan = pods.plan_rounds(
        OpenSearch(tabular_uri), replica=0, rounds_per_run=1, run="run", is_alive=lambda run: False
    )

    assert plan.ticks == (0,)
    assert "run gone (process 1 on a-pod-that-was) has ended" in capsys.readouterr().out


def test_a_run_that_was_kept_away_says_who_is_at_work(tabular_uri: str) -> None:
    planned(tabular_uri, run="first")
    planned(tabular_uri, run="second")

    search = OpenSearch(tabular_uri)
    report = kubeflow_artifacts.report_of(
        search, pods.write_report(search, replica=0, run="second")
    )

    assert "run first" in report.text
    assert "is working on replica 0: nothing is done here" in report.page


def test_what_a_run_set_out_to_do_is_stored_once(tabular_uri: str) -> None:
    store = SearchStore.open(tabular_uri)
    planned(tabular_uri, run="first")
    planned(tabular_uri, run="kept-away")
    plan = store.read(RunPlan, layout.run_plan("first"))
    time.sleep(0.01)
    planned(tabular_uri, run="first")  # its pod was lost, and made anew

    assert (plan.replica, plan.num_ticks, plan.num_done) == (0, 1, 0)
    assert store.read(RunPlan, layout.run_plan("first")) == plan
    assert store.find(RunPlan, layout.run_plan("kept-away")) is None


def test_a_run_that_is_kept_away_changes_nothing(tmp_path: Path) -> None:
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular(max_children=40))
    planned(uri, run="first")
    more = {"search.max_children": 48}

    def prepare_and_plan() -> int:
        pods.prepare_data(OpenSearch(uri), preset="", overrides=more, run="second")
        planned(uri, run="second")
        return SearchStore.open(uri).config().search.max_children

    assert prepare_and_plan() == 40
    pods.write_report(OpenSearch(uri), replica=0, run="first")
    assert prepare_and_plan() == 48


def test_a_numbers_float_from_kubeflows_form_is_a_whole_number(tmp_path: Path) -> None:
    uri = str(tmp_path)
    config = tabular().model_dump(mode="json")
    overrides = {"search": {**config["search"], "max_children": 8.0}}
    steps.prepare_data(OpenSearch(uri), config=tabular())

    pods.prepare_data(OpenSearch(uri), preset="", overrides=overrides, run="run")
    planned(uri, run="run")

    assert SearchStore.open(uri).config().search.max_children == 8


def test_a_childs_job_does_not_keep_its_run_alive(tmp_path: Path) -> None:
    """Jobs outlive a run that was ended: then another may take over at once."""
    uri = str(tmp_path / "state")
    steps.prepare_data(OpenSearch(uri), config=tabular(lease_s=0.4))
    steps.plan_rounds(OpenSearch(uri), replica=0, run="run")
    first, second, *_ = steps.sample_architectures(OpenSearch(uri), replica=0, run="run")

    def signs_of_life() -> int:
        return len(SearchStore.open(uri).objects.keys("leases"))

    before = signs_of_life()
    time.sleep(0.2)  # more than the quarter of the time after which the run shows life again
    pods.train_child_in_job(OpenSearch(uri), child=first, run="run")
    assert signs_of_life() == before
    pods.train_child(OpenSearch(uri), child=second, run="run")
    assert signs_of_life() > before


def test_the_ticks_of_a_run_whose_children_all_crashed_alike_fail_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubeflow goes on with the next one; the next run tries the children again."""
    monkeypatch.chdir(tmp_path)
    uri = str(tmp_path / "state")
    steps.prepare_data(OpenSearch(uri), config=tabular("searches:unless_mended"))

    def proposed(run: str) -> list[str]:
        with pods.pod_step(uri, "sample_architectures", run) as search:
            return steps.sample_architectures(search, replica=0, run=run)

    children = proposed("first")
    pods.train_children(OpenSearch(uri), children=children, run="first")
    sentence = "nas: all children of round 1 of replica 0 crashed alike"
    with (
        pytest.raises(SystemExit, match=sentence),
        pods.pod_step(uri, "aggregate_rewards", "first") as search,
    ):
        steps.aggregate_rewards(search, children=children, run="first")
    with pytest.raises(SystemExit, match=sentence):
        proposed("first")

    (tmp_path / "mended").touch()
    assert proposed("second") == children
    assert all(pods.train_children(OpenSearch(uri), children=children, run="second"))
    noted = [problem.step for problem in SearchStore.open(uri).problems()]
    assert noted == ["aggregate_rewards", "sample_architectures"]


class PanicException(BaseException):
    """As clients written in Rust raise it."""


@pytest.mark.parametrize(
    ("raised", "sentence", "is_ours"),
    [
        (DataError("no\x1b[31m picture"), r"nas: no\x1b[31m picture", False),
        (MemoryError(), "nas: memory has run out: allow more of it", False),
        (RecursionError("too deep"), "nas: something is nested too deeply (too deep)", False),
        (OSError(28, "No space left on device"), "nas: OSError: [Errno 28] No space left", False),
        (KeyError("x\ny"), r"nas: internal error: KeyError: 'x\ny' (NAS_DEBUG=1", True),
        (PanicException("in\nrust"), "nas: internal error: PanicException: in rust (NAS", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_whatever_a_step_raises_is_its_last_line_and_noted(
    tabular_uri: str,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    sentence: str,
    is_ours: bool,
) -> None:
    with pytest.raises(SystemExit) as ended, pods.pod_step(tabular_uri, "step", "run"):
        raise raised
    assert isinstance(ended.value.code, str)
    assert ended.value.code.startswith(sentence)
    assert ended.value.code.count("\n") == 0
    (problem,) = SearchStore.open(tabular_uri).problems()
    assert f"nas: {problem.message}" == ended.value.code
    assert ("Traceback" in capsys.readouterr().err) == is_ours


def test_a_pod_that_is_stopped_notes_nothing(tabular_uri: str) -> None:
    with pytest.raises(KeyboardInterrupt), pods.pod_step(tabular_uri, "step", "run"):
        raise KeyboardInterrupt
    assert SearchStore.open(tabular_uri).problems() == []


def test_kubeflows_markdown_has_neither_tags_nor_escapes_of_others(tmp_path: Path) -> None:
    search = OpenSearch(str(tmp_path / "<b>_x_"))
    search.store.note_problem(run="run", step="step", message="<img src=x>\n# \x1b[link](x)")
    report = kubeflow_artifacts.report_of(search, None)
    assert report.text == r"\<img src=x\> \# \\x1b\[link\](x)"
    assert "<img" not in report.page
    assert r"\<b\>\_x\_" in kubeflow_artifacts.prepared_text(search, None)


def test_a_run_with_another_budget_goes_on_at_the_size_that_a_target_became(
    tmp_path: Path,
) -> None:
    uri, task = str(tmp_path / "state"), write_toy_text(tmp_path / "text")
    form = {
        "task.data": task.data.model_dump(mode="json"),
        "space.base": 2,
        "space.child": {"hidden": None, "parameters": 1000},
    }
    for run, max_children in (("a", 16), ("b", 24)):
        changed = {**form, "search.max_children": max_children}
        pods.prepare_data(OpenSearch(uri), preset="nas-rnn-pydoc", overrides=changed, run=run)

    plan = pods.plan_rounds(OpenSearch(uri), replica=0, rounds_per_run=9, run="b")

    assert len(plan.ticks) == 4  # 24 children by 8, and the best once more
    space = OpenSearch(uri).config.space
    assert space.child.hidden == 15  # type: ignore[union-attr]
