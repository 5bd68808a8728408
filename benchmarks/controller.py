"""How fast controllers sample and learn: that of NAS, 12 layers with skip connections; and of ENAS.

A sample is `propose`; an update is `lesson` (replay, loss, backward) and `apply` (Adam). Both run
on one thread. A large part of an update is page faults: glibc gives the memory of large tensors
back to the kernel after each step. One figure shows the same with an allocator that keeps it.

The last figures are of proximal policy optimisation at NASNet's size: 20 architectures of 50
decisions are proposed, and 10 steps taken along them, by its own policy and by that of ENAS. In
NASNet all decisions are softmaxes; the last figure is of the same cells with inputs that are
pointed at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.figure import Figure
from nas_lib.config import (
    CnnSpaceConfig,
    ControllerConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasPolicyConfig,
    EnasRnnSpaceConfig,
    NasNetSpaceConfig,
    NasPolicyConfig,
    PolicyConfig,
    PpoConfig,
    ReinforceConfig,
)
from nas_lib.controllers import build_controller
from nas_lib.spaces import Anchor, Decision, Pointer, Space

NUM_LAYERS = 12  # 36 choices, and 12 subsets of together 66 bits
REPEATS = 21
BATCH = 256
MORE_BATCHES = (20, 8)  # without a target
ENAS_SPACES = {
    "macro": EnasMacroSpaceConfig(),  # 12 choices of 6, and 12 subsets of together 66 bits
    "micro": EnasMicroSpaceConfig(),  # two cells of 10 pointers and 10 choices each
    "rnn": EnasRnnSpaceConfig(nodes=12),  # 12 pointers and 12 choices
}
ENAS_HIDDEN_SIZES = (64, 100)  # of the published code, and of the paper
ENAS_BATCHES = (BATCH, 20)
PPO_BATCH = 20
PPO_POLICY = NasPolicyConfig(hidden_size=100, num_layers=1, init_range=0.1)
PPO_EPOCHS = 10
NASNET = NasNetSpaceConfig()
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": f"{2**25}", "MALLOC_TRIM_THRESHOLD_": f"{2**30}"}


def measure() -> list[Figure]:
    """Return architectures per second."""
    speed = Speed(BATCH)
    return [
        Figure(f"controller, batch {BATCH}: sampled per s", speed.sampled(), at_least=5000),
        Figure(f"controller, batch {BATCH}: updated per s", speed.updated(), at_least=2500),
        Figure(f"controller, batch {BATCH}: updated per s, memory kept", _updated_memory_kept()),
        *(figure for batch in MORE_BATCHES for figure in _without_target(batch)),
        *(figure for size in ENAS_HIDDEN_SIZES for figure in _of_enas(size)),
        *_of_several_epochs(),
    ]


class Speed:
    """Of a new controller, in architectures per second, at one batch size."""

    def __init__(
        self,
        batch: int,
        *,
        space: Space | None = None,
        controller: ControllerConfig | None = None,
    ) -> None:
        self._batch = batch
        space = space or CnnSpaceConfig().build()
        self._decisions = space.decisions(min(NUM_LAYERS, space.max_depth))
        self._controller = build_controller(controller or ReinforceConfig(), self._decisions)
        self._shards = self._controller.init(seed=0, num_shards=1)

    def sampled(self) -> float:
        """Return how many are proposed."""
        return self._batch / _median_s(self._propose)

    def updated(self) -> float:
        """Return how many are learned from."""
        tokens = self._propose()
        rewards = [sum(sequence) / 200 for sequence in tokens]

        def update() -> None:
            lesson = self._controller.lesson(
                self._shards, decisions=self._decisions, tokens=tokens, rewards=rewards
            )
            self._controller.apply(self._shards[0], lesson, replica=0, round=0)

        return self._batch / _median_s(update)

    def _propose(self) -> list[tuple[int, ...]]:
        return self._controller.propose(
            self._shards, decisions=self._decisions, num=self._batch, seed=0
        )


def _without_target(batch: int) -> Iterator[Figure]:
    speed = Speed(batch)
    yield Figure(f"controller, batch {batch}: sampled per s", speed.sampled())
    yield Figure(f"controller, batch {batch}: updated per s", speed.updated())


def _of_enas(hidden_size: int) -> Iterator[Figure]:
    config = ReinforceConfig(
        policy=EnasPolicyConfig(hidden_size=hidden_size), entropy_weight=1e-4, entropy_in="reward"
    )
    for name, space in ENAS_SPACES.items():
        for batch in ENAS_BATCHES:
            speed = Speed(batch, space=space.build(), controller=config)
            has_target = (name, hidden_size, batch) == ("macro", 64, BATCH)
            title = f"enas {name}, {hidden_size} units, batch {batch}"
            yield Figure(
                f"{title}: sampled per s", speed.sampled(), at_least=12_000 if has_target else None
            )
            yield Figure(
                f"{title}: updated per s", speed.updated(), at_least=6_000 if has_target else None
            )


def _of_several_epochs() -> Iterator[Figure]:
    name = f"ppo, {PPO_BATCH} x {PPO_EPOCHS} epochs"
    nasnet = NASNET.build().decisions(1)
    yield Figure(f"{name}, nasnet: per s", _in_epochs(nasnet), at_least=250)
    yield Figure(f"{name}, nasnet, policy of ENAS: per s", _in_epochs(nasnet, EnasPolicyConfig()))
    yield Figure(f"{name}, pointers: per s", _in_epochs(pointers()))


def _in_epochs(decisions: Sequence[Decision], policy: PolicyConfig = PPO_POLICY) -> float:
    """Return architectures per second, each proposed once and learned from in all epochs."""
    config = PpoConfig(policy=policy, learning_rate=3.5e-4, entropy_weight=1e-5, epochs=PPO_EPOCHS)
    controller = build_controller(config, decisions)
    (shard,) = controller.init(seed=0, num_shards=1)

    def learn() -> None:
        tokens = controller.propose([shard], decisions=decisions, num=PPO_BATCH, seed=0)
        rewards = [sum(sequence) / 200 for sequence in tokens]
        lesson = controller.lesson([shard], decisions=decisions, tokens=tokens, rewards=rewards)
        controller.apply(shard, lesson, replica=0, round=0)

    return PPO_BATCH / _median_s(learn)


def pointers() -> list[Decision]:
    """Return NASNet's decisions with inputs that are pointed at; the anchors are no decisions."""
    *_, operation, combination = NASNET.build().decisions(1)
    decisions: list[Decision] = []
    for _ in range(2):
        decisions += [Anchor("node", gives="key")] * 2  # what a cell takes
        for node in range(NASNET.blocks):
            inputs = [Pointer("node", node + 2)] * 2
            decisions += [*inputs, operation, operation, combination, Anchor("node")]
    return decisions


def _updated_memory_kept() -> float:
    command = [sys.executable, "-m", "benchmarks.controller"]
    environment = {**os.environ, **KEEP_MEMORY}
    return float(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def _median_s(work: Callable[[], object]) -> float:
    """Return the median time of one call, in seconds that this process computes."""
    work()  # warm up
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


if __name__ == "__main__":
    print(Speed(BATCH).updated())
