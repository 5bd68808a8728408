"""How long trainings would take here: some of their steps are taken, on random data, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Final

from nas_lib.config import FinalsConfig, SearchConfig
from nas_lib.config.final import at_point, points
from nas_lib.controllers import draw_uniformly
from nas_lib.data import Manifest
from nas_lib.errors import OutOfMemoryError
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import Plan
from nas_lib.spaces.space import PlannedSpace
from nas_lib.tasks import Task

NUM_TIMED: Final = 3
"""Networks whose steps are timed."""
_STEPS: Final = 3
_LEAST_S: Final = 0.1  # of short ones more are timed, as they differ more ...
_MOST_STEPS: Final = 30  # ... but no more than these
_PATIENCE_S: Final = 10.0  # after that, what was timed is enough
_BYTES: Final = 8  # of a weight and its gradient


def first_plans(space: PlannedSpace[Any], *, seed: int) -> list[Plan]:
    """Return some random networks of a space's first depth.

    Args:
        space: The space.
        seed: The search's.
    """
    decisions = space.decisions(space.depth(0))
    drawn = draw_uniformly(decisions, num=NUM_TIMED, seed=seed_for(seed, Stream.PREVIEW))
    return [space.plan(tokens) for tokens in drawn]


def mean_step_s(task: Task, plans: Sequence[Plan], manifest: Manifest) -> float:
    """Return the mean seconds of a training step of the first of these networks.

    Raises:
        OutOfMemoryError: One of them takes more memory than there is.
    """
    import torch

    torch.set_num_threads(task.config.children.threads)
    seconds: list[float] = []
    started_s = time.perf_counter()
    for plan in plans[:NUM_TIMED]:
        seconds.append(_step_s(task, plan, manifest))
        if time.perf_counter() - started_s > _PATIENCE_S:
            break
    return fmean(seconds)


def final_s(
    task_of: Callable[[SearchConfig], Task],
    config: SearchConfig,
    settings: FinalsConfig,
    manifest: Manifest,
    *,
    step_s: float,
    workers: int,
) -> float:
    """Return the seconds of a final training, the winner's once more among them.

    Args:
        task_of: Returns the task of a configuration.
        config: Whose children are those of the final training.
        settings: Which networks, how often and by which grid.
        manifest: What the data are.
        step_s: Of a training step of these networks.
        workers: How many train at once.
    """
    children = [at_point(config.children, point) for point in points(settings.grid)]
    tasks = [task_of(config.model_copy(update={"children": each})) for each in children]
    each_s = [step_s * task.num_steps(manifest) for task in tasks]
    all_s = sum(each_s) * len(settings.networks) * settings.seeds
    again_s = max(each_s) if settings.retrain else 0.0
    return max(all_s / workers, max(each_s)) + again_s


def _step_s(task: Task, plan: Plan, manifest: Manifest) -> float:
    """Return the mean seconds of a training step, of the first one if that is long.

    Else that one is left out: libraries set themselves up in it.
    """
    from nas_lib.training.epoch_trainer import is_out_of_memory

    _check_memory(task.num_weights(plan, manifest))
    try:
        step = task.timed_step(plan, manifest)
        if (first_s := _timed(step)) > _PATIENCE_S / _STEPS:
            return first_s
        seconds = [_timed(step) for _ in range(_STEPS)]
        while sum(seconds) < _LEAST_S and len(seconds) < _MOST_STEPS:
            seconds.append(_timed(step))
    except (RuntimeError, MemoryError) as err:
        if not is_out_of_memory(err):
            raise
        raise OutOfMemoryError("a child takes more memory than there is here") from err
    return fmean(seconds)


def _timed(step: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    step()
    return time.perf_counter() - started_s


def _check_memory(num_weights: int) -> None:
    """Refuse to build a network that could not be: the kernel would end this process for it."""
    from nas_lib.training.machine import memory_limit_mb

    needed_mb, limit_mb = _BYTES * num_weights // 2**20, memory_limit_mb()
    if needed_mb > limit_mb:
        raise OutOfMemoryError(
            f"the weights of a child and their gradients take {needed_mb:,} MiB, "
            f"and there are {limit_mb:,} MiB here"
        )
