"""What the decisions of ENAS's policy see of anchors, and where its LSTM takes steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from nas_lib.controllers.layout import anchors_seen, group_by_kind
from nas_lib.spaces.decisions import Anchor, Decision


@dataclass(frozen=True, eq=False)
class View:
    """What a decision sees: the anchors that it chooses from, the oldest first.

    Attributes:
        anchors: Their numbers, among all decisions.
        distances: How far back each one lies, 1 for the newest, `[X, 1]`.
        given: Those whose state is the next input once they are chosen, as tokens, `[X, 1]`.
        steps: The LSTM's steps at these.
    """

    anchors: Sequence[int]
    distances: Tensor
    given: Tensor
    steps: Sequence[int]


def views_of(decisions: Sequence[Decision]) -> list[View]:
    """Return what each decision sees."""
    steps = [
        step if _gives_state(decision) else None
        for step, decision in zip(lstm_steps(decisions), decisions, strict=True)
    ]
    return [_view(anchors, steps) for anchors in anchors_seen(group_by_kind(decisions))]


def lstm_steps(decisions: Sequence[Decision]) -> list[int | None]:
    """Return the number of the LSTM's step at every decision, None where it takes none."""
    numbers = count()
    return [next(numbers) if takes_step(decision) else None for decision in decisions]


def takes_step(decision: Decision) -> bool:
    """Say whether the LSTM takes a step at a decision."""
    return not isinstance(decision, Anchor) or decision.gives != "nothing"


def _gives_state(decision: Decision) -> bool:
    return not isinstance(decision, Anchor) or decision.gives == "state"


def _view(anchors: Sequence[int], steps: Sequence[int | None]) -> View:
    given = {token: steps[anchor] for token, anchor in enumerate(anchors)}
    given_steps = {token: step for token, step in given.items() if step is not None}
    return View(
        anchors,
        distances=torch.arange(len(anchors), 0, -1)[:, None],
        given=torch.tensor([*given_steps], dtype=torch.int64)[:, None],
        steps=[*given_steps.values()],
    )
