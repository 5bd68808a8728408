"""What scores measure."""

from __future__ import annotations

import pytest

from nas_lib.results import ACCURACY, OWN, PERPLEXITY, Measure
from nas_lib.results.measure import AUC, measure_named


@pytest.mark.parametrize(
    ("measure", "best", "label"),
    [
        (ACCURACY, 0.9, "validation accuracy, %"),
        (PERPLEXITY, 0.5, "validation perplexity"),
        (OWN, 0.9, "score"),
    ],
)
def test_a_measure_has_a_direction_and_a_label(measure: Measure, best: float, label: str) -> None:
    assert measure.best([0.9, 0.5, 0.7]) == best
    assert measure.label == label


def test_one_score_is_better_than_another_in_the_measures_direction() -> None:
    assert ACCURACY.is_better(0.9, 0.5)
    assert PERPLEXITY.is_better(90.0, 95.0)
    assert not any(measure.is_better(0.5, 0.5) for measure in (ACCURACY, PERPLEXITY, OWN))


def test_only_what_is_held_out_is_called_validation() -> None:
    assert (ACCURACY.name, ACCURACY.test_name) == ("validation accuracy", "test accuracy")
    assert OWN.name == "score"


def test_an_overflowed_score_has_no_place_on_a_chart() -> None:
    assert ACCURACY.on_chart(0.5) == 50.0
    assert PERPLEXITY.on_chart(1e7) is None
    assert PERPLEXITY.on_chart(None) is None


def test_a_metric_is_written_as_the_measure_of_its_name() -> None:
    assert measure_named("AUC") is AUC
    assert measure_named("accuracy").is_fraction
    assert measure_named("BLEU") == Measure("BLEU")
