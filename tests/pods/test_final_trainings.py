"""Final training in pods: when it begins, who does it, what is told of it and handed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from toy_finals import RUN, begun, do_round, finished, prepared, train_all
from toy_models import colour_model

from nas_lib import kubeflow_artifacts, pods, steps
from nas_lib.models import open_model
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.records import TestReading
from nas_lib.store import SearchStore, layout, lease
from nas_lib.store.open import open_store

NOT_BEGUN = "its final training was not begun"


def problems(search: OpenSearch, run: str) -> list[tuple[str, str]]:
    return [(each.step, each.message) for each in search.store.problems() if each.run == run]


def reported(search: OpenSearch, run: str = RUN) -> str:
    """Write the report, and return what is to be read of it in Kubeflow."""
    opened = OpenSearch(search.uri)
    view = pods.write_report(opened, replica=0, run=run)
    return kubeflow_artifacts.report_of(opened, view).text


def test_nothing_is_trained_before_the_search_is_finished_or_unasked(tmp_path: Path) -> None:
    search = prepared(tmp_path)
    assert pods.train_best(search, run=RUN) == []
    do_round(search)

    unasked = search.config.model_copy(
        update={"final": search.config.final.model_copy(update={"follows": False})}
    )
    search.store.change_settings(unasked)

    assert pods.train_best(OpenSearch(search.uri), run=RUN) == []
    assert search.store.finals() == []
    reported(search)
    assert problems(search, RUN) == []


def test_a_final_training_ends_with_a_model_and_with_what_the_report_says_of_it(
    tmp_path: Path,
) -> None:
    search, final = begun(tmp_path)

    rounds = [do_round(final), do_round(final)]
    stored = pods.export_model(search, run=RUN, folder=str(tmp_path / "model"))
    text = reported(search)

    assert rounds == [0, -1]  # the last one is exported
    assert do_round(final) == -1  # and so it is where a spare one finds nothing to do
    assert stored.uri == f"{search.uri}/models/{stored.info.id}"
    assert open_model(str(tmp_path / "model")).info == stored.info
    assert stored.info.test is not None  # it is read before
    assert text.count("The final network is r000-000000-0") == 1
    assert f"lies in {stored.uri}, as an" in text.replace("\\", "")
    assert f"nas predict {search.uri} FILE..." in text
    assert lease.holders(final.store, 1) == {}
    assert problems(search, RUN) == []


def test_without_a_last_training_the_test_score_is_that_of_the_seed_that_is_exported(
    tmp_path: Path,
) -> None:
    search, final = begun(tmp_path, retrain=False)
    assert do_round(final) == -1

    info = pods.export_model(search, run=RUN, folder=str(tmp_path / "model")).info
    opened = OpenSearch(search.uri)
    report = kubeflow_artifacts.report_of(opened, pods.write_report(opened, replica=0, run=RUN))

    assert info.test is not None
    assert report.metrics["test accuracy"] == info.test.value
    assert report.text.count("over 2 seeds, mean test accuracy") == 1


def test_a_run_does_it_alone_and_the_next_one_goes_on_with_it(tmp_path: Path) -> None:
    search, final = begun(tmp_path)
    do_round(final)

    assert pods.train_best(search, run="second") == []
    ((step, message),) = problems(search, "second")
    assert (step, message.endswith("does the final training: nothing is done here")) == (
        "train_best",
        True,
    )

    reported(search)
    assert pods.train_best(OpenSearch(search.uri), run="third") == [final.uri] * (1 + 1)


def test_known_networks_are_trained_first(tmp_path: Path) -> None:
    search = finished(tmp_path, references=["plain-cnn"])

    places = pods.train_best(search, run=RUN)

    kinds = {each.key: each.is_of_references for each in search.store.finals()}
    assert [kinds[place.rpartition("/")[2]] for place in places] == [True, False, False, False]


def test_a_model_that_was_not_exported_is_another_turn(tmp_path: Path) -> None:
    search, final = begun(tmp_path)
    train_all(final)
    reported(search)

    assert pods.train_best(OpenSearch(search.uri), run="next") == [final.uri] * (1 + 1)


def test_a_schedule_ends_once_there_is_a_model_and_not_before(tmp_path: Path) -> None:
    ended: list[str] = []

    def end_schedule(run: str) -> str:
        ended.append(run)
        return "its schedule is disabled"

    def run_finds_nothing_to_search(run: str) -> list[str]:
        plan = pods.plan_rounds(
            OpenSearch(search.uri), replica=0, rounds_per_run=5, run=run, end_schedule=end_schedule
        )
        assert plan.ticks == ()
        return pods.train_best(OpenSearch(search.uri), run=run, end_schedule=end_schedule)

    search = finished(tmp_path)
    final = OpenSearch(run_finds_nothing_to_search(RUN)[0])
    train_all(final)
    pods.export_model(OpenSearch(search.uri), run=RUN, folder=str(tmp_path / "model"))
    reported(search)
    assert ended == []

    assert run_finds_nothing_to_search("next") == []
    assert ended == ["next"]
    assert problems(search, "next") == [("train_best", "its schedule is disabled")]


def test_what_is_missing_of_a_final_training_is_told_by_the_search(tmp_path: Path) -> None:
    """A pod is killed while it trains; those after it never begin."""
    search, final = begun(tmp_path)
    first, second = steps.sample_architectures(final, replica=0, run=RUN)
    steps.train_child(final, child=first, run=RUN)
    subject = steps.subject_of(final.store, step="train_child", replica=None, children=[second])
    steps.begin_step(final.store, run=RUN, step="train_child", subject=subject)

    text = reported(search)
    reported(search)  # as the task may be tried again

    where = f"in final training {final.uri[-8:]}: "
    (_, killed), (_, standing) = problems(search, RUN)
    assert killed.startswith(f"{where}{second}: its pod ")
    assert standing.startswith(f"{where}the run did 0 of 2 planned rounds: round 1 (r000-000000)")
    assert "### What failed in this run" in text


@pytest.mark.parametrize("killed", [False, True])
def test_a_final_training_that_was_not_begun_is_told(tmp_path: Path, killed: bool) -> None:
    search = finished(tmp_path)
    if killed:
        steps.begin_step(search.store, run=RUN, step="train_best", subject="")

    reported(search)

    ((step, message),) = problems(search, RUN)
    assert step == "train_best"
    assert ("ended without a word" if killed else NOT_BEGUN) in message


def test_a_round_is_named_by_what_ends_it(tmp_path: Path) -> None:
    """Nothing is learned from a round of a final training."""
    _, final = begun(tmp_path)
    do_round(final)

    subject = steps.subject_of(final.store, step="sample_architectures", replica=0, children=[])

    assert subject == "r000-000001"


def test_of_many_classes_those_are_shown_of_which_most_went_wrong(tmp_path: Path) -> None:
    """Every image of class 7 was taken for 90, and each of the others for what it is."""
    uri, child = str(tmp_path / "state"), "r000-000000-00"
    info = colour_model(tmp_path / "model")
    info = replace(
        info,
        labels=tuple(f"class {number}" for number in range(100)),
        origin=replace(info.origin, child=child, uri=uri),
    )
    right = [(number, number, 2) for number in range(100) if number != 7]
    confusion = tuple(sorted([*right, (7, 90, 3)]))
    reading = TestReading(child, 0.98, 201, 1.0, confusion)
    SearchStore.open(uri).settle(layout.child_test(child), reading)

    shown = kubeflow_artifacts.confusion_matrix(
        StoredModel(open_store(str(tmp_path / "model")), "", info)
    )["confusionMatrix"]

    names = [each["displayName"] for each in shown["annotationSpecs"]]
    rows = [each["row"] for each in shown["rows"]]
    assert len(names) == len(rows) == 40
    assert {"class 7", "class 90"} < {*names}
    assert (names[-1], rows[-1][-1]) == ("61 others", 61 * 2)
    assert rows[names.index("class 7")][names.index("class 90")] == 3
    assert sum(map(sum, rows)) == 201
