"""A controller that remembers results: to rank rewards by, and not to propose anything again.

It stands around another one, which proposes and learns; results are beside what that keeps.

Letters in names: C proposals or children, N results, W tokens of an architecture at the greatest
depth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nas_lib.config import PolicyGradientPart
from nas_lib.controllers.controller import Controller
from nas_lib.controllers.memory import NO_TOKEN, Memory, Rewards, Tokens, results_of
from nas_lib.controllers.mutation import Limits, keys, mutated, token_limits
from nas_lib.controllers.state import Lesson, Shard, mean_reward
from nas_lib.spaces.decisions import Decision, num_tokens

_NAMES = frozenset({"tokens", "rewards", "num_results"})
"""Of what a `Memory` keeps in a shard."""

_TRIES = 1000
"""So often is a token of a proposal changed, at most, until it is a new one."""


class RememberingController:
    """Another controller that takes rewards by rank, or proposes nothing twice, or both.

    Args:
        controller: The other one.
        config: Which of it.
        decisions: Those of the space at its greatest depth.
    """

    def __init__(
        self, controller: Controller, config: PolicyGradientPart, decisions: Sequence[Decision]
    ) -> None:
        self._controller = controller
        self.num_parameters, self.learns = controller.num_parameters, controller.learns
        self._ranks, self._mutates = config.rewards == "rank", config.repeats == "mutate"
        self._num_tokens = num_tokens(decisions)

    def init(self, *, seed: int, num_shards: int) -> tuple[Shard, ...]:
        """Return the other's, and nothing remembered."""
        first, *others = self._controller.init(seed=seed, num_shards=num_shards)
        return _with_memory(first, Memory.empty(self._num_tokens)), *others

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: int
    ) -> list[tuple[int, ...]]:
        """Return what the other proposes, or what is new beside it."""
        bare = [_without_memory(shard) for shard in shards]
        tokens = self._controller.propose(bare, decisions=decisions, num=num, seed=seed)
        if not self._mutates:
            return tokens
        width = num_tokens(decisions)
        known_NW = Memory.of(shards).tokens
        is_of_depth = (known_NW != NO_TOKEN).sum(1) == width
        known_NW = known_NW[is_of_depth, :width]
        tokens_CW = np.array(tokens, np.int32).reshape(num, width)
        # of its own: the other's stream begins with the seed alone
        rng = np.random.default_rng([seed, 1])
        new_CW = without_repeats(tokens_CW, known_NW, token_limits(decisions), rng)
        return [tuple(row) for row in new_CW.tolist()]

    def lesson(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return what the other makes of the children, and the results."""
        results = results_of(tokens, rewards, num_tokens=self._num_tokens)
        earned = rewards
        if self._ranks:
            earned = earned_by_rank(rewards, before=Memory.of(shards).rewards)
        bare = [_without_memory(shard) for shard in shards]
        lesson = self._controller.lesson(bare, decisions=decisions, tokens=tokens, rewards=earned)
        metrics = {**lesson.metrics, **mean_reward(rewards)}
        return replace(lesson, metrics=metrics, arrays={**lesson.arrays, **results})

    def apply(self, shard: Shard, lesson: Lesson, *, replica: int, round: int) -> Shard:
        """Let the other change the shard, and remember the results in the first one."""
        bare = _without_memory(shard)
        after = self._controller.apply(bare, lesson, replica=replica, round=round)
        if after is bare:
            return shard
        if shard.index:
            return after
        # Those that do not count too, so that none is tried again.
        return _with_memory(after, Memory.of([shard]).after(lesson))

    def misfit(self, shard: Shard, *, num_shards: int) -> str:
        """Look at what is remembered, and let the other look at the rest."""
        wrong = "" if shard.index else _misfit(shard.state, num_tokens=self._num_tokens)
        return wrong or self._controller.misfit(_without_memory(shard), num_shards=num_shards)

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Look at the results, and let the other look at the rest."""
        found = {**lesson.arrays, "num_results": len(lesson.arrays.get("rewards", ()))}
        wrong = _misfit(found, num_tokens=self._num_tokens)
        return wrong or self._controller.lesson_misfit(lesson)

    def metrics(self, lesson: Lesson, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what the other says; its baseline is in another unit than the mean reward."""
        found = self._controller.metrics(lesson, [_without_memory(shard) for shard in shards])
        if self._ranks and "baseline" in found:
            found["baseline_by_rank"] = found.pop("baseline")
        return found


def earned_by_rank(rewards: Sequence[float | None], *, before: Rewards) -> list[float | None]:
    """Return what children earn by their rank: -log(1 - q) with the quantile q of each.

    q is the share of all results so far that are smaller, those of this round too; of equal ones,
    as each is one itself, half count. So it is at least 1 / 2N and at most 1 - 1 / 2N of N results.
    Uniform quantiles make this an exponential distribution: its mean and its standard deviation are
    1, in the unit of any task, and the best stand out from the good.

    Args:
        rewards: Of a round's children; None for one that does not count, and earns None.
        before: The results before them; nan for one that does not count.
    """
    counted = np.array([reward for reward in rewards if reward is not None], np.float64)
    results_N = np.sort(np.concatenate([before[~np.isnan(before)], counted]))
    smaller = np.searchsorted(results_N, counted, side="left")
    not_larger = np.searchsorted(results_N, counted, side="right")
    quantiles = (smaller + not_larger) / (2 * max(len(results_N), 1))
    earned = iter((-np.log1p(-quantiles)).tolist())
    return [None if reward is None else next(earned) for reward in rewards]


def without_repeats(
    tokens_CW: Tokens, known_NW: Tokens, limits_W: Limits, rng: np.random.Generator
) -> Tokens:
    """Return proposals of which each repeat is changed, token by token, until it is new.

    A repeat is one that is known, or stands earlier among the proposals. Where all architectures
    are known nothing changes; where few are not, some repeats may be left.
    """
    known = set(keys(known_NW))
    if len(known) >= math.prod(limits_W.tolist()):
        return tokens_CW
    changed_CW = tokens_CW.copy()
    for _ in range(_TRIES):
        repeats = _repeats(keys(changed_CW), known)
        if not repeats:
            break
        # Further from what came out: the neighbours of one architecture may all be known.
        changed_CW[repeats] = mutated(changed_CW[repeats], limits_W, rng)
    return changed_CW


def _repeats(proposals: Sequence[bytes], known: Collection[bytes]) -> list[int]:
    seen: set[bytes] = set()
    repeats = []
    for index, proposal in enumerate(proposals):
        if proposal in known or proposal in seen:
            repeats.append(index)
        seen.add(proposal)
    return repeats


def _with_memory(shard: Shard, memory: Memory) -> Shard:
    return replace(shard, state={**shard.state, **memory.state})


def _without_memory(shard: Shard) -> Shard:
    if shard.index:
        return shard
    own = {name: value for name, value in shard.state.items() if name not in _NAMES}
    return replace(shard, state=own)


def _misfit(found: Mapping[str, Any], *, num_tokens: int) -> str:
    """Say why these cannot be results of architectures of so many tokens."""
    if missing := _NAMES - found.keys():
        return f"expected {', '.join(sorted(missing))}, got none"
    memory = Memory(**{name: found[name] for name in _NAMES})
    if wrong := memory.misfit():
        return wrong
    width = memory.tokens.shape[1]
    return "" if width == num_tokens else f"expected {num_tokens} tokens, got {width}"
