"""What a score of translations is: nobody else asks which one a search goes by.

BLEU and chrF are sacrebleu's, of words as it finds them in what is written: so they compare with
others' of the same signature, whatever the subwords.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from nas_lib.errors import MissingExtraError
from nas_lib.records import Metric
from nas_lib.results.measure import BLEU, PERPLEXITY, Measure, perplexity

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Scoring:
    """How well sentences are translated.

    Attributes:
        about: Sentences on what a score is.
        measure: What a score is.
        score: The score of a mean cross-entropy in nats, and of what tells the BLEU of translating
            greedily; it takes long, and is asked only where that is the score.
        earned: What a score earns, in words; to be filled in: constant, power.
        reward: What a score earns: of score, constant and power.
        others: Whether the perplexity is worth telling besides.
    """

    about: str
    measure: Measure
    score: Callable[[float, Callable[[], float]], float]
    earned: str
    reward: Callable[[float, float, float], float]
    others: bool


SCORINGS: Final[dict[Literal["perplexity", "bleu"], Scoring]] = {
    "perplexity": Scoring(
        "Perplexity is how many equally likely subwords would be as hard to tell the next one of a "
        "translation from, given the sentence and those before it: the lower, the better. It "
        "compares with others of the same subwords alone.",
        PERPLEXITY,
        lambda loss, _: perplexity(loss),
        "{constant:g} / perplexity{power}",
        lambda score, constant, power: constant / score**power,
        others=False,
    ),
    "bleu": Scoring(
        "BLEU says how many of the words, and of the sequences of up to four of them, translations "
        "have in common with those that people wrote, from 0 to 100: the higher, the better. For "
        "scores, sentences are translated greedily.",
        BLEU,
        lambda _, bleu: bleu(),
        "(BLEU / 100){power}",
        lambda score, _, power: (score / 100) ** power,
        others=True,
    ),
}
"""By `task.score`."""


def bleu(found: Sequence[str], wanted: Sequence[str]) -> Metric:
    """Return the BLEU of some translations, from 0 to 100, beside references.

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    # `force`: texts that look tokenised are not, and no reason to warn
    return _measured("BLEU", _sacrebleu().BLEU(force=True), found, wanted)


def chrf(found: Sequence[str], wanted: Sequence[str]) -> Metric:
    """Return the chrF of some translations, from 0 to 100, beside references.

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    return _measured("chrF", _sacrebleu().CHRF(), found, wanted)


def _measured(name: str, metric: Any, found: Sequence[str], wanted: Sequence[str]) -> Metric:
    score = metric.corpus_score(list(found), [list(wanted)]).score
    # by rounding, that of translations without a fault may be a bit above 100
    return Metric(name, min(float(score), 100.0), str(metric.get_signature()))


def _sacrebleu() -> ModuleType:
    try:
        import sacrebleu.metrics
    except ImportError as err:
        raise MissingExtraError("BLEU and chrF need sacrebleu", "translation", err) from err
    return sacrebleu.metrics
