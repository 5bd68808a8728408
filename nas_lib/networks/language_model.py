"""Language models: embedding, recurrent network, and a softmax.

As ENAS's code for language models trains them. Dropout is variational: in each mini-batch every
mask is drawn once and serves all words of the piece. There are five: of whole words of the
vocabulary, of embeddings' units, of what the cell takes from the word (on top of the former), of
what its nodes take from each other, and of what the softmax takes. What is penalised beside the
cross-entropy is the output before that last dropout (Merity et al. 2017, "Revisiting activation
regularization for language RNNs").

Letters: T words of a piece, B pieces side by side, H units, S values of a state, V words of the
vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import TextTrainingConfig
from nas_lib.errors import ArchitectureError
from nas_lib.named_objects import imported
from nas_lib.networks.cost import Cost
from nas_lib.networks.enas_rnn import Cell, initial_weights, uniform
from nas_lib.networks.tied_softmax import mean_cross_entropy
from nas_lib.spaces import Plan, RnnPlan


class LanguageLoss(NamedTuple):
    """What a piece of text comes to.

    Attributes:
        objective: What training minimises, a scalar; in evaluation the cross-entropy alone.
        cross_entropy: Mean over all words in nats, a scalar.
        state_BH: After the last word, `[B, S]`; no gradient goes through it.
    """

    objective: Tensor
    cross_entropy: Tensor
    state_BH: Tensor  # noqa: N815


class WordNetwork(nn.Module):
    """What language models have in common, whether they share weights or not."""

    def __init__(self, *, hidden: int, num_words: int, training: TextTrainingConfig) -> None:
        super().__init__()
        self._training = training
        self.embedding = uniform(num_words, hidden, init_range=training.init_range)  # [V, H]
        self.untied = (
            None if training.tied else uniform(num_words, hidden, init_range=training.init_range)
        )

    @property
    def softmax_VH(self) -> Tensor:  # noqa: N802
        """Weights of the softmax, `[V, H]`, which has no bias: of its own, or the embedding's.

        Tied ones are better for most texts (Press & Wolf 2017; Inan et al. 2017).
        """
        return self.embedding if self.untied is None else self.untied

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before a text: zeros, `[B, H]`."""
        return self.embedding.new_zeros(batch, self.embedding.shape[1])

    def words(self, inputs_TB: Tensor) -> Tensor:
        """Return what the network takes from each word, `[T, B, H]`."""
        training = self._training
        x_TBH = F.embedding(inputs_TB, self.embedding)
        if self.training:
            # A word is dropped or kept wherever it stands (Gal & Ghahramani 2016).
            words_V1 = self.mask(training.word_dropout, len(self.embedding), 1)
            if words_V1 is not None:
                x_TBH = x_TBH * F.embedding(inputs_TB, words_V1)
            # [B, H] each, one mask for all words T of the piece
            for rate in (training.embedding_dropout, training.input_dropout):
                x_TBH = masked(x_TBH, self.mask(rate, *x_TBH.shape[1:]))
        return x_TBH

    def between(self, x_TBH: Tensor) -> Tensor:
        """Return what a layer takes from the one below it."""
        return masked(x_TBH, self.mask(self._training.input_dropout, *x_TBH.shape[1:]))

    def cell_outputs(self, cell: Cell, inputs_TB: Tensor, state_BH: Tensor) -> Tensor:
        """Return the state after each word, `[T, B, H]`."""
        x_TBH = self.words(inputs_TB)
        # Of the state, too, the same units at all words: a new mask each would wash it out.
        keep_BH = self.mask(self._training.state_dropout, *x_TBH.shape[1:])
        return cell.outputs(x_TBH, state_BH, keep_BH)

    def loss_of(self, outputs_TBH: Tensor, targets_TB: Tensor, state_BH: Tensor) -> LanguageLoss:
        """Return the loss of predicting each word's successor.

        Args:
            outputs_TBH: Of the network, after each word.
            targets_TB: The words that follow.
            state_BH: After the last word.
        """
        # What is carried on is as the network made it: only the softmax sees less.
        softened_TBH = masked(
            outputs_TBH, self.mask(self._training.output_dropout, *outputs_TBH.shape[1:])
        )
        cross_entropy = mean_cross_entropy(
            softened_TBH.flatten(0, 1),  # M = T x B predictions
            self.softmax_VH,
            targets_TB.flatten(),
        )
        objective = cross_entropy
        if self.training:
            objective = objective + self._penalties(outputs_TBH)
        # detached: truncated backpropagation, pieces of `bptt` words
        return LanguageLoss(objective, cross_entropy, state_BH.detach())

    def mask(self, rate: float, rows: int, columns: int) -> Tensor | None:
        """Return what to multiply with, 0 or 1 / (1 - rate); None for nothing."""
        if not self.training or not rate:
            return None
        return self.embedding.new_empty(rows, columns).bernoulli_(1 - rate).div_(1 - rate)

    def _penalties(self, outputs_TBH: Tensor) -> Tensor:
        training = self._training
        penalty = outputs_TBH.new_zeros(())
        if training.activation_weight:  # Merity's AR, alpha
            penalty = penalty + training.activation_weight * outputs_TBH.square().mean()
        if training.slowness_weight and len(outputs_TBH) > 1:
            changes_TBH = outputs_TBH[1:] - outputs_TBH[:-1]  # TAR, beta; T - 1 of them
            penalty = penalty + training.slowness_weight * changes_TBH.square().mean()
        return penalty


