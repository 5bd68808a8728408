"""Beam search: the best sequence that a model can be found to tell, word by word.

With numpy alone: the same search serves models as torch has them and as graphs.

Letters: B sentences, K hypotheses of each, R = B x K rows, V words of the vocabulary, S values of a
state, C candidates for what comes next, T words so far.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Step = Callable[[Ints, Floats], tuple[Floats, Floats]]
"""From the last words `[R]` and the states before them `[R, S]` to logits `[R, V]` and states.

The rows of a sentence lie side by side: row r is of sentence r // K.
"""


class Hypothesis(NamedTuple):
    """A sequence that was told.

    Attributes:
        words: Without beginning and end.
        log_probability: Of all of them and the end.
        score: What it was chosen by.
    """

    words: tuple[int, ...]
    log_probability: float
    score: float


def beam_search(
    step: Step,
    state_1S: Floats,
    *,
    begin: int,
    end: int,
    beam: int,
    length_penalty: float,
    max_length: int,
) -> Hypothesis:
    """Return the best hypothesis for one sentence; as `beam_searches`.

    Args:
        step: The model.
        state_1S: Its state before the first word.
        begin: What stands before the first word.
        end: What ends a sequence.
        beam: Hypotheses that are followed at the same time.
        length_penalty: As in `beam_searches`.
        max_length: Words at most.
    """
    (best,) = beam_searches(
        step,
        state_1S,
        begin=begin,
        end=end,
        beam=beam,
        length_penalty=length_penalty,
        max_length=max_length,
    )
    return best


def beam_searches(
    step: Step,
    state_BS: Floats,
    *,
    begin: int,
    end: int,
    beam: int,
    length_penalty: float,
    max_length: int,
) -> list[Hypothesis]:
    """Return the best hypothesis for each sentence, of `log probability / penalty`.

    The penalty is ((5 + n) / 6)^length_penalty (Wu et al. 2016, section 7), where n counts the
    words and the end. A sentence's search is over once `beam` of its hypotheses have ended, each of
    them among the `beam` best of its length. After `max_length` words nothing but the end follows.
    With a beam of 1 it is greedy. Where logits are not numbers a hypothesis ends without a value;
    a sentence that has no other gets no word.

    Args:
        step: The model.
        state_BS: Its states before the first words.
        begin: What stands before the first word.
        end: What ends a sequence.
        beam: Hypotheses of a sentence that are followed at the same time.
        length_penalty: As above; 0 for none.
        max_length: Words at most.
    """
    beams = _Beams(len(state_BS), beam, begin)
    state_RS = np.repeat(state_BS, beam, axis=0)
    for length in range(1, max_length + 2):
        logits_RV, state_RS = step(beams.last_R, state_RS)
        log_probs_RV = log_softmax(logits_RV)
        if length > max_length:
            log_probs_RV[:, np.arange(log_probs_RV.shape[1]) != end] = -np.inf
        penalty = ((5 + length) / 6) ** length_penalty
        rows_R = beams.advance(log_probs_RV, end=end, penalty=penalty)
        if beams.are_done:
            break
        state_RS = state_RS[rows_R]
    return beams.best()


_NONE: Final = Hypothesis((), -np.inf, -np.inf)


class _Beams:
    """Hypotheses of some sentences: those that go on, and those that have ended.

    Attributes:
        told_BK: Log probability of each that goes on, minus infinity of a row without one.
        words_BKT: Its words.
        ended: Of each sentence.
    """

    def __init__(self, num_sentences: int, beam: int, begin: int) -> None:
        self.told_BK: Doubles = np.full((num_sentences, beam), -np.inf)
        self.told_BK[:, 0] = 0.0  # in the beginning there is but one
        self.words_BKT: Ints = np.empty((num_sentences, beam, 0), np.int64)
        self.last_R: Ints = np.full(num_sentences * beam, begin, np.int64)
        self.ended: list[list[Hypothesis]] = [[] for _ in range(num_sentences)]

    @property
    def are_done(self) -> bool:
        return bool(np.isneginf(self.told_BK).all())

    def advance(self, log_probs_RV: Doubles, *, end: int, penalty: float) -> Ints:
        """Take one word more; return which row each of the rows goes on from, `[R]`."""
        num_sentences, beam = self.told_BK.shape
        num_words = log_probs_RV.shape[1]
        told_BKV = self.told_BK[:, :, None] + log_probs_RV.reshape(num_sentences, beam, -1)
        told_BN = told_BKV.reshape(num_sentences, -1)
        best_BC = best_first(told_BN, 2 * beam)  # at most half of them are ends
        rows_BC, words_BC = np.divmod(best_BC, num_words)
        told_BC = np.take_along_axis(told_BN, best_BC, axis=1)
        is_end_BC = words_BC == end
        self._end(told_BC[:, :beam], rows_BC, is_end_BC[:, :beam], penalty)
        kept_BK = np.argsort(is_end_BC, axis=1, kind="stable")[:, :beam]
        self.told_BK = np.take_along_axis(told_BC, kept_BK, axis=1)
        self.told_BK[[len(ended) >= beam for ended in self.ended]] = -np.inf
        rows_BK = np.take_along_axis(rows_BC, kept_BK, axis=1)
        words_BK = np.take_along_axis(words_BC, kept_BK, axis=1)
        before_BKT = np.take_along_axis(self.words_BKT, rows_BK[:, :, None], axis=1)
        self.words_BKT = np.concatenate([before_BKT, words_BK[:, :, None]], axis=2)
        self.last_R = words_BK.reshape(-1)
        from_BK: Ints = rows_BK + beam * np.arange(num_sentences)[:, None]
        return from_BK.reshape(-1)

    def _end(
        self, told_BK: Doubles, rows_BC: Ints, is_end_BK: npt.NDArray[np.bool_], penalty: float
    ) -> None:
        """Note those that have ended now."""
        for sentence, number in np.argwhere(is_end_BK & np.isfinite(told_BK)):
            words = self.words_BKT[sentence, rows_BC[sentence, number]]
            told = float(told_BK[sentence, number])
            self.ended[sentence].append(Hypothesis(tuple(words.tolist()), told, told / penalty))

    def best(self) -> list[Hypothesis]:
        """Return the best of those that have ended, of equal ones the shortest."""
        return [max(ended, key=lambda each: each.score, default=_NONE) for ended in self.ended]


def log_softmax(logits_RV: Floats) -> Doubles:
    """Return the log probability of each word, `[R, V]`; minus infinity for all of a row with NaN.

    Some cells' states grow without bound where a translation gets longer than any that they learnt.
    """
    log_probs_RV: Doubles = logits_RV.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        log_probs_RV -= log_probs_RV.max(axis=1, keepdims=True)
        log_probs_RV -= np.log(np.exp(log_probs_RV).sum(axis=1, keepdims=True))
    log_probs_RV[np.isnan(log_probs_RV)] = -np.inf
    return log_probs_RV


def best_first(values_BN: Doubles, count: int) -> Ints:
    """Return where the largest values of each row are, `[B, C]`; of equal ones the first first."""
    count = min(count, values_BN.shape[1])
    smallest_B1 = np.partition(values_BN, -count, axis=1)[:, -count, None]
    # those above the smallest that is taken, and then as many of its equals as there is room for
    found = [
        np.concatenate([np.flatnonzero(row > least), np.flatnonzero(row == least)])[:count]
        for row, least in zip(values_BN, smallest_B1, strict=True)
    ]
    found_BC = np.stack(found)
    order_BC = np.argsort(-np.take_along_axis(values_BN, found_BC, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found_BC, order_BC, axis=1)
