"""Attention of a decision over anchors: v^T tanh(W_prev h_anchor + W_curr h).

Both papers have it (Zoph & Le 2017, section 3.3; Pham et al. 2018, section 2.1).

Letters in names: B architectures, H hidden units, N decisions of a kind, P pairs of a decision and
an anchor that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """The three matrices that all decisions of a kind share."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.previous = nn.Linear(hidden_size, hidden_size, bias=False)  # W_prev
        self.current = nn.Linear(hidden_size, hidden_size, bias=False)  # W_curr
        self.weigh = nn.Linear(hidden_size, 1, bias=False)  # v

    def logits(self, previous: Tensor, current: Tensor) -> Tensor:
        """Return the logits `[...]` of pairs, from W_prev h_anchor and W_curr h, `[..., H]`."""
        weighed: Tensor = self.weigh((previous + current).tanh())
        return weighed.squeeze(-1)

    def logits_of_pairs(self, hidden_NBH: Tensor, seen: Sequence[Sequence[int]]) -> Tensor:
        """Return the logits `[P, B]` of decisions over the anchors that each one sees.

        Args:
            hidden_NBH: The states of all decisions of the kind, anchors among them.
            seen: The numbers of the anchors that each one sees.
        """
        # One product per state, however many pairs it is in.
        deciding_P = [number for number, anchors in enumerate(seen) for _ in anchors]
        earlier_P = [anchor for anchors in seen for anchor in anchors]
        return self.logits(
            self.previous(hidden_NBH).index_select(0, torch.tensor(earlier_P, dtype=torch.int64)),
            self.current(hidden_NBH).index_select(0, torch.tensor(deciding_P, dtype=torch.int64)),
        )
