"""A whole search for language models of characters, a small one."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import nas_lib
from nas_lib import steps
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
from nas_lib.models import TextModel
from nas_lib.networks import LanguageModel
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.proposals import proposed_child
from nas_lib.records import ChildResult, EpochMetrics
from nas_lib.report import compare_page, search_page
from nas_lib.results import BITS, SearchView
from nas_lib.store import SearchStore, layout


class KilledError(BaseException):
    """As a signal ends a process: no child's fault."""


def config(folder: Path, seed: int = 0) -> SearchConfig:
    return SearchConfig(
        name="letters",
        seed=seed,
        task=TextTaskConfig(data=TextFilesData(path=str(folder)), level="characters"),
        space=EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=8)),
        controller=RandomConfig(),
        children=TextChildrenConfig(
            epochs=3,
            batch_size=8,
            learning_rate=4.0,
            momentum=0.0,
            nesterov=False,
            clip_norm=0.5,
            text=TextTrainingConfig(bptt=10),
            reward=TextRewardConfig(last_epochs=2, power=1, perplexity_constant=5),
            keep=1,
            checkpoint_every_s=0,
        ),
        search=RoundsConfig(max_children=2, children_per_round=2),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder, draw = tmp_path_factory.mktemp("letters"), random.Random(1)
    for part, num_lines in (("train", 60), ("valid", 20), ("test", 20)):
        lines = (" ".join(draw.choices(("ab", "cab", "bad"), k=5)) for _ in range(num_lines))
        (folder / f"{part}.txt").write_bytes("\r\n".join(lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        yield folder


def searched(
    folder: Path, name: str, *, seed: int = 0, killed_after: int | None = None
) -> SearchView:
    """Return a search, step by step; its second child killed once, after so many epochs."""

    def on_epoch(metrics: EpochMetrics) -> None:
        if metrics.epoch == killed_after:
            raise KilledError

    uri = str(folder / name)
    steps.prepare_data(OpenSearch(uri), config=config(folder, seed))
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="run")
    search = OpenSearch(uri)
    if killed_after is not None:
        child = proposed_child(search, children[1])
        with pytest.raises(KilledError):
            search.task.judge(child, search.space, search.store, on_epoch=on_epoch)
    for child in children:
        steps.train_child(OpenSearch(uri), child=child, run="run")
    summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
    steps.update_controller(OpenSearch(uri), replica=0, round=summary.round, run="run")
    return steps.write_report(OpenSearch(uri), run="run")


@pytest.fixture(scope="module")
def finished(folder: Path) -> SearchView:
    return searched(folder, "state")


def test_children_are_judged_by_bits_and_rewarded_by_perplexity(finished: SearchView) -> None:
    store = SearchStore.open(finished.uri)
    for row in finished.rows:
        result = store.read(ChildResult, layout.child_result(row.id))
        loss = min(metrics.valid_loss for metrics in result.epochs[-2:])
        assert result.score == pytest.approx(loss / math.log(2))
        assert 0.5 < result.score < math.log2(7)  # different ones: abcd, blank, <eos>, <unk>
        assert result.reward == pytest.approx(5 / math.exp(loss))


def test_its_model_finds_the_test_text_as_hard_as_torch_did(
    finished: SearchView, folder: Path
) -> None:
    (reading,) = finished.test
    text = (folder / "test.txt").read_bytes().decode()

    model = nas_lib.open(finished.uri).model()

    assert isinstance(model, TextModel)
    score = model.score(text)
    assert score.value == pytest.approx(reading.score, rel=1e-5)
    assert math.log2(score.perplexity) == pytest.approx(score.value)
    assert score.num_words == reading.num_examples == len(text.replace("\r\n", "\n")) + 1
    assert model.info.measure.noun == "bits per character"
    assert model.predict("ca").top(1)[0].keys() <= {*"abcd ", "<eos>"}
    network = nas_lib.open(finished.uri).best.network()
    assert isinstance(network, LanguageModel)
    words_T1 = torch.from_numpy(model.words("ca")[:-1, None])  # without the end of the line
    outputs_T1H, _ = network(words_T1, network.initial_state(1))
    odds_V = torch.softmax(F.linear(outputs_T1H[-1, 0], network.softmax_VH), 0)
    found_V = torch.from_numpy(model.predict("ca").probabilities[0])
    torch.testing.assert_close(odds_V.detach(), found_V, atol=1e-6, rtol=1e-5)


def test_reports_name_the_bits(finished: SearchView) -> None:
    page = search_page(finished)
    assert "Best validation bits per character" in page
    assert "Test bits per character" in page
    assert "test characters, 7 different ones" in page
    assert "2 to the power of them" in page
    assert "erplexity" not in page.partition("Configuration, with every default")[0].replace(
        "Perplexity, 2 to the power", ""
    ).replace("/ perplexity", "")


def test_killed_in_the_middle_of_training_it_ends_the_same(
    finished: SearchView, folder: Path
) -> None:
    again = searched(folder, "killed", killed_after=2)

    assert [replace(row, seconds=0.0) for row in again.rows] == [
        replace(row, seconds=0.0) for row in finished.rows
    ]
    one, other = (
        SearchStore.open(view.uri).objects.get(layout.child_weights(view.test[0].child))
        for view in (finished, again)
    )
    assert one == other


def test_two_of_them_are_compared_by_the_fewest_bits(finished: SearchView, folder: Path) -> None:
    other = searched(folder, "other", seed=1)

    comparison = nas_lib.compare(finished.uri, other.uri)

    assert comparison.measure == BITS
    assert "validation bits per character" in compare_page(comparison)
    lowest = [min(row.score or math.inf for row in view.rows) for view in (finished, other)]
    assert [entry.values["best"] for entry in comparison.entries] == pytest.approx(lowest)
