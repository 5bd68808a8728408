"""What a search by shared weights would do before it trains any child, and how long that takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice

from nas_lib.config import RandomConfig, SearchConfig
from nas_lib.controllers import Controller, build_controller
from nas_lib.report.wording import plural
from nas_lib.spaces import Space, space_size
from nas_lib.steps import OpenSearch, prepare_data
from nas_lib.steps.workloads import build_workload

_STEPS = 3  # that are timed, after one that warms up


@dataclass(frozen=True)
class SharedPreview:
    """Shared weights that were tried.

    Attributes:
        num_parameters: Of the network that owns them.
        steps_per_epoch: Mini-batches of training.
        epoch_s: Seconds that an epoch takes here, with the controller's steps.
    """

    num_parameters: int
    steps_per_epoch: int
    epoch_s: float


def try_shared_weights(config: SearchConfig, search: OpenSearch) -> SharedPreview:
    """Build the network of all architectures, and time steps of some on the user's data.

    Args:
        config: Of a search by shared weights.
        search: A place where its data may be prepared.
    """
    shared = config.shared
    assert shared is not None
    prepare_data(search, config=config)
    workload = build_workload(config, search.store)
    decisions = search.space.decisions(1)
    architectures = build_controller(RandomConfig(), decisions).propose(
        [], decisions=decisions, num=1 + _STEPS, seed=config.seed
    )
    training_s, judging_s = [], []
    steps = zip(architectures, islice(workload.batches(1), 1 + _STEPS), strict=False)
    for number, (tokens, batch) in enumerate(steps):
        started_s = time.perf_counter()
        objective, cross_entropy = workload.loss(batch, tokens)
        objective.backward()  # type: ignore[no-untyped-call]
        cross_entropy.item()  # waits for the device
        trained_s = time.perf_counter()
        workload.quick_score(tokens, number=number)
        training_s.append(trained_s - started_s)
        judging_s.append(time.perf_counter() - trained_s)
    steps_per_epoch = workload.num_batches(1)
    num_judged = shared.controller_steps * shared.architectures_per_step
    return SharedPreview(
        num_parameters=sum(weight.numel() for weight in workload.network.parameters()),
        steps_per_epoch=steps_per_epoch,
        epoch_s=steps_per_epoch * _warm_mean(training_s) + num_judged * _warm_mean(judging_s),
    )


def shared_facts(
    config: SearchConfig, space: Space, controller: Controller, tried: SharedPreview
) -> dict[str, str]:
    """Return facts on the search by name, in words."""
    shared, children = config.shared, config.children
    assert shared is not None
    derive = shared.derive
    late = f" from epoch {shared.controller_after + 1} on" if shared.controller_after else ""
    learning = (
        f"after each{late}, {plural(shared.controller_steps, 'controller step')} of "
        f"{plural(shared.architectures_per_step, 'architecture')}"
        if controller.num_parameters
        else "after each, a look at some architectures"
    )
    samples = f"{derive.num_samples:,}" + ("" if controller.num_parameters else " or more")
    return {
        "space": f"{config.space.kind}, {space_size(space, 1):.2g} architectures",
        "controller": f"{config.controller.kind}, {controller.num_parameters:,} parameters",
        "shared weights": f"{tried.num_parameters:,} parameters, "
        f"{plural(shared.epochs, 'epoch')} of {plural(tried.steps_per_epoch, 'step')}; " + learning,
        "children": f"{plural(config.num_children, 'child', 'children')}: the best {derive.keep} "
        f"of {samples} samples and {plural(derive.probes, 'probe')}, each trained from scratch "
        f"for {plural(children.epochs, 'epoch')}",
    }


def _warm_mean(seconds: list[float]) -> float:
    """Return the mean without the first, unless that is all."""
    warm = seconds[1:] or seconds
    return sum(warm) / len(warm)
