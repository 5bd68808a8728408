"""Translators: an encoder, a decoder with attention, and a softmax, with any recurrent cell.

In the manner of GNMT (Wu et al. 2016): the encoder's first layer reads the sentence in both
directions, and each layer from the third on adds what it takes to what it gives; of the decoder the
first layer's output asks the attention, whose answer all layers above it and the softmax take.

Letters: T subwords of source or target, B sentences side by side, H units, S values of a decoder's
state, V subwords of the vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from nas_lib.config import TranslationTrainingConfig
from nas_lib.networks.cost import Cost
from nas_lib.spaces import Plan


class Pairs(NamedTuple):
    """Sentences side by side, filled up to the longest; what with has no meaning.

    Attributes:
        source_TB: Subwords, int64, the end among them.
        source_lengths_B: How many of them each sentence has.
        target_TB: Of the translations, with the beginning and the end: int64, `[T + 1, B]`.
        target_lengths_B: How many of them are to be told, the end among them.
    """

    source_TB: Tensor  # noqa: N815
    source_lengths_B: Tensor  # noqa: N815
    target_TB: Tensor  # noqa: N815
    target_lengths_B: Tensor  # noqa: N815


class TranslationLoss(NamedTuple):
    """What some pairs come to.

    Attributes:
        objective: What training minimises, a scalar: with smoothed targets; in evaluation the
            cross-entropy.
        cross_entropy: Mean over all subwords to be told, in nats, a scalar.
        num_told: How many these are, a scalar.
    """

    objective: Tensor
    cross_entropy: Tensor
    num_told: Tensor


class Encoded(NamedTuple):
    """Sentences as the decoder looks at them.

    Attributes:
        values_TBH: After each subword.
        mask_TB: True where there is one.
    """

    values_TBH: Tensor  # noqa: N815
    mask_TB: Tensor  # noqa: N815


class Translator(nn.Module):
    """An encoder-decoder of one cell.

    One matrix `[V, H]` embeds the subwords of both languages, and is the softmax's, too.
    What `encode` and `step` do around their layers can be traced, for sentences of any length: it
    is tensor operations alone, and no number is taken out of a tensor. Each layer is a submodule,
    and is called as one, with a sequence and a state before it.
    """

    def __init__(
        self, plan: Plan, *, num_subwords: int, training: TranslationTrainingConfig
    ) -> None:
        """Make one with first weights from torch's global generator.

        Raises:
            ArchitectureError: There is no recurrent cell in the plan.
        """
        super().__init__()
        raise NotImplementedError

    def encode(self, source_TB: Tensor, lengths_B: Tensor) -> Encoded:
        """Return sentences as the decoder looks at them."""
        raise NotImplementedError

    def initial_state(self, batch: int) -> Tensor:
        """Return the decoder's state before a sentence, `[B, S]`."""
        raise NotImplementedError

    def step(self, last_B: Tensor, state_BS: Tensor, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Return logits of the next subword, `[B, V]`, and the state, `[B, S]`.

        Args:
            last_B: The subword before it, at first that of the beginning.
            state_BS: Before that.
            encoded: The sentences.
        """
        raise NotImplementedError

    def loss(self, pairs: Pairs) -> TranslationLoss:
        """Return the loss of telling each subword from those before it."""
        raise NotImplementedError


def count_translator(translator: Translator) -> Cost:
    """Return the cost of a translator: multiply-adds of reading a subword and of telling one.

    The attention's are not among them, as they depend on the sentence's length; the softmax's are.
    """
    raise NotImplementedError
