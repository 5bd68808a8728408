"""The study of cells in a translator: what it trains, and how that is summed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.studies import translation
from benchmarks.studies.translation import BESIDE, Size, Translated
from nas_lib.records import Metric, Sample

SIZE = Size(parameters=1000, epochs=1, pairs=None, vocabulary=300)


def translated(name: str, seed: int, bleu: float) -> Translated:
    samples = tuple(Sample(f"given {number}", f"{name} {number}", "wanted") for number in range(30))
    metrics = (Metric("BLEU", bleu, "signature"),)
    return Translated(name, seed, f"{name} 9", 1000, 2.0, 11.0, 12.0, metrics, samples)


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
    assert "| gru | 1,000 | 11.00 (11.00 to 11.00) |" in told
    assert "BLEU: signature" in told
    assert "sentence  given 19\nreference wanted\ngru       gru 19\nlstm      lstm 19" in told
    assert "given 20" not in told
    assert [each.seed for each in translation.told(found)["gru"]] == [0, 1]
