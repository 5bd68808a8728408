"""The study of recurrent cells: its searches and final trainings, and how they are summed up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from synthetic import row

from benchmarks.studies import tree_searches, trees
from benchmarks.studies.tree_searches import LEVELS
from nas_lib.config import SearchConfig
from nas_lib.engine import SearchHandle
from nas_lib.results import PERPLEXITY, SearchView


@pytest.mark.parametrize("level", LEVELS)
def test_every_arm_of_a_level_is_an_experiment_of_its_own(level: str, tmp_path: Path) -> None:
    documents = [
        tree_searches.config(level, arm, 0, tmp_path, 200).model_dump_json(exclude={"name"})
        for arm in LEVELS[level].arms
    ]
    assert len(set(documents)) == len(documents)


@pytest.mark.parametrize("level", LEVELS)
def test_all_networks_are_trained_in_the_end_by_one_grid(level: str, tmp_path: Path) -> None:
    alone = tree_searches.final_config(level, tmp_path)
    beside = tree_searches.final_config(level, tmp_path, references=("lstm",))
    assert beside.final.references == ("lstm",)
    assert alone.final == beside.final.model_copy(update={"references": ()})
    assert alone.final.grid


def test_of_the_validation_text_whole_lines_are_kept_until_there_are_enough_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_searches, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(tree_searches, "_VALID_WORDS", 5)
    for part in ("train", "valid", "test"):
        (tmp_path / f"some.{part}.txt").write_text("a b\nc\nd\n")
    short = tree_searches.shortened(tmp_path)
    # with its end each line is a word longer: 3 and 2 are 5
    assert (short / "valid.txt").read_text() == "a b\nc\n"
    assert (short / "train.txt").read_text() == (short / "test.txt").read_text() == "a b\nc\nd\n"


def test_the_best_of_each_quarter_of_a_budget() -> None:
    scores = [300.0, 200.0, 250.0, 100.0, 150.0, 400.0, 120.0, 110.0]
    view = SearchView(
        uri="runs/a",
        config=SearchConfig(name="a"),
        measure=PERPLEXITY,
        rows=tuple(row(number, score, reward=80 / score) for number, score in enumerate(scores)),
    )
    found = trees.tops(SearchHandle("runs/a", "", view), 8)
    assert [found[f"best 1 of {mark}"] for mark in (2, 4, 6, 8)] == [200, 100, 100, 100]
    # (100 + 150 + 200 + 250 + 300) / 5, then (100 + 110 + 120 + 150 + 200) / 5
    assert found["best 5 of 6"] == pytest.approx(200)
    assert found["best 5 of 8"] == pytest.approx(136)
    assert math.isnan(found["best 5 of 4"])
