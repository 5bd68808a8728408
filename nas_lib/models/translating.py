"""Translating one sentence by a network of two parts, whoever computes them.

Letters: T subwords of a sentence, K beginnings of its translation, S values of a state, H units, V
subwords of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas_lib.beam_search import Floats, Hypothesis, beam_search
from nas_lib.models.graph import Arrays, Graphs
from nas_lib.models.info import DECODER, ENCODER, TranslationInputs

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TranslatorNetwork:
    """A network that reads a sentence, and tells its translation.

    Attributes:
        read: From a sentence `[T]` to what the decoder looks at, `[T, H]`.
        tell: From the last subwords `[K]`, the states before them `[K, S]` and that to logits
            `[K, V]` and states.
        state_size: S.
    """

    read: Callable[[Numbers], Floats]
    tell: Callable[[Numbers, Floats, Floats], tuple[Floats, Floats]]
    state_size: int

    def best(self, source_T: Numbers, inputs: TranslationInputs) -> Hypothesis:
        """Return the best translation that is found of a sentence.

        It may have as many subwords as the longest sentence of the network's data; that of a longer
        sentence twice as many as this one.
        """
        values_TH = self.read(source_T)
        length = len(source_T)
        return beam_search(
            lambda last_K, state_KS: self.tell(last_K, state_KS, values_TH),
            self._initial_state(1),
            begin=inputs.begin,
            end=inputs.end,
            beam=inputs.beam,
            length_penalty=inputs.length_penalty,
            max_length=2 * length if length > inputs.max_length else inputs.max_length,
        )

    def told(self, source_T: Numbers, target_T: Numbers, *, beam: int = 1) -> Iterator[Floats]:
        """Yield logits `[K, V]` of each subword of a translation but the first, from those before.

        Args:
            source_T: The sentence.
            target_T: The translation, with beginning and end.
            beam: K, as often as it is told.
        """
        values_TH, state_KS = self.read(source_T), self._initial_state(beam)
        for last in target_T[:-1]:
            logits_KV, state_KS = self.tell(np.full(beam, last), state_KS, values_TH)
            yield logits_KV

    def _initial_state(self, num: int) -> Floats:
        return np.zeros((num, self.state_size), np.float32)


def network_of(graphs: Graphs, inputs: TranslationInputs) -> TranslatorNetwork:
    """Return the network of a model's graphs."""

    def read(source_T: Numbers) -> Floats:
        values_TH: Floats = graphs[ENCODER].run({"source": source_T})["values"]
        return values_TH

    def tell(last_K: Numbers, state_KS: Floats, values_TH: Floats) -> tuple[Floats, Floats]:
        given: Arrays = {"last": last_K, "state": state_KS, "values": values_TH}
        found = graphs[DECODER].run(given)
        return found["logits"], found["next_state"]

    return TranslatorNetwork(read, tell, inputs.state_size)
