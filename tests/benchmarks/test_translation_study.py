"""The study of cells in a translator: what it trains, and how that is summed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.studies import translation
from benchmarks.studies.translation import BESIDE, Size, Translated
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

    def trained(_name: str, _source: str, seed: int, _data: Path, size: Size) -> list[Translated]:
        asked.append((seed, size.rates))
        best = {"lstm": 0.2, "gru": 0.1} if seed == 0 else dict.fromkeys(BESIDE, size.rates[0])
        return [
            translated(name, seed, 10.0)._replace(rate=rate, valid=valid)
            for name, rate in best.items()
        ]

    monkeypatch.setattr(translation, "trained", trained)
    valid, size = 11.0, SIZE._replace(rates=(0.1, 0.2, 0.4))
    found = [*translation.of_seeds("cell", "source", (0, 1), tmp_path, size)]

    assert asked == [(0, (0.1, 0.2, 0.4)), (1, (0.1,)), (1, (0.2,))]
    assert [(each.name, each.seed) for each in found][:3] == [("lstm", 0), ("gru", 0), ("lstm", 1)]
    valid = 300.0  # as good as any guess of 300 subwords
    assert {each.seed for each in translation.of_seeds("cell", "", (0, 1), tmp_path, size)} == {0}
