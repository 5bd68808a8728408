"""PolicyController: a policy that proposes, and a learner that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from nas_lib.controllers.one_thread import one_thread
from nas_lib.controllers.policy import Policy, load, sample
from nas_lib.controllers.state import (
    Lesson,
    Shard,
    State,
    Vector,
    array_misfit,
    join,
    slice_misfit,
    split,
)
from nas_lib.spaces.decisions import Decision


class Learner(Protocol):
    """Turns the results of a round into an update of any policy's parameters."""

    def first_state(self, values_N: Vector) -> State:
        """Return what a new shard remembers besides its slice of the parameters."""
        ...

    def lesson(
        self,
        policy: Policy,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens_BW: Tensor,
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return what the children teach.

        Args:
            policy: With the parameters of `shards`. It is a workspace: a learner of several epochs
                may change them as it goes, as nobody relies on them afterwards.
            shards: Whose state says what was known when the children were proposed.
            decisions: What the tokens answer.
            tokens_BW: The tokens W of each child B, int64.
            rewards: One per child; None for one that does not count.
        """
        ...

    def apply(self, shard: Shard, lesson: Lesson) -> Shard:
        """Return a shard after a lesson; that it has had it is noted already."""
        ...

    def misfit(self, shard: Shard) -> str:
        """Say why a stored shard's state cannot be this learner's; empty if it can."""
        ...

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Say why a stored lesson's arrays cannot be this learner's; empty if they can."""
        ...

    def metrics(self, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what the learner itself keeps, by name."""
        ...


class PolicyController:
    """A controller that works with torch.

    Args:
        policy: Whose parameters these are; each call overwrites them.
        learner: What makes it better.
    """

    learns = True

    def __init__(self, policy: Policy, learner: Learner) -> None:
        self._policy, self._learner = policy, learner
        self.num_parameters = sum(parameter.numel() for parameter in policy.parameters())

    def init(self, *, seed: int, num_shards: int) -> tuple[Shard, ...]:
        """Return parameters that are uniform in +- the policy's `init_range`."""
        limit = self._policy.init_range
        # Of numpy, as everything random here: its streams are the same on every machine. All at
        # once, so that they are the same for any number of shards.
        values_P = np.random.default_rng(seed).uniform(-limit, limit, self.num_parameters)
        first_state = self._learner.first_state
        return split(values_P.astype(np.float32), num_shards, first_state=first_state)

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: int
    ) -> list[tuple[int, ...]]:
        """Return draws from the policy."""
        with one_thread():
            load(self._policy, join(shards))
            rng = np.random.default_rng(seed)
            tokens_BW = sample(self._policy, decisions, num=num, rng=rng)
        return [tuple(row) for row in tokens_BW.tolist()]

    def lesson(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return what the learner makes of the children."""
        with one_thread():
            load(self._policy, join(shards))
            tokens_BW = torch.from_numpy(np.array(tokens, dtype=np.int64))  # torch.tensor is slow
            return self._learner.lesson(
                self._policy, shards, decisions=decisions, tokens_BW=tokens_BW, rewards=rewards
            )

    def apply(self, shard: Shard, lesson: Lesson, *, replica: int, round: int) -> Shard:
        """Note the round, and let the learner change the shard."""
        if shard.has_applied(replica, round):  # pushed before, by a run that did not get to say so
            return shard
        return self._learner.apply(shard.with_applied(replica, round), lesson)

    def misfit(self, shard: Shard, *, num_shards: int) -> str:
        """Look at its slice of the parameters, and let the learner look at its state."""
        wrong = slice_misfit(shard, num_parameters=self.num_parameters, num_shards=num_shards)
        return wrong or self._learner.misfit(shard)

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Look at what each parameter is told, and let the learner look at the rest."""
        wrong = array_misfit("values", lesson.values, self.num_parameters)
        return wrong or self._learner.lesson_misfit(lesson)

    def metrics(self, lesson: Lesson, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what the lesson says, and what the learner keeps."""
        return {**lesson.metrics, **self._learner.metrics(shards)}
