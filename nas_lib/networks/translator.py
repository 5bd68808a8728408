"""Translators: an encoder, a decoder with attention, and a softmax, with any recurrent cell.

In the manner of GNMT (Wu et al. 2016): the encoder's first layer reads the sentence in both
directions, and each layer from the third on adds what it takes to what it gives; of the decoder the
first layer's output asks the attention, whose answer all layers above it and the softmax take.
The attention is Luong's (2015) in its general form, q W v, and asked with the output after this
subword, not with the one after the last, as GNMT's: so that in training all subwords are a pass per
layer and a few products. What the softmax takes is H values again, a product of the last layer's
output and of the context. States begin at zero. Dropout is of what each layer takes and of what the
softmax takes, of each value by itself.

How many layers there are, the training's settings say; the plan gives the cell and its units.

Letters: T subwords of source or target, U of the target where both meet, B sentences side by side,
H units, S values of a decoder's state, V subwords of the vocabulary, M subwords to be told.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import TranslationTrainingConfig
from nas_lib.networks.cost import Cost
from nas_lib.networks.enas_rnn import uniform
from nas_lib.networks.recurrent import RecurrentLayer, cell_plan, recurrent_layer
from nas_lib.networks.tied_softmax import mean_cross_entropy
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
        init_range = training.init_range

        def layers(*inputs: int) -> nn.ModuleList:
            return nn.ModuleList(
                recurrent_layer(plan, each, init_range=init_range) for each in inputs
            )

        hidden = cell_plan(plan).hidden
        self._training, more = training, training.layers - 2
        self.embedding = uniform(num_subwords, hidden, init_range=init_range)
        self.both_ways = layers(hidden, hidden)  # forward, backward
        self.encoder = layers(2 * hidden, *[hidden] * more)
        self.decoder = layers(hidden, *[2 * hidden] * (more + 1))
        self.asking = uniform(hidden, hidden, init_range=init_range)  # W of the attention
        self.telling = uniform(2 * hidden, hidden, init_range=init_range)

    def encode(self, source_TB: Tensor, lengths_B: Tensor) -> Encoded:
        """Return sentences as the decoder looks at them."""
        times_T1 = torch.arange(source_TB.shape[0], device=source_TB.device)[:, None]
        mask_TB = times_T1 < lengths_B
        # Each sentence the other way round, at its own length; what fills it up stays behind it.
        order_TB = torch.where(mask_TB, lengths_B - 1 - times_T1, times_T1)
        forward, backward = self._layers(self.both_ways)
        there_TBH = self._read(forward, source_TB)
        back_TBH = _reordered(self._read(backward, source_TB.gather(0, order_TB)), order_TB)
        x_TBI = torch.cat([there_TBH, back_TBH], dim=2)
        for number, layer in enumerate(self._layers(self.encoder)):
            made_TBH, _ = layer(self._dropped(x_TBI), layer.initial_state(x_TBI))
            x_TBI = made_TBH + x_TBI if number else made_TBH
        # zeros where there is nothing, whatever a cell makes of it: the attention's weight there
        # is 0, which times infinity is none
        return Encoded(x_TBI.masked_fill(~mask_TB[..., None], 0), mask_TB)

    def initial_state(self, batch: int) -> Tensor:
        """Return the decoder's state before a sentence, zeros, `[B, S]`."""
        return self.embedding.new_zeros(batch, sum(self._state_sizes))

    def step(self, last_B: Tensor, state_BS: Tensor, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Return logits of the next subword, `[B, V]`, and the state, `[B, S]`.

        Args:
            last_B: The subword before it, at first that of the beginning.
            state_BS: Before that.
            encoded: The sentences.
        """
        outputs_1BH, state_BS = self._decode(last_B[None], state_BS, encoded)
        return F.linear(outputs_1BH[0], self.embedding), state_BS

    def loss(self, pairs: Pairs) -> TranslationLoss:
        """Return the loss of telling each subword from those before it."""
        encoded = self.encode(pairs.source_TB, pairs.source_lengths_B)
        last_TB, next_TB = pairs.target_TB[:-1], pairs.target_TB[1:]
        outputs_TBH, _ = self._decode(last_TB, self.initial_state(last_TB.shape[1]), encoded)
        times_T1 = torch.arange(len(next_TB), device=next_TB.device)[:, None]
        is_told_TB = times_T1 < pairs.target_lengths_B
        outputs_MH, next_M = outputs_TBH[is_told_TB], next_TB[is_told_TB]
        cross_entropy = mean_cross_entropy(outputs_MH, self.embedding, next_M)
        objective = cross_entropy
        if self.training:
            objective = objective + self._smoothing(outputs_MH, next_M)
        return TranslationLoss(objective, cross_entropy, is_told_TB.sum())

    def _read(self, layer: RecurrentLayer, source_TB: Tensor) -> Tensor:
        x_TBH = self._dropped(F.embedding(source_TB, self.embedding))
        outputs_TBH: Tensor = layer(x_TBH, layer.initial_state(x_TBH))[0]
        return outputs_TBH

    def _decode(self, last_TB: Tensor, state_BS: Tensor, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Return what the softmax takes after each subword, `[T, B, H]`, and the state."""
        befores = torch.split(state_BS, self._state_sizes, dim=1)
        first, *above = self._layers(self.decoder)
        x_TBH, after = first(self._dropped(F.embedding(last_TB, self.embedding)), befores[0])
        context_TBH, afters = self._attended(x_TBH, encoded), [after]
        for number, (layer, before) in enumerate(zip(above, befores[1:], strict=True)):
            taken_TBI = self._dropped(torch.cat([x_TBH, context_TBH], dim=2))
            made_TBH, after = layer(taken_TBI, before)
            x_TBH = made_TBH + x_TBH if number else made_TBH
            afters.append(after)
        told_TBH = torch.cat([x_TBH, context_TBH], dim=2) @ self.telling
        return self._dropped(told_TBH), torch.cat(afters, dim=1)

    def _attended(self, asking_UBH: Tensor, encoded: Encoded) -> Tensor:
        """Return the context of each subword, `[U, B, H]`: a mean of what was read."""
        values_BTH = encoded.values_TBH.transpose(0, 1)
        asking_BUH = (asking_UBH @ self.asking).transpose(0, 1)
        scores_BUT = torch.bmm(asking_BUH, values_BTH.transpose(1, 2))
        is_empty_B1T = ~encoded.mask_TB.t()[:, None]
        weights_BUT = scores_BUT.masked_fill(is_empty_B1T, -torch.inf).softmax(dim=2)
        return torch.bmm(weights_BUT, values_BTH).transpose(0, 1)

    def _smoothing(self, outputs_MH: Tensor, next_M: Tensor) -> Tensor:
        """Return what smoothed targets add to the cross-entropy.

        That of a share e of equal parts and 1 - e of the target is log sum exp x - (1 - e) x_target
        - e mean x: e (x_target - mean x) more. Logits of all subwords, which are many, are not
        needed for that: their mean is the product with the embeddings' mean.
        """
        above_mean_MH = F.embedding(next_M, self.embedding) - self.embedding.mean(dim=0)
        return self._training.label_smoothing * (outputs_MH * above_mean_MH).sum(dim=1).mean()

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self._training.dropout, training=self.training)

    @staticmethod
    def _layers(of: nn.ModuleList) -> list[RecurrentLayer]:
        return cast(list[RecurrentLayer], [*of])

    @property
    def _state_sizes(self) -> list[int]:
        return [layer.state_size for layer in self._layers(self.decoder)]


def count_translator(translator: Translator) -> Cost:
    """Return the cost of a translator: multiply-adds of reading a subword and of telling one.

    The attention's own are not among them, as they depend on the sentence's length; the softmax's
    are.
    """
    weights = list(translator.parameters())
    return Cost(
        num_parameters=sum(weight.numel() for weight in weights),
        # each matrix is multiplied by a vector, once; a bias by nothing
        num_multiply_adds=sum(weight.numel() for weight in weights if weight.dim() > 1),
    )


def _reordered(x_TBH: Tensor, order_TB: Tensor) -> Tensor:
    """Return what each sentence has at other times: row by row, as single values take longer."""
    batch = x_TBH.shape[1]
    rows_TB = order_TB * batch + torch.arange(batch, device=order_TB.device)
    return x_TBH.flatten(0, 1).index_select(0, rows_TB.flatten()).view_as(x_TBH)
