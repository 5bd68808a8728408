"""How fast a recurrent super-network trains: the paper's size, a new cell in each step.

A step is forward, backward, clipping and SGD of one piece, on one thread, without dropout. Three
quarters of it are products of matrices, whose own speed is the limit and is measured beside it.

`python -m benchmarks.shared_text CHECKOUT` measures a checkout of carpedm20/ENAS-pytorch too, with
the same cells in turn.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.carpedm20 import Carpedm20
from benchmarks.figure import Figure
from nas_lib.config import EnasRnnSpaceConfig, HiddenConfig, TextTrainingConfig
from nas_lib.shared_weights.rnn import RnnSuperNetwork
from nas_lib.spaces import num_tokens
from nas_lib.spaces.enas_rnn import EnasRnnSpace, RnnPlan

NODES, HIDDEN, WORDS = 12, 200, 10_000
BPTT, BATCH = 35, 64
CELLS, WARM_UP = 15, 2
SPACE = EnasRnnSpaceConfig(
    nodes=NODES, variant="original", weights_per="edge", shared=HiddenConfig(hidden=HIDDEN)
)
ALIKE = TextTrainingConfig(
    word_dropout=0.0,
    embedding_dropout=0.0,
    input_dropout=0.0,
    state_dropout=0.0,
    output_dropout=0.0,
    slowness_weight=0.0,
)

Tokens = tuple[int, ...]
Step = Callable[[Tokens], object]


def measure() -> list[Figure]:
    """Return the super-network's figures."""
    (seconds,) = _seconds([Ours().step])
    return _figures(seconds)


def measure_beside(checkout: Path) -> list[Figure]:
    """Return the same, and how they compare with the checkout's, cell by cell."""
    ours, theirs = _seconds([Ours().step, Theirs(checkout).step])
    ratio = median(slow / fast for fast, slow in zip(ours, theirs, strict=True))
    return [
        *_figures(ours),
        Figure("shared text, carpedm20's: words per s", BPTT * BATCH / median(theirs)),
        Figure("shared text: times carpedm20's speed", ratio, at_least=1.3),
    ]


class Ours:
    """This package's super-network."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self._network = RnnSuperNetwork(SPACE, num_words=WORDS, training=ALIKE)
        self._train = _Training(self._network)

    def step(self, tokens: Tokens) -> None:
        """Make one step."""
        state_BH = self._network.initial_state(BATCH)
        self._train(lambda *words: self._network.loss(*words, state_BH, tokens).objective)


class Theirs:
    """The checkout's super-network."""

    def __init__(self, checkout: Path) -> None:
        torch.manual_seed(0)
        self._model = Carpedm20(checkout, num_nodes=NODES, hidden=HIDDEN, num_words=WORDS)
        self._train = _Training(self._model.network)

    def step(self, tokens: Tokens) -> None:
        """Make one step."""
        plan = _plan(tokens)
        self._train(lambda *words: self._model.loss(plan, *words))


class _Training:
    """SGD on the same words in each step.

    At a small rate: states stay short. The checkout shortens long ones, but only on a GPU.
    """

    def __init__(self, network: nn.Module) -> None:
        self._parameters = list(network.parameters())
        self._optimizer = torch.optim.SGD(self._parameters, lr=0.01, weight_decay=1e-7)
        words = torch.randint(WORDS, (BPTT + 1, BATCH))
        self._inputs_TB, self._targets_TB = words[:-1], words[1:]

    def __call__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._optimizer.zero_grad()
        loss(self._inputs_TB, self._targets_TB).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 0.25)
        self._optimizer.step()


def _seconds(steps: list[Step]) -> list[list[float]]:
    """Return the seconds of each step with each cell, all steps in turn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times: list[list[float]] = [[] for _ in steps]
    for tokens in _cells():
        for step, seconds in zip(steps, times, strict=True):
            start = time.perf_counter()
            step(tokens)
            seconds.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return [seconds[WARM_UP:] for seconds in times]


def _cells() -> list[Tokens]:
    generator, decisions = random.Random(0), EnasRnnSpace(SPACE).decisions(1)
    limits = [decision.num_values for decision in decisions for _ in range(decision.num_tokens)]
    assert len(limits) == num_tokens(decisions)
    return [tuple(generator.randrange(limit) for limit in limits) for _ in range(CELLS + WARM_UP)]


def _plan(tokens: Tokens) -> RnnPlan:
    return replace(EnasRnnSpace(SPACE).plan(tokens), hidden=HIDDEN)  # as of the shared weights


def _figures(seconds: list[float]) -> list[Figure]:
    # multiply-adds of a word: [2H] x [2H, 2H], [H] x [H, 2H] of each other node, and the softmax
    multiply_adds = 4 * HIDDEN**2 + (NODES - 1) * 2 * HIDDEN**2 + WORDS * HIDDEN
    # backward makes two such products of each: for what went in, and for the weight
    operations = 2 * 3 * multiply_adds * BPTT * BATCH / 1e9
    return [
        Figure("shared text: words per s", BPTT * BATCH / median(seconds)),
        Figure("shared text: GFLOP of products per step", operations),
        Figure("shared text: GFLOP of products per s", operations / median(seconds)),
        Figure("torch.mm of 1024 x 1024: GFLOP per s", _limit()),
    ]


def _limit() -> float:
    """Return what torch's product reaches on one thread, in GFLOP per second."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    a, b = torch.randn(2, 1024, 1024)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return 2 * 1024**3 / median(times) / 1e9


if __name__ == "__main__":
    for figure in measure_beside(Path(sys.argv[1])):
        print(f"{figure.name}: {figure.text} {figure.target}")
