"""What a search would be: its data, its space, its children, and about how long they take."""

from __future__ import annotations

import time

from nas_lib.config import SearchConfig
from nas_lib.controllers import build_controller
from nas_lib.data import PreparedImages, prepare
from nas_lib.report.wording import duration_text
from nas_lib.spaces import Space, space_size
from nas_lib.steps import OpenSearch

_TRIALS = 3
_STEPS = 3


def preview(config: SearchConfig) -> dict[str, str]:
    """Return facts on a search by name, in words. Its data is read and checked.

    Raises:
        NasError: The search could not be started, for the reason it names.
    """
    opened = OpenSearch("memory://preview")
    opened.evaluate_of(config)  # refused here if it leads nowhere
    space = opened.space_of(config)
    loop = config.search
    first, last = space.depth(0), space.depth(loop.max_children - 1)
    controller = build_controller(config.controller, space.decisions(space.max_depth))
    facts = {"search": config.name}
    images = None if config.children.evaluate else prepare(config.task, config.seed)
    if images is not None:
        facts["data"] = _data(images)
    facts |= {
        "space": f"{config.space.kind}, depth {first} to {last}, "
        f"{space_size(space, first):.2g} to {space_size(space, last):.2g} architectures",
        "controller": f"{config.controller.kind}, {controller.num_parameters:,} parameters "
        f"in {loop.shards} shard(s)",
        "budget": f"{loop.max_children:,} children: {loop.replicas} replica(s) x "
        f"{loop.rounds:,} rounds x {loop.children_per_round}",
    }
    if images is not None:
        facts["time"] = _time(config, space, images)
    return facts


def _data(images: PreparedImages) -> str:
    manifest = images.manifest
    channels, height, width = manifest.image_shape
    return (
        f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} validation, "
        f"{manifest.num_test:,} test images of {height}x{width}x{channels}, "
        f"{manifest.num_classes} classes"
    )


def _time(config: SearchConfig, space: Space, images: PreparedImages) -> str:
    """Time some training steps of random children of the first depth."""
    import torch

    from nas_lib.config import RandomConfig
    from nas_lib.networks import build_network
    from nas_lib.training.machine import num_cpus

    decisions = space.decisions(space.depth(0))
    sequences = build_controller(RandomConfig(), decisions).propose(
        [], decisions=decisions, num=_TRIALS, seed=config.seed
    )
    manifest = images.manifest
    torch.set_num_threads(config.children.threads)
    batch = torch.randn(config.children.batch_size, *manifest.image_shape)
    seconds = []
    for tokens in sequences:
        network = build_network(
            space.decode(tokens),
            image_shape=manifest.image_shape,
            num_classes=manifest.num_classes,
        )
        started = time.perf_counter()
        for _ in range(_STEPS):
            network(batch).sum().backward()
        seconds.append((time.perf_counter() - started) / _STEPS)
    steps = config.children.epochs * manifest.num_train / config.children.batch_size
    child_s = steps * sum(seconds) / _TRIALS
    workers = max(1, num_cpus() // config.children.threads)
    search_s = child_s * config.search.max_children / workers
    return (
        f"about {duration_text(child_s)} for a child of the first depth on one CPU worker; "
        f"{duration_text(search_s)} for the search with {workers} worker(s) here"
    )
