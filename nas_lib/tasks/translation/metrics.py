"""What a translator comes to on the test data: score, BLEU, chrF and some translations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from nas_lib.config import TranslationTrainingConfig
from nas_lib.data.subwords import Subwords
from nas_lib.networks.translator import Translator
from nas_lib.records import Metric, Sample
from nas_lib.results.measure import perplexity
from nas_lib.tasks.trained import Tested
from nas_lib.tasks.translation.batches import PairRows
from nas_lib.tasks.translation.scoring import Scoring, bleu, chrf
from nas_lib.tasks.translation.translating import greedy_bleu, translation_loss, translations

_SHOWN: Final = 20  # translations beside their references


def tested(
    model: Translator,
    test: PairRows,
    vocabulary: bytes,
    scoring: Scoring,
    training: TranslationTrainingConfig,
    *,
    max_length: int,
) -> Tested:
    """Return what a translator comes to; its sentences are translated by beam search.

    Args:
        model: The model.
        test: The test data.
        vocabulary: Of both languages, as it is stored.
        scoring: What scores are.
        training: How it translates.
        max_length: Subwords of a translation at most.
    """
    subwords = Subwords(vocabulary)
    loss = translation_loss(model, test)
    found = translations(
        model,
        test,
        subwords,
        beam=training.beam,
        length_penalty=training.length_penalty,
        max_length=max_length,
    )
    how = f"beam {training.beam}, length penalty {training.length_penalty:g}"
    metrics = [
        Metric(each.name, each.value, f"{each.how}; {how}")
        for each in (bleu(found, test.references), chrf(found, test.references))
    ]
    if scoring.others and math.isfinite(perplexity(loss)):
        metrics.append(Metric("perplexity", perplexity(loss)))
    score = scoring.score(loss, lambda: greedy_bleu(model, test, subwords, max_length))
    return Tested(score, metrics=tuple(metrics), samples=tuple(_samples(test, subwords, found)))


def _samples(test: PairRows, subwords: Subwords, found: list[str]) -> Iterator[Sample]:
    """Yield some sentences, evenly chosen."""
    num = min(_SHOWN, len(test))
    for row in (number * len(test) // num for number in range(num)):
        given = subwords.decode(test.source.numbers(row))
        yield Sample(given, found[row], test.references[row])
