"""What scores of translations are, and BLEU and chrF by values computed by hand."""

from __future__ import annotations

import math
import sys

import pytest

from nas_lib.errors import MissingExtraError
from nas_lib.tasks.translation.scoring import SCORINGS, bleu, chrf

ONES = ["the cat sat on the mat", "a dog"]
OTHERS = ["the cat sat on a mat", "a dog"]


def never() -> float:
    raise AssertionError("translating takes long")


def test_bleu_is_what_its_formula_gives_over_all_sentences() -> None:
    found = bleu(ONES, OTHERS)

    # of 8, 6, 4 and 3 sequences of one to four words, 7, 4, 2 and 1 are in the references: of the
    # first sentence's 6 words "the" but once, of its pairs "the cat", "cat sat" and "sat on"; it is
    # as long as its reference, so nothing is taken off
    expected = 100 * (7 / 8 * 4 / 6 * 2 / 4 * 1 / 3) ** 0.25
    assert (found.name, found.value) == ("BLEU", pytest.approx(expected))
    assert found.how.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_translations_that_are_too_short_lose() -> None:
    # all sequences are right, and 6 words are too few beside 8: exp(1 - 8 / 6)
    found = bleu(["the cat sat on a mat"], ["the cat sat on a mat so softly"])

    assert found.value == pytest.approx(100 * math.exp(1 - 8 / 6))


def test_chrf_has_its_signature_and_what_is_alike_has_all() -> None:
    assert chrf(OTHERS, OTHERS).value == 100
    assert bleu(OTHERS * 2, OTHERS * 2).value == 100  # sacrebleu has 100.00000000000004
    assert 50 < chrf(ONES, OTHERS).value < 100
    assert chrf(ONES, OTHERS).how.startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|")


def test_a_perplexity_needs_no_translations_and_bleu_nothing_else() -> None:
    assert SCORINGS["perplexity"].score(math.log(7), never) == pytest.approx(7)
    assert SCORINGS["bleu"].score(math.nan, lambda: 12.5) == 12.5


def test_rewards_are_raised_to_a_power_of_what_they_are_called() -> None:
    perplexities, bleus = SCORINGS["perplexity"].reward, SCORINGS["bleu"].reward

    # 80 / 10^2 = 0.8; (20 / 100)^2 = 0.04
    assert perplexities(10.0, 80.0, 2.0) == pytest.approx(0.8)
    assert bleus(20.0, 80.0, 2.0) == pytest.approx(0.04)


def test_without_sacrebleu_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    monkeypatch.setitem(sys.modules, "sacrebleu", None)

    with pytest.raises(MissingExtraError, match=r"BLEU and chrF need sacrebleu.*translation"):
        bleu(ONES, OTHERS)
