"""Beam search against all sequences that there are, and against sums by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_lib.beam_search import Floats, Hypothesis, Ints, beam_search, beam_searches, best_first

BEGIN, END = 2, 0


class Chain:
    """A model whose next word depends on the last one, and on how many there were.

    Its states are `[position, rows of a table to come]`, so that a wrong state gives other words.
    """

    def __init__(self, logits_TVV: Floats) -> None:
        self.logits_TVV = logits_TVV
        self.num_steps = 0

    def __call__(self, last_R: Ints, state_RS: Floats) -> tuple[Floats, Floats]:
        self.num_steps += 1
        position_R = state_RS[:, 0].astype(int)
        before_R = state_RS[:, 1].astype(int)  # the word before the last one
        logits_RV = self.logits_TVV[position_R, (last_R + before_R) % self.logits_TVV.shape[1]]
        return logits_RV, np.stack([position_R + 1, last_R], axis=1).astype(np.float32)

    def told(self, words: tuple[int, ...]) -> float:
        """Return the log probability of some words and the end."""
        total, last, before = 0.0, BEGIN, 0
        for position, word in enumerate((*words, END)):
            row = self.logits_TVV[position, (last + before) % self.logits_TVV.shape[1]]
            total += float(row[word]) - math.log(np.exp(row).sum())
            last, before = word, last
        return total


START_1S = np.zeros((1, 2), np.float32)


def search(model: Chain, *, beam: int, penalty: float = 0.0, most: int) -> Hypothesis:
    return beam_search(
        model,
        START_1S,
        begin=BEGIN,
        end=END,
        beam=beam,
        length_penalty=penalty,
        max_length=most,
    )


@st.composite
def chains(draw: st.DrawFn) -> tuple[Chain, int]:
    most, num_words = draw(st.integers(1, 3)), draw(st.integers(3, 4))
    drawn = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits_TVV = drawn.normal(size=(most + 1, num_words, num_words))
    return Chain((draw(st.integers(1, 4)) * logits_TVV).astype(np.float32)), most


def penalised(told: float, num_words: int, penalty: float) -> float:
    return told / math.pow((5 + num_words + 1) / 6, penalty)


@settings(max_examples=40, deadline=None)
@given(chains(), st.floats(0, 2))
def test_a_beam_as_wide_as_there_are_sequences_finds_the_best_of_all(
    chain: tuple[Chain, int], penalty: float
) -> None:
    model, most = chain
    num_words = model.logits_TVV.shape[1]
    sequences = [
        words
        for length in range(most + 1)
        for words in itertools.product(range(1, num_words), repeat=length)
    ]
    best = max(penalised(model.told(words), len(words), penalty) for words in sequences)

    found = search(model, beam=len(sequences), penalty=penalty, most=most)

    assert found.score == pytest.approx(best, abs=1e-4)
    assert found.log_probability == pytest.approx(model.told(found.words), abs=1e-4)
    assert found.score == pytest.approx(
        penalised(model.told(found.words), len(found.words), penalty), abs=1e-4
    )


@settings(max_examples=40, deadline=None)
@given(chains(), st.integers(1, 3), st.floats(0, 2))
def test_what_a_narrow_beam_finds_is_as_likely_as_it_says_and_ends(
    chain: tuple[Chain, int], beam: int, penalty: float
) -> None:
    model, most = chain

    found = search(model, beam=beam, penalty=penalty, most=most)

    assert len(found.words) <= most
    assert END not in found.words
    assert found.log_probability == pytest.approx(model.told(found.words), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(chains())
def test_a_beam_of_one_takes_the_most_likely_word_each_time(chain: tuple[Chain, int]) -> None:
    model, most = chain
    words: list[int] = []
    last_1, state_1S = np.array([BEGIN]), START_1S
    for _ in range(most):
        logits_1V, state_1S = model(last_1, state_1S)
        last_1 = logits_1V.argmax(axis=1)
        if last_1[0] == END:
            break
        words.append(int(last_1[0]))

    assert list(search(model, beam=1, penalty=0.6, most=most).words) == words


@settings(max_examples=30, deadline=None)
@given(chains(), st.integers(1, 3))
def test_sentences_side_by_side_get_what_each_gets_alone(
    chain: tuple[Chain, int], beam: int
) -> None:
    model, most = chain
    # the second sentence goes on from another word before it, so its words are others
    states_BS = np.array([[0, 0], [0, 1], [0, 2]], np.float32)
    how = {"begin": BEGIN, "end": END, "beam": beam, "length_penalty": 0.6, "max_length": most}

    together = beam_searches(model, states_BS, **how)  # type: ignore[arg-type]

    assert together == [
        beam_search(model, states_BS[[number]], **how)  # type: ignore[arg-type]
        for number in range(3)
    ]


def of_probabilities(*rows: tuple[float, float, float]) -> Chain:
    """Return a model that tells the same after any word: of `(end, 1, 2)` at each place."""
    logits_T1V = np.log(np.array(rows, np.float32))[:, None]
    return Chain(np.repeat(logits_T1V, 3, axis=1))


def test_a_longer_sequence_wins_once_lengths_are_made_up_for() -> None:
    # nothing has 0.5; "1" has 0.4 x 0.99 = 0.396, whose logarithm is -0.9263
    model = of_probabilities((0.5, 0.4, 0.1), (0.99, 0.005, 0.005))

    plain, fair = (search(model, beam=2, penalty=penalty, most=1) for penalty in (0.0, 2.0))

    assert plain.words == ()
    assert plain.score == pytest.approx(math.log(0.5))  # ((5 + 1) / 6)^0 = 1: -0.6931
    assert fair.words == (1,)
    assert fair.log_probability == pytest.approx(math.log(0.396))
    # of a word and the end ((5 + 2) / 6)^2 = 49 / 36: -0.9263 x 36 / 49 = -0.6806, above -0.6931
    assert fair.score == pytest.approx(math.log(0.396) * 36 / 49)


def test_a_wider_beam_finds_what_greed_passes_by() -> None:
    # 1 is likelier than 2 at first, but what follows 1 is less sure: 0.5 x 0.4 < 0.4 x 0.9
    sure, unsure = (0.9, 0.05, 0.05), (0.4, 0.3, 0.3)
    logits = np.log(np.array([[(0.1, 0.5, 0.4)] * 3, [unsure, sure, sure]], np.float32))
    model = Chain(logits)  # at the second place its row is (last + BEGIN) % 3: 0 for 1, 1 for 2

    assert [search(model, beam=beam, most=1).words for beam in (1, 2)] == [(1,), (2,)]


def test_a_search_is_over_as_soon_as_enough_have_ended() -> None:
    model = of_probabilities(*[(0.98, 0.01, 0.01)] * 50)

    assert search(model, beam=1, most=49).words == ()
    assert model.num_steps == 1


def test_of_equally_likely_words_the_first_is_taken() -> None:
    assert best_first(np.array([[1.0, 3.0, 2.0, 3.0, 2.0, 0.0]]), 3).tolist() == [[1, 3, 2]]
    assert best_first(np.array([[1.0, 1.0], [0.0, 2.0]]), 5).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("said", [np.nan, np.inf])
def test_a_sentence_whose_logits_become_no_numbers_gets_no_word_and_others_get_theirs(
    beam: int, said: float
) -> None:
    def step(last_R: Ints, state_RS: Floats) -> tuple[Floats, Floats]:
        is_word_R1, word, end = state_RS % 5 < 2, [0.0, 0, 0, 5], [5.0, 0, 0, 0]
        logits_RV = np.where(is_word_R1, word, end).astype(np.float32)
        logits_RV[state_RS[:, 0] > 5, 3] = said
        return logits_RV, state_RS + 1

    states_BS = np.array([[0], [5]], np.float32)
    of_both = {"begin": BEGIN, "end": END, "beam": beam, "length_penalty": 1.0, "max_length": 2}

    there, none = beam_searches(step, states_BS, **of_both)  # type: ignore[arg-type]

    assert there.words == (3, 3)
    assert math.isfinite(there.score)
    assert none.words == ()
