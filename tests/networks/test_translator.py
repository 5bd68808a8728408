"""Letters: T subwords of source or target, B sentences side by side, H units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from cells_by_hand import CELLS, TREE, numpy_of, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from translator_by_hand import encoded_by_hand, told_by_hand

from nas_lib.config import TranslationTrainingConfig
from nas_lib.errors import ArchitectureError
from nas_lib.networks.translator import Pairs, Translator, count_translator
from nas_lib.spaces import NasRnnPlan, Plan, RnnPlan
from nas_lib.spaces.references import GruPlan, LstmPlan, PlainCnnPlan

VOCABULARY, HIDDEN = 9, 4
BEGIN, END = 2, 3
Words = tuple[int, ...]
Pair = tuple[Words, Words]
PAIRS: tuple[Pair, ...] = (
    ((5, 4, 8, END), (BEGIN, 6, 7, END)),
    ((7, END), (BEGIN, 4, 4, 8, 5, END)),
    ((4, 5, 6, 7, 8, END), (BEGIN, END)),
)


def translator(cell: str = "tree", **training: Any) -> Translator:
    torch.manual_seed(0)
    settings = {"init_range": 0.8, "dropout": 0.0, **training}
    found = Translator(
        plan_of(cell, HIDDEN),
        num_subwords=VOCABULARY,
        training=TranslationTrainingConfig(**settings),
    )
    return found.double().eval()


def side_by_side(pairs: Sequence[Pair], *, fill: int = 0, more: int = 0) -> Pairs:
    """Return pairs as a batch, filled up with a subword, longer by some than the longest."""
    sources, targets = zip(*pairs, strict=True)
    return Pairs(
        _filled(sources, fill, more),
        torch.tensor([len(source) for source in sources]),
        _filled(targets, fill, more),
        torch.tensor([len(target) - 1 for target in targets]),
    )


def _filled(sentences: Sequence[Words], fill: int, more: int) -> Tensor:
    longest = max(map(len, sentences)) + more
    rows = [[*sentence, *[fill] * (longest - len(sentence))] for sentence in sentences]
    return torch.tensor(rows).t()


@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_losses_are_those_of_sentences_by_themselves_subword_by_subword(
    cell: str, layers: int
) -> None:
    made = translator(cell, layers=layers, label_smoothing=0.25)

    evaluated = made.loss(side_by_side(PAIRS))
    trained = made.train().loss(side_by_side(PAIRS))

    told = [told_by_hand(made, *pair, smoothing=0.25) for pair in PAIRS]
    expected = np.concatenate([each.losses for each in told])
    smoothed = np.concatenate([each.smoothed for each in told])
    assert evaluated.num_told == trained.num_told == len(expected) == 3 + 5 + 1
    assert evaluated.objective == evaluated.cross_entropy
    assert evaluated.cross_entropy.item() == pytest.approx(expected.mean())
    assert trained.cross_entropy.item() == pytest.approx(expected.mean())
    assert trained.objective.item() == pytest.approx(smoothed.mean())


@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_a_sentence_is_told_step_by_step_as_it_is_all_at_once(cell: str, layers: int) -> None:
    made, pairs = translator(cell, layers=layers), side_by_side(PAIRS)

    with torch.no_grad():
        encoded = made.encode(pairs.source_TB, pairs.source_lengths_B)
        state_BS, logits = made.initial_state(len(PAIRS)), []
        for last_B in pairs.target_TB[:-1]:
            logits_BV, state_BS = made.step(last_B, state_BS, encoded)
            logits.append(logits_BV)
        loss = made.loss(pairs)

    losses = 0.0
    for column, pair in enumerate(PAIRS):
        expected = told_by_hand(made, *pair, smoothing=0.0)
        found = torch.stack([logits_BV[column] for logits_BV in logits[: len(expected.losses)]])
        np.testing.assert_allclose(numpy_of(found), expected.logits, rtol=1e-9)
        losses += torch.nn.functional.cross_entropy(
            found, torch.tensor(pair[1][1:]), reduction="sum"
        ).item()
    assert loss.cross_entropy.item() == pytest.approx(losses / (3 + 5 + 1))


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_read_is_read_in_both_directions_and_there_is_nothing_behind_a_sentence(
    cell: str,
) -> None:
    made, pairs = translator(cell, layers=3), side_by_side(PAIRS, fill=8, more=1)

    encoded = made.encode(pairs.source_TB, pairs.source_lengths_B)

    for column, (source, _) in enumerate(PAIRS):
        values_TH = numpy_of(encoded.values_TBH[:, column])
        expected = np.stack(encoded_by_hand(made, source))
        np.testing.assert_allclose(values_TH[: len(source)], expected, rtol=1e-9)
        assert (values_TH[len(source) :] == 0).all()
        assert encoded.mask_TB[:, column].sum() == len(source)


words = st.lists(st.integers(1, VOCABULARY - 1), max_size=5).map(tuple)
some_pairs = st.lists(
    st.tuples(words.map(lambda each: (*each, END)), words.map(lambda each: (BEGIN, *each, END))),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=12)
@given(
    cell=st.sampled_from(CELLS),
    layers=st.integers(2, 3),
    pairs=some_pairs,
    fill=st.integers(0, VOCABULARY - 1),
    more=st.integers(0, 3),
)
def test_what_fills_sentences_up_changes_neither_losses_nor_gradients(
    cell: str, layers: int, pairs: list[Pair], fill: int, more: int
) -> None:
    made = translator(cell, layers=layers).train()

    whole = made.loss(side_by_side(pairs, fill=fill, more=more))
    found = torch.autograd.grad(whole.objective, [*made.parameters()])

    alone = [made.loss(side_by_side([pair])) for pair in pairs]
    objective = sum(each.objective * each.num_told for each in alone) / whole.num_told
    assert sum(each.num_told for each in alone) == whole.num_told
    torch.testing.assert_close(whole.objective, objective)
    assert isinstance(objective, Tensor)
    expected = torch.autograd.grad(objective, [*made.parameters()])
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


def test_a_cell_that_explodes_behind_a_short_sentence_leaves_it_as_it_is() -> None:
    # relu and identity have no bounds: what they make of a hundred subwords is no number any more
    torch.manual_seed(0)
    plan = RnnPlan.parse("4 units | relu | identity(0) | mean of 1")
    training = TranslationTrainingConfig(init_range=9.0)
    made = Translator(plan, num_subwords=VOCABULARY, training=training).eval()
    short, long = PAIRS[1], ((*(4, 5, 6) * 100, END), PAIRS[0][1])

    pairs = side_by_side([short, long])
    encoded = made.encode(pairs.source_TB, pairs.source_lengths_B)
    alone = made.encode(*side_by_side([short])[:2])

    assert not encoded.values_TBH[:, 1].isfinite().all()
    logits_BV, _ = made.step(torch.tensor([BEGIN, BEGIN]), made.initial_state(2), encoded)
    expected_1V, _ = made.step(torch.tensor([BEGIN]), made.initial_state(1), alone)
    torch.testing.assert_close(logits_BV[:1], expected_1V)


@pytest.mark.parametrize(
    ("plan", "weights_of", "biases"),
    [
        # of a layer that takes so many values, with 5 units: four leaves; node 0, and two more
        (NasRnnPlan(7, 5, TREE), lambda inputs: 4 * 5 * (inputs + 5), 0),
        (
            RnnPlan.parse("5 units | tanh | relu(0) | tanh(1) | mean of 2"),
            lambda inputs: 2 * 5 * (inputs + 5) + 2 * (2 * 5 * 5),
            0,
        ),
        (LstmPlan(5, 7), lambda inputs: 4 * 5 * (inputs + 5), 4 * 5),
        (GruPlan(5), lambda inputs: 3 * 5 * (inputs + 5), 3 * 5),
    ],
    ids=CELLS,
)
@pytest.mark.parametrize("layers", [2, 3])
def test_the_cost_counts_what_is_learnt_by_as_many_layers_as_the_training_says(
    plan: Plan, weights_of: Callable[[int], int], biases: int, layers: int
) -> None:
    training = TranslationTrainingConfig(layers=layers)

    found = count_translator(Translator(plan, num_subwords=11, training=training))

    # the encoder's two directions, what takes both of them, and further layers; the decoder's first
    # one, and those that take the context, too
    inputs = [5, 5, 10, *[5] * (layers - 2), 5, 10, *[10] * (layers - 2)]
    # embedding and softmax are one; what asks the attention, and what the softmax takes
    weights = 11 * 5 + sum(map(weights_of, inputs)) + 5 * 5 + 10 * 5
    assert found.num_multiply_adds == weights
    assert found.num_parameters == weights + biases * len(inputs)


def test_dropout_is_another_one_each_time_and_there_is_none_in_evaluation() -> None:
    made, pairs = translator(dropout=0.5), side_by_side(PAIRS)

    some, others = (made.train().loss(pairs).cross_entropy for _ in range(2))
    evaluated = made.eval().loss(pairs).cross_entropy

    assert some != others
    assert evaluated == translator(dropout=0.0).loss(pairs).cross_entropy


def test_the_same_seed_begins_with_the_same_weights() -> None:
    some, others = (dict(translator().named_parameters()) for _ in range(2))

    assert some.keys() == others.keys()
    assert all(torch.equal(some[name], others[name]) for name in some)
    assert max(weight.abs().max() for weight in some.values()) <= 0.8


def test_a_plan_without_a_recurrent_cell_is_no_translators() -> None:
    with pytest.raises(ArchitectureError, match="no recurrent cell in the plan plain-cnn"):
        Translator(PlainCnnPlan(), num_subwords=9, training=TranslationTrainingConfig())
