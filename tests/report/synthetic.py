"""Searches that nobody ran: made up, seeded, and as varied as a report must bear."""

from __future__ import annotations

import random

from nas_lib.architecture import Architecture
from nas_lib.config import (
    ChildrenConfig,
    CnnSpaceConfig,
    DepthConfig,
    LoopConfig,
    RandomConfig,
    ReinforceConfig,
    SearchConfig,
)
from nas_lib.records import ChildId, ChildRow, Learned, Status
from nas_lib.report import SearchView
from nas_lib.spaces import CnnSpace
from nas_lib.spaces.decisions import Choice

START_S = 1_750_000_000.0


def row(
    number: int,
    score: float | None = 0.5,
    *,
    status: Status = "ok",
    reward: float | None = None,
    parameters: int | None = 1000,
    config: str = "conv 3x3x24/1x1 <- image",
    space: str = "cnn",
    per_round: int = 4,
    message: str = "",
) -> ChildRow:
    """Return the child of this number; its reward is its score unless another is given."""
    failed = status != "ok"
    return ChildRow(
        id=str(ChildId(0, number // per_round, number % per_round)),
        architecture=Architecture(space, (), config),
        status=status,
        reward=reward if reward is not None else 0.0 if failed else score or 0.0,
        score=None if failed else score,
        num_parameters=parameters,
        num_multiply_adds=None if failed else 100_000,
        seconds=2.0,
        message=message,
    )


def random_architecture(rng: random.Random, num_layers: int) -> Architecture:
    """Return a network whose layers take three in ten of those before them."""
    space = CnnSpace(CnnSpaceConfig(depth=DepthConfig(start=num_layers, max=max(20, num_layers))))
    tokens: list[int] = []
    for decision in space.decisions(num_layers):
        if isinstance(decision, Choice):
            tokens.append(rng.randrange(decision.num_options))
        else:
            tokens.extend(rng.random() < 0.3 for _ in range(decision.num_tokens))
    return space.decode([int(token) for token in tokens])


def search_view(
    num_children: int = 60,
    *,
    name: str = "digits",
    seed: int = 0,
    num_layers: int = 6,
    grows: bool = False,
    controller: str = "reinforce",
    finished: bool = True,
    max_children: int | None = None,
) -> SearchView:
    """Return a search in which every twentieth child fails, in turn in each possible way."""
    rng = random.Random(f"{seed} {controller}")
    skill = 0.0 if controller == "random" else 1.0
    rows = []
    for number in range(num_children):
        progress = number / num_children
        layers = num_layers + 2 * int(3 * progress) if grows else num_layers
        score = min(0.995, 0.88 + 0.05 * skill * progress + rng.gauss(0, 0.02))
        status = _status(number)
        rows.append(
            ChildRow(
                id=str(ChildId(0, number // 4, number % 4)),
                architecture=random_architecture(rng, layers),
                status=status,
                reward=score**3 if status == "ok" else 0.0,
                score=score if status == "ok" else None,
                num_parameters=rng.randrange(20_000, 900_000),
                num_multiply_adds=rng.randrange(2_000_000, 60_000_000),
                seconds=rng.uniform(2, 9),
                message=_MESSAGES[status],
            )
        )
    return SearchView(
        uri=f"runs/{name}",
        config=SearchConfig(
            name=name,
            seed=seed,
            controller=RandomConfig() if controller == "random" else ReinforceConfig(),
            children=ChildrenConfig(epochs=8),
            search=LoopConfig(max_children=max_children or num_children, children_per_round=4),
        ),
        rows=tuple(rows),
        learned=tuple(_learned(rows)),
        finished=finished,
    )


_MESSAGES: dict[Status, str] = {
    "ok": "",
    "crashed": "3 attempts made no new checkpoint",
    "diverged": "the loss was not finite in epoch 1",
    "out_of_memory": "it needed more than its 1,024 MiB",
    "missing": "no result by the round's deadline",
}


def _status(number: int) -> Status:
    failures: tuple[Status, ...] = ("crashed", "diverged", "out_of_memory", "missing")
    return failures[number // 20 % 4] if number % 20 == 19 else "ok"


def _learned(rows: list[ChildRow]) -> list[Learned]:
    baseline = rows[0].reward if rows else 0.0
    learned = []
    for number in range(len(rows) // 4):
        rewards = [row.reward for row in rows[4 * number : 4 * number + 4] if row.counts]
        mean = sum(rewards) / len(rewards)
        baseline = 0.9 * baseline + 0.1 * mean
        learned.append(
            Learned(
                replica=0,
                round=number,
                run="run-1",
                versions=(number + 1,),
                staleness=(0,),
                entropy=8.0 - 3.0 * number / len(rows),
                baseline=baseline,
                mean_reward=mean,
                created_s=START_S + 10.0 * number,
            )
        )
    return learned
