"""What the policy holds for each kind of decision: its parameters and its distribution.

All decisions of one kind share these (Zoph & Le 2017, sections 3.1 and 3.3).

Letters in names: N decisions of the kind, B architectures, X tokens of each (zeros pad where a
decision has fewer), H hidden units, O options of a choice, P pairs of an anchor and an earlier one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChoiceKind(nn.Module):
    """A softmax over options."""

    def __init__(self, num_options: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_options, hidden_size)
        self.head = nn.Linear(hidden_size, num_options)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the row of the chosen option."""
        return F.embedding(tokens.squeeze(-1), self.embedding.weight)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the options' logits `[..., O]`."""
        logits: Tensor = self.head(hidden)
        return logits

    def draw(self, logits_BO: Tensor, uniform_B1: Tensor) -> Tensor:
        """Count the options whose share of [0, 1) ends at or below the uniform number."""
        ends_BO = logits_BO.softmax(-1).cumsum(-1)
        # The last share ends at 1, whatever rounding makes of the sum.
        return (ends_BO[:, :-1] <= uniform_B1).sum(-1, keepdim=True)

    def score(self, hidden_NBH: Tensor, tokens_NB1: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy of the softmaxes."""
        log_prob_NBO = F.log_softmax(self.logits(hidden_NBH), dim=-1)
        log_prob_B = log_prob_NBO.gather(-1, tokens_NB1).sum((0, 2))
        entropy_B = -(log_prob_NBO.exp() * log_prob_NBO).sum((0, 2))
        return log_prob_B, entropy_B


class SubsetKind(nn.Module):
    """Set-selection attention: P(anchor j is in) = sigmoid(v^T tanh(W_prev h_j + W_curr h_i)).

    h_i is the hidden state at the anchor that decides, h_j the one at an earlier anchor.
    """

    def __init__(self, num_anchors: int, hidden_size: int) -> None:
        super().__init__()
        self.decided = nn.Parameter(torch.empty(hidden_size))
        self.embedding = nn.Embedding(num_anchors, hidden_size)
        self.previous = nn.Linear(hidden_size, hidden_size, bias=False)  # W_prev
        self.current = nn.Linear(hidden_size, hidden_size, bias=False)  # W_curr
        self.weigh = nn.Linear(hidden_size, 1, bias=False)  # v

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the mean row of the chosen anchors, plus `decided`, so empty sets count too."""
        rows_XH = self.embedding.weight[: tokens.shape[-1]]
        chosen = tokens.to(rows_XH.dtype)
        mean = (chosen @ rows_XH) / chosen.sum(-1, keepdim=True).clamp(min=1)
        return self.decided + mean

    def logits(self, previous: Tensor, current: Tensor) -> Tensor:
        """Return the logits `[...]` of pairs, from W_prev h_j and W_curr h_i, `[..., H]`."""
        weighed: Tensor = self.weigh((previous + current).tanh())
        return weighed.squeeze(-1)

    def draw(self, logits_BX: Tensor, uniform_BX: Tensor) -> Tensor:
        """Draw each bit by itself."""
        return (uniform_BX < logits_BX.sigmoid()).long()

    def score(self, hidden_NBH: Tensor, tokens_NBX: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy of the Bernoullis."""
        num_decisions = len(hidden_NBH)
        deciding_P, earlier_P = torch.tril_indices(num_decisions, num_decisions, offset=-1)
        logits_PB = self.logits(
            self.previous(hidden_NBH).index_select(0, earlier_P),
            self.current(hidden_NBH).index_select(0, deciding_P),
        )
        bits_PB = tokens_NBX[deciding_P, :, earlier_P]
        # With P(1) = sigmoid(x): log P(0) = -softplus(x), and log P(1) = x - softplus(x).
        softplus_PB = F.softplus(logits_PB)
        log_prob_B = (bits_PB * logits_PB - softplus_PB).sum(0)
        entropy_B = (softplus_PB - logits_PB.sigmoid() * logits_PB).sum(0)
        return log_prob_B, entropy_B
