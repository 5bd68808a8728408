"""How fast super-networks for images train, and how much faster than others'.

`python -m benchmarks.shared_images --tdevries DIR --mengtianjian DIR --nni PYTHON` compares with
peers: checkouts of TDeVries/enas_pytorch and MengTianjian/enas-pytorch, and a Python that has nni.
All train the same architectures, drawn uniformly, in turn: each in a process of its own that waits
while the others work, on one thread, with an allocator that keeps the memory of large tensors.
Seconds are the processor's, so that other processes on the machine disturb little.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import click

from benchmarks.controller import KEEP_MEMORY
from benchmarks.figure import Figure

WORKER = Path(__file__).with_name("image_worker.py")
NUM_ARCHITECTURES = 12
AT_LEAST = 1.5
MATMUL_SIZE = 2048

Command = tuple[str, ...]


def measure(
    macro_peers: dict[str, Command] | None = None, micro_peers: dict[str, Command] | None = None
) -> list[Figure]:
    """Return images per second, and times as fast as each peer that there is."""
    return [*_measure("macro", macro_peers or {}), *_measure("micro", micro_peers or {})]


def _measure(space: str, peers: dict[str, Command]) -> Iterator[Figure]:
    from benchmarks.image_worker import BATCH

    architectures = random_architectures(space)
    commands = {"ours": (sys.executable, str(WORKER), f"ours-{space}"), **peers}
    seconds = in_turn(commands, architectures)
    flops = [count_flops(space, tokens) for tokens in architectures]
    total_s = sum(seconds["ours"])
    reached = sum(flops) / total_s / 1e9
    name = f"shared {space}, 1 thread"
    yield Figure(f"{name}: images per s", BATCH * len(architectures) / total_s)
    yield Figure(f"{name}: GFLOP per step", sum(flops) / len(flops) / 1e9)
    yield Figure(f"{name}: GFLOP per s", reached)
    yield Figure(f"{name}: GFLOP per s of a {MATMUL_SIZE} matmul", matmul_gflops())
    for peer in peers:
        ratio = sum(seconds[peer]) / total_s
        yield Figure(f"{name}: times as fast as {peer}", ratio, at_least=_target(peer))


def _target(peer: str) -> float | None:
    return None if peer == "mengtianjian" else AT_LEAST


def in_turn(
    commands: dict[str, Command], architectures: Sequence[Sequence[int]]
) -> dict[str, list[float]]:
    """Return each worker's seconds for every architecture; the first one also warms them up."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(_worker(command)) for name, command in commands.items()
        }
        for worker in workers.values():
            _ask(worker, architectures[0])
        for tokens in architectures:
            for name, worker in workers.items():
                seconds[name].append(_ask(worker, tokens))
    return seconds


@contextmanager
def _worker(command: Command) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **KEEP_MEMORY},
    ) as process:
        yield process
        process.communicate()  # closes its input, and so ends it


def _ask(worker: subprocess.Popen[str], tokens: Sequence[int]) -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(tokens) + "\n")
    worker.stdin.flush()
    for line in worker.stdout:  # a peer may talk before it answers
        try:
            return float(line)
        except ValueError:
            continue
    raise RuntimeError(f"{worker.args!r} ended without an answer")


def random_architectures(space: str) -> list[list[int]]:
    """Return tokens, drawn uniformly; skip connections with the probability that ENAS aims at."""
    from benchmarks.image_worker import MACRO_LAYERS, MICRO_NODES

    rng = random.Random(0)
    if space == "macro":
        return [
            [
                token
                for layer in range(MACRO_LAYERS)
                for token in (rng.randrange(6), *(int(rng.random() < 0.4) for _ in range(layer)))
            ]
            for _ in range(NUM_ARCHITECTURES)
        ]
    return [
        [
            rng.randrange(limit)
            for _ in range(2)
            for node in range(MICRO_NODES)
            for limit in (node + 2, node + 2, 5, 5)
        ]
        for _ in range(NUM_ARCHITECTURES)
    ]


def count_flops(space: str, tokens: Sequence[int]) -> int:
    """Return the operations of convolutions and products in one training step.

    Three times those of the forward pass: there is a gradient of images and one of weights.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.image_worker import BATCH, BUILDERS, SIZE

    _, forward = BUILDERS[f"ours-{space}"]()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward(torch.zeros(BATCH, 3, SIZE, SIZE), tokens)
    return 3 * counter.get_total_flops()


def matmul_gflops() -> float:
    """Return what one thread reaches in a product of large matrices."""
    import torch

    torch.set_num_threads(1)
    a, b = torch.randn(2, MATMUL_SIZE, MATMUL_SIZE)
    times = []
    for _ in range(5):
        started_s = time.process_time()
        a @ b
        times.append(time.process_time() - started_s)
    return 2 * MATMUL_SIZE**3 / median(times) / 1e9


@click.command()
@click.option("--tdevries", type=click.Path(exists=True, path_type=Path))
@click.option("--mengtianjian", type=click.Path(exists=True, path_type=Path))
@click.option("--nni", type=click.Path(exists=True, path_type=Path), help="A Python that has it.")
def main(tdevries: Path | None, mengtianjian: Path | None, nni: Path | None) -> None:
    """Compare with peers."""
    macro, micro = {}, {}
    if tdevries is not None:
        macro["tdevries"] = (sys.executable, str(WORKER), "tdevries", str(tdevries))
    if mengtianjian is not None:
        micro["mengtianjian"] = (sys.executable, str(WORKER), "mengtianjian", str(mengtianjian))
    if nni is not None:
        micro["nni"] = (str(nni), str(WORKER), "nni")
    for figure in measure(macro, micro):
        click.echo(f"{figure.name:60} {figure.text:>10} {figure.target}")


if __name__ == "__main__":
    main()
