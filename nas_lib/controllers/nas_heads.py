"""Heads of the policy of NAS: of each kind of decision its parameters and its distribution.

All decisions of one kind share a head (Zoph & Le 2017, sections 3.1 and 3.3). Their paper has no
pointers; they are here so that this policy serves every space.

Letters in names: N decisions of the kind, B architectures, X tokens of each (zeros pad where a
decision has fewer), H hidden units, R rows of a head, O options of a choice, P pairs of a decision
and an anchor that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.controllers.attention import Attention
from nas_lib.controllers.distributions import pad_options, score_bits, score_options
from nas_lib.controllers.layout import num_seen
from nas_lib.spaces.decisions import Choice, Decision, Subset

Seen = Sequence[Sequence[int]]
"""Which decisions of the kind, by number, each one chooses from."""


class ChoiceHead(nn.Module):
    """A softmax over options."""

    def __init__(self, num_options: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_options, hidden_size)  # the input of the next step
        self.head = nn.Linear(hidden_size, num_options)

    @property
    def rows(self) -> Tensor:
        """What inputs of the next step are made of, `[R, H]`."""
        return self.embedding.weight

    def weigh(self, tokens: Tensor) -> Tensor:
        """Return 1 for the row of the chosen option, `[..., R]`."""
        return _one_of(self.rows, tokens)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the options' logits `[..., O]`."""
        logits: Tensor = self.head(hidden)
        return logits

    def score(self, hidden_NBH: Tensor, tokens_NB1: Tensor, seen: Seen) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy of the softmaxes."""
        return score_options(self.logits(hidden_NBH), tokens_NB1)


class SubsetHead(nn.Module):
    """Set-selection attention: anchor j is in with the sigmoid of its attention logit."""

    def __init__(self, num_anchors: int, hidden_size: int) -> None:
        super().__init__()
        # The paper does not say what comes into the LSTM after an anchor point. Learned rows depend
        # on tokens only, so that known ones are scored in one pass.
        self.decided = nn.Parameter(torch.empty(hidden_size))
        self.embedding = nn.Embedding(num_anchors, hidden_size)
        self.attention = Attention(hidden_size)

    @property
    def rows(self) -> Tensor:
        """What inputs of the next step are made of, `[R, H]`."""
        return torch.cat([self.decided[None], self.embedding.weight])

    def weigh(self, tokens: Tensor) -> Tensor:
        """Return `[..., R]` of `decided`, so empty sets count too, and the mean chosen anchor."""
        chosen = tokens.to(self.decided.dtype)
        mean = chosen / chosen.sum(-1, keepdim=True).clamp(min=1)
        unseen = self.embedding.num_embeddings - tokens.shape[-1]  # X grows along a rollout
        return F.pad(F.pad(mean, (1, 0), value=1.0), (0, unseen))

    def score(self, hidden_NBH: Tensor, tokens_NBX: Tensor, seen: Seen) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy of the Bernoullis."""
        # Each sees all before it, so pairs are in the order in which their tokens stand.
        logits_PB = self.attention.logits_of_pairs(hidden_NBH, seen)
        # Below the diagonal of [N, N], row by row: decision i, and its token on each j < i.
        deciding_P, earlier_P = torch.tril_indices(len(seen), len(seen), offset=-1)
        return score_bits(logits_PB, tokens_NBX[deciding_P, :, earlier_P])


class PointerHead(nn.Module):
    """A softmax over the attention logits of the anchors that a pointer sees.

    Args:
        members: The kind's pointers and anchors, at the space's greatest depth.
        hidden_size: Units of the state.
    """

    def __init__(self, members: Sequence[Decision], hidden_size: int) -> None:
        super().__init__()
        # As many rows as the widest pointer has options, and one for anchors, which have none.
        self.embedding = nn.Embedding(max(1, *map(num_seen, members)), hidden_size)
        self.attention = Attention(hidden_size)

    @property
    def rows(self) -> Tensor:
        """What inputs of the next step are made of, `[R, H]`."""
        return self.embedding.weight

    def weigh(self, tokens: Tensor) -> Tensor:
        """Return `[..., R]` of what was pointed at; an anchor counts as if that was the oldest."""
        return _one_of(self.rows, tokens if tokens.shape[-1] else F.pad(tokens, (0, 1)))

    def score(self, hidden_NBH: Tensor, tokens_NBX: Tensor, seen: Seen) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy of the softmaxes."""
        pointers = [number for number, anchors in enumerate(seen) if anchors]  # no mere anchors
        if not pointers:
            nothing_B = hidden_NBH.new_zeros(hidden_NBH.shape[1])
            return nothing_B, nothing_B
        logits_PB = self.attention.logits_of_pairs(hidden_NBH, seen)
        logits_NBO = pad_options(logits_PB, [len(seen[number]) for number in pointers])
        return score_options(logits_NBO, tokens_NBX[pointers])


Head = ChoiceHead | SubsetHead | PointerHead


def build_head(members: Sequence[Decision], hidden_size: int) -> Head:
    """Return what the decisions of one kind share."""
    first = members[0]
    if isinstance(first, Choice):
        return ChoiceHead(first.num_options, hidden_size)
    if isinstance(first, Subset):
        return SubsetHead(len(members) - 1, hidden_size)  # nobody can point at the last one
    return PointerHead(members, hidden_size)


def _one_of(rows_RH: Tensor, tokens: Tensor) -> Tensor:
    # Each token's row of the identity; F.one_hot looks at all tokens first, which takes longer.
    return F.embedding(tokens.squeeze(-1), torch.eye(len(rows_RH)))
