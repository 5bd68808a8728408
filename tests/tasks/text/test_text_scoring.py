"""Scores of words and characters, and the perplexity that each has."""

from __future__ import annotations

import math

import pytest

from nas_lib.tasks.text.scoring import SCORINGS, Scoring, bits

WORDS, CHARACTERS = SCORINGS["words"], SCORINGS["characters"]


def test_bits_of_a_known_distribution_are_its_entropy() -> None:
    # of a half, a quarter and two eighths: 1/2 x 1 + 1/4 x 2 + 2 x 1/8 x 3 = 1.75 bits
    odds = (1 / 2, 1 / 4, 1 / 8, 1 / 8)
    loss = -sum(p * math.log(p) for p in odds)
    assert bits(loss) == pytest.approx(1.75)
    assert CHARACTERS.score(loss) == pytest.approx(1.75)
    assert CHARACTERS.perplexity(1.75) == pytest.approx(3.3636, abs=1e-4)  # 2^1.75


def test_a_word_of_a_hundred_alike_has_perplexity_a_hundred() -> None:
    assert WORDS.score(math.log(100)) == pytest.approx(100)
    assert WORDS.perplexity(100.0) == 100.0


@pytest.mark.parametrize("scoring", SCORINGS.values(), ids=SCORINGS)
def test_the_perplexity_of_a_score_is_that_of_its_loss(scoring: Scoring) -> None:
    assert scoring.perplexity(scoring.score(3.25)) == pytest.approx(math.exp(3.25))
    assert scoring.perplexity(scoring.score(0.0)) == 1.0


@pytest.mark.parametrize("scoring", SCORINGS.values(), ids=SCORINGS)
def test_of_a_loss_that_overflows_the_perplexity_is_infinite(scoring: Scoring) -> None:
    assert scoring.perplexity(scoring.score(1e300)) == math.inf
    assert scoring.perplexity(scoring.score(math.inf)) == math.inf


@pytest.mark.parametrize("scoring", SCORINGS.values(), ids=SCORINGS)
def test_the_lower_score_is_the_better_one_and_one_that_overflows_is_on_no_chart(
    scoring: Scoring,
) -> None:
    good, bad = scoring.score(1.0), scoring.score(2.0)
    assert scoring.measure.is_better(good, bad)
    assert scoring.measure.best([bad, good]) == good
    assert scoring.measure.on_chart(scoring.score(12.0)) is not None  # a perplexity of 160,000
    assert scoring.measure.on_chart(scoring.score(14.0)) is None  # ... of 1,200,000