class LanguageModel(WordNetwork, ABC):
    """A language model with weights of its own: what is trained from scratch."""

    @abstractmethod
    def forward(self, inputs_TB: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the softmax takes after each word, `[T, B, H]`, and the state, `[B, S]`.

        Args:
            inputs_TB: Indices of words.
            state_BS: Before the first; what is returned is that after the last.
        """

    def loss(self, inputs_TB: Tensor, targets_TB: Tensor, state_BS: Tensor) -> LanguageLoss:
        """Return the loss of predicting each word's successor.

        Args:
            inputs_TB: Indices of words, `[T, B]`.
            targets_TB: Those that follow them.
            state_BS: Before the first word, `[B, S]`.
        """
        outputs_TBH, state_BS = self(inputs_TB, state_BS)
        return self.loss_of(outputs_TBH, targets_TB, state_BS)


class CellModel(LanguageModel):
    """A language model with a cell of the enas-rnn space."""

    def __init__(self, plan: RnnPlan, *, num_words: int, training: TextTrainingConfig) -> None:
        super().__init__(hidden=plan.hidden, num_words=num_words, training=training)
        self.plan = plan
        self.weights = initial_weights(plan, plan.hidden, init_range=training.init_range)

    def forward(self, inputs_TB: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state after each word, `[T, B, H]`, and after the last, `[B, H]`."""
        outputs_TBH = self.cell_outputs(Cell(self.plan, tuple(self.weights)), inputs_TB, state_BS)
        return outputs_TBH, outputs_TBH[-1]


def build_language_model(
    plan: Plan, *, num_words: int, training: TextTrainingConfig
) -> LanguageModel:
    """Return the language model of a plan.

    Its initial weights come from torch's global generator, and so does its dropout; seed that.

    Args:
        plan: What to build; it names its network.
        num_words: Words of the vocabulary.
        training: How it is initialised, and what it does only in training.

    Raises:
        ArchitectureError: Its networks are none for text.
    """
    kind = imported(plan.network)
    if not issubclass(kind, LanguageModel):
        raise ArchitectureError(f"{kind.__name__} is no language model, got the plan {plan}")
    model: LanguageModel = kind(plan, num_words=num_words, training=training)
    return model


def count_language_model(model: LanguageModel) -> Cost:
    """Return the cost of a language model: multiply-adds for one word, softmax included."""
    weights = list(model.parameters())
    # each matrix is multiplied by a vector, once; a bias by nothing, and of an embedding that is
    # not the softmax's, a row is taken
    multiplied = [weight for weight in weights if weight.dim() > 1]
    looked_up = 0 if model.untied is None else model.embedding.numel()
    return Cost(
        num_parameters=sum(weight.numel() for weight in weights),
        num_multiply_adds=sum(weight.numel() for weight in multiplied) - looked_up,
    )


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the product; of no mask all."""
    return x if mask is None else x * mask
