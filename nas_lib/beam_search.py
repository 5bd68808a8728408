"""Beam search: the best sequence that a model can be found to tell, word by word.

With numpy alone: the same search serves models as torch has them and as graphs.

Letters: K hypotheses of a sentence, V words of the vocabulary, S values of a state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Step = Callable[[npt.NDArray[np.int64], Floats], tuple[Floats, Floats]]
"""From the last words `[K]` and the states before them `[K, S]` to logits `[K, V]` and states."""


class Hypothesis(NamedTuple):
    """A sequence that was told.

    Attributes:
        words: Without beginning and end.
        log_probability: Of all of them and the end; of a sequence that was cut off, without that.
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
    """Return the best hypothesis, by log probability / ((5 + n) / 6)^length_penalty.

    n counts the words and the end (Wu et al. 2016, section 7). With a beam of 1 it is greedy.

    Args:
        step: The model.
        state_1S: Its state before the first word.
        begin: What stands before the first word.
        end: What ends a sequence.
        beam: Hypotheses that are followed at the same time.
        length_penalty: As above.
        max_length: Words at most.
    """
    raise NotImplementedError
