"""The study of cells in a translator: what it trains, and how that is summed up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.studies import translation
from benchmarks.studies.translation import BESIDE, Size, Translated
from nas_lib.config import SearchConfig
from nas_lib.records import Metric, Sample

SIZE = Size(parameters=1000, epochs=1, pairs=None, vocabulary=300, rates=(0.1,))


def translated(name: str, seed: int, bleu: float) -> Translated:
    samples = tuple(Sample(f"given {number}", f"{name} {number}", "wanted") for number in range(30))
    metrics = (Metric("BLEU", bleu, "signature"),)
    return Translated(
        name, seed, f"{name} 9", 0.1, {0.1: 11.0}, 1000, 2.0, 11.0, 12.0, metrics, samples
    )


def test_all_cells_of_a_seed_are_trained_alike(tmp_path: Path) -> None:
    alone = translation.config(1, tmp_path, SIZE)
    beside = translation.config(1, tmp_path, SIZE, beside=BESIDE)

    assert beside.final.references == BESIDE == ("lstm", "gru")
    assert alone.final == beside.final.model_copy(update={"references": ()})
    assert alone.task == translation.config(2, tmp_path, SIZE).task


def test_means_have_students_interval_and_differences_welchs() -> None:
    # mean 2, deviation 1: 2 +- 4.303 / sqrt(3); t of 2 degrees of freedom is 4.303
    assert translation.with_interval([1.0, 2.0, 3.0]) == "2.00 (-0.48 to 4.48)"
    assert translation.with_interval([1.0]) == "1.00"
    # equal variances of 1: 4 degrees of freedom, t 2.776, times sqrt(2 / 3)
    assert translation.beyond([2.0, 3.0, 4.0], [1.0, 2.0, 3.0]) == "+1.00 (-1.27 to +3.27)"


def test_cells_are_told_with_twenty_sentences_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = [translated(name, seed, 10.0 + seed) for name in ("lstm", "gru") for seed in (1, 0)]

    translation.tell(found)

    told = capsys.readouterr().out
    assert "| gru | 1,000 | 0.1, 0.1 | 11.00 (11.00 to 11.00) |" in told
    assert "| gru | 11.00, 11.00 |" in told  # by the rate
    assert "BLEU: signature" in told
    assert "sentence  given 19\nreference wanted\ngru       gru 19\nlstm      lstm 19" in told
    assert "given 20" not in told
    assert [each.seed for each in translation.told(found)["gru"]] == [0, 1]


def test_other_seeds_learn_at_the_rates_that_were_best_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, tuple[float, ...]]] = []

    def trained(
        _name: str, _source: str, seed: int, _data: Path, size: Size, *, networks: Sequence[str]
    ) -> list[Translated]:
        assert networks == ("child",)
        asked.append((seed, size.rates))
        best = {"lstm": 0.2, "gru": 0.1} if seed == 0 else dict.fromkeys(BESIDE, size.rates[0])
        return [
            translated(name, seed, 10.0)._replace(rate=rate, valid=valid)
            for name, rate in best.items()
        ]

    monkeypatch.setattr(translation, "trained", trained)
    monkeypatch.setattr(translation, "chosen", lambda *_: ("child",))
    valid, size = 11.0, SIZE._replace(rates=(0.1, 0.2, 0.4))
    found = [*translation.of_seeds("cell", "source", (0, 1), tmp_path, size)]

    assert asked == [(0, (0.1, 0.2, 0.4)), (1, (0.1,)), (1, (0.2,))]
    assert [(each.name, each.seed) for each in found][:3] == [("lstm", 0), ("gru", 0), ("lstm", 1)]
    valid = 300.0  # as good as any guess of 300 subwords
    assert {each.seed for each in translation.of_seeds("cell", "", (0, 1), tmp_path, size)} == {0}


def test_of_a_searchs_best_the_one_that_translates_best_after_a_short_training_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores: dict[str, tuple[float, ...]] = {"a": (1e30,), "b": (), "c": (90.0,), "d": (80.0,)}
    asked: list[tuple[int, tuple[float, ...], int | None]] = []

    def transfer(_source: str, config: SearchConfig, **options: Any) -> SimpleNamespace:
        rates = tuple(config.final.grid["learning_rate"])
        asked.append((options["top"], rates, config.task.max_train))
        return SimpleNamespace(view=SimpleNamespace(finals=["the only one"]))

    def outcome(_final: str) -> SimpleNamespace:
        found = [
            SimpleNamespace(origin=name, valid=SimpleNamespace(scores=each))
            for name, each in scores.items()
        ]
        told = [each for each in found if each.valid.scores]
        ranked = sorted(told, key=lambda each: each.valid.scores)
        return SimpleNamespace(contenders=found, ranked=ranked)

    monkeypatch.setattr(translation.nas_lib, "transfer", transfer)
    monkeypatch.setattr(translation, "outcome", outcome)
    size = SIZE._replace(rates=(0.1, 0.4, 0.2))

    assert translation.chosen("found", "source", tmp_path, size) == ("d",)
    assert asked == [(translation.CANDIDATES, (0.2,), translation.SHORT["pairs"])]
    assert "found: a, after a short training 1e+30\nfound: b, after a short training diverged" in (
        capsys.readouterr().out
    )
    scores.update(c=(), d=(300.0,))  # as good as any guess of 300 subwords
    assert translation.chosen("found", "source", tmp_path, size) == ()
