"""Whole searches for language models, small ones."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import nas_lib
from nas_lib import kubeflow_artifacts, steps
from nas_lib.config import (
    EnasRnnSpaceConfig,
    HiddenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
    TextChildrenConfig,
    TextFilesData,
    TextRewardConfig,
    TextTaskConfig,
    TextTrainingConfig,
)
from nas_lib.config_file import to_yaml
from nas_lib.errors import SearchMismatchError
from nas_lib.models import TextModel
from nas_lib.open_search import OpenSearch
from nas_lib.pods import write_report
from nas_lib.procedures.budget import is_good_enough
from nas_lib.records import ChildResult, TestReading
from nas_lib.report import search_page
from nas_lib.results import PERPLEXITY, SearchView
from nas_lib.store import SearchStore, layout

EPOCHS = 4


def write_texts(folder: Path) -> None:
    """Write sentences that count, from anywhere to anywhere."""
    draw = random.Random(1)
    for part, num_lines in (("train", 120), ("valid", 40), ("test", 30)):
        spans = (sorted(draw.sample(range(10), 2)) for _ in range(num_lines))
        lines = (" ".join(f"w{n}" for n in range(first, last)) for first, last in spans)
        (folder / f"{part}.txt").write_text("\n".join(lines))


def config(texts: Path, **rounds: Any) -> SearchConfig:
    return SearchConfig(
        name="text",
        task=TextTaskConfig(data=TextFilesData(path=str(texts))),
        space=EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=8)),
        controller=RandomConfig(),
        children=TextChildrenConfig(
            epochs=EPOCHS,
            batch_size=4,
            learning_rate=4.0,
            momentum=0.0,
            nesterov=False,
            clip_norm=0.5,
            text=TextTrainingConfig(bptt=8, average_after=1),
            reward=TextRewardConfig(last_epochs=2, power=1, perplexity_constant=5),
            keep=1,
            checkpoint_every_s=0,
        ),
        search=RoundsConfig(**{"max_children": 4, "children_per_round": 2, **rounds}),
    )


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    write_texts(folder)
    return folder


@pytest.fixture(scope="module")
def finished(texts: Path) -> SearchView:
    """A small search, step by step, that nothing disturbed."""
    uri = str(texts / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(texts / "cache"))
        steps.prepare_data(OpenSearch(uri), config=config(texts))
        for _ in steps.plan_rounds(OpenSearch(uri), replica=0, run="run").ticks:
            children = steps.sample_architectures(OpenSearch(uri), replica=0, run="run")
            for child in children:
                steps.train_child(OpenSearch(uri), child=child, run="run")
            summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
            steps.update_controller(OpenSearch(uri), replica=0, round=summary.round, run="run")
        return steps.write_report(OpenSearch(uri), run="run")


def test_children_are_judged_by_perplexity(finished: SearchView) -> None:
    store = SearchStore.open(finished.uri)
    for row in finished.rows:
        result = store.read(ChildResult, layout.child_result(row.id))
        losses = [metrics.valid_loss for metrics in result.epochs]
        assert len(losses) == EPOCHS
        assert result.score == pytest.approx(math.exp(min(losses[-2:])))
        assert 1 < result.score < 11  # different words
        assert result.reward == pytest.approx(5 / result.score)


def test_the_winner_has_the_lowest_perplexity_and_its_test_is_read_once(
    finished: SearchView,
) -> None:
    lowest = min(finished.rows, key=lambda row: row.score or math.inf)
    (reading,) = finished.test
    assert finished.finished
    assert reading.child == lowest.id
    assert reading.num_examples == sum(
        len(line.split()) + 1
        for line in (Path(finished.uri).parent / "test.txt").read_text().split("\n")
    )
    assert reading.score == pytest.approx(lowest.score, rel=0.5)
    assert steps.write_report(OpenSearch(finished.uri), run="again").test == (reading,)


def test_its_model_finds_the_test_text_as_hard_as_the_search_did(finished: SearchView) -> None:
    (reading,) = finished.test

    model = nas_lib.open(finished.uri).model()

    assert isinstance(model, TextModel)
    score = model.score((Path(finished.uri).parent / "test.txt").read_text())
    assert score.perplexity == pytest.approx(reading.score, rel=1e-5)
    assert (score.num_words, score.num_unknown) == (reading.num_examples, 0)


def test_reports_call_it_perplexity(finished: SearchView) -> None:
    page = search_page(finished)
    assert "Best validation perplexity" in page
    assert "Test perplexity" in page
    assert "11 different ones" in page
    assert "ccuracy" not in page.partition("Configuration, with every default")[0]


def test_pods_call_it_perplexity_too(finished: SearchView, texts: Path) -> None:
    search = OpenSearch(finished.uri)
    report = kubeflow_artifacts.report_of(search, write_report(search, replica=0, run="pod"))
    (reading,) = finished.test
    assert f"Test perplexity of {reading.child}: " in report.text
    assert report.metrics["test perplexity"] == reading.score
    assert report.metrics["best score"] == min(row.score for row in finished.rows if row.score)
    prepared = steps.prepare_data(search, config=config(texts))
    assert "11 different" in kubeflow_artifacts.prepared_text(search, prepared)


def test_a_search_stops_at_a_perplexity_that_is_low_enough(
    finished: SearchView, texts: Path
) -> None:
    lowest = min(row.score for row in finished.rows if row.score is not None)
    for target, reached in ((lowest + 0.1, True), (lowest, True), (lowest - 0.1, False)):
        settings = RoundsConfig(stop_at_score=target)
        assert is_good_enough(finished.rows, settings, PERPLEXITY) is reached
    assert not is_good_enough([], RoundsConfig(stop_at_score=lowest), PERPLEXITY)
    assert not is_good_enough(finished.rows, RoundsConfig(), PERPLEXITY)


def test_other_text_is_another_search(finished: SearchView, tmp_path: Path) -> None:
    write_texts(tmp_path)
    (tmp_path / "test.txt").write_text("w1 w2")
    with pytest.raises(SearchMismatchError, match="on other data"):
        steps.prepare_data(OpenSearch(finished.uri), config=config(tmp_path))


def test_killed_in_the_middle_of_training_it_ends_the_same(
    finished: SearchView, texts: Path, tmp_path: Path
) -> None:
    """Rewards and weights are bit-equal, though a child went on from a checkpoint."""
    search, state = tmp_path / "search.yaml", tmp_path / "state"
    search.write_text(to_yaml(config(texts)))
    command = [sys.executable, "-m", "nas_lib.cli", "search", search, "--store", state]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline_s = time.monotonic() + 60
    while not (state / "checkpoints").exists():
        assert time.monotonic() < deadline_s, "no checkpoint appeared"
        time.sleep(0.005)
    process.kill()
    process.communicate()
    subprocess.run(command, check=True, capture_output=True)

    again = steps.view_search(OpenSearch(str(state)))
    assert [(row.id, row.architecture, row.reward) for row in again.rows] == [
        (row.id, row.architecture, row.reward) for row in finished.rows
    ]
    (reading,) = again.test
    weights = layout.child_weights(reading.child)
    stores = [SearchStore.open(uri) for uri in (str(state), finished.uri)]
    assert stores[0].objects.get(weights) == stores[1].objects.get(weights)
    readings = [store.read(TestReading, layout.child_test(reading.child)) for store in stores]
    assert readings[0].score == readings[1].score
