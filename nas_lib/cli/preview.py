"""What a search would be: its data, its space, its children, and about how long they take."""

from __future__ import annotations

import time
from collections.abc import Callable

from nas_lib.architecture import Architecture
from nas_lib.cli.shared_preview import shared_facts, try_shared_weights
from nas_lib.config import RandomConfig, SearchConfig, TextTrainingConfig
from nas_lib.controllers import Controller, build_controller
from nas_lib.data import DataManifest, Manifest, prepare
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
    controller = build_controller(config.controller, space.decisions(space.max_depth))
    facts = {"search": config.name}
    manifest = None if config.children.evaluate else prepare(config.task, config.seed).manifest
    if manifest is not None:
        facts["data"] = _data(manifest)
    if config.shared is not None:
        tried = try_shared_weights(config, opened)
        facts |= shared_facts(config, space, controller, tried)
    else:
        facts |= _loop_facts(config, space, controller)
    if manifest is not None:
        shared_s = 0.0 if config.shared is None else tried.epoch_s * config.shared.epochs
        facts["time"] = _time(config, space, manifest, shared_s)
    return facts


def _loop_facts(config: SearchConfig, space: Space, controller: Controller) -> dict[str, str]:
    loop = config.search
    first, last = space.depth(0), space.depth(loop.max_children - 1)
    return {
        "space": f"{config.space.kind}, depth {first} to {last}, "
        f"{space_size(space, first):.2g} to {space_size(space, last):.2g} architectures",
        "controller": f"{config.controller.kind}, {controller.num_parameters:,} parameters "
        f"in {loop.shards} shard(s)",
        "budget": f"{loop.max_children:,} children: {loop.replicas} replica(s) x "
        f"{loop.rounds:,} rounds x {loop.children_per_round}",
    }


def _data(manifest: Manifest) -> str:
    if not isinstance(manifest, DataManifest):
        return (
            f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} "
            f"validation, {manifest.num_test:,} test words, {manifest.num_words:,} different ones"
        )
    channels, height, width = manifest.image_shape
    return (
        f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} validation, "
        f"{manifest.num_test:,} test images of {height}x{width}x{channels}, "
        f"{manifest.num_classes} classes"
    )


def _time(config: SearchConfig, space: Space, manifest: Manifest, shared_s: float) -> str:
    """Time some training steps of random children of the first depth.

    Args:
        config: Of the search.
        space: What children come from.
        manifest: What they are trained on.
        shared_s: Seconds that shared weights take before.
    """
    import torch

    from nas_lib.training.machine import num_cpus

    decisions = space.decisions(space.depth(0))
    sequences = build_controller(RandomConfig(), decisions).propose(
        [], decisions=decisions, num=_TRIALS, seed=config.seed
    )
    torch.set_num_threads(config.children.threads)
    seconds = []
    for tokens in sequences:
        step = _training_step(config, space.decode(tokens), manifest)
        started = time.perf_counter()
        for _ in range(_STEPS):
            step()
        seconds.append((time.perf_counter() - started) / _STEPS)
    child_s = _num_steps(config, manifest) * sum(seconds) / _TRIALS
    workers = max(1, num_cpus() // config.children.threads)
    search_s = shared_s + child_s * config.num_children / workers
    before = f"about {duration_text(shared_s)} of shared weights; " if shared_s else ""
    which = "child" if shared_s else "child of the first depth"
    return (
        f"{before}about {duration_text(child_s)} for a {which} on one CPU worker; "
        f"{duration_text(search_s)} for the search with {workers} worker(s) here"
    )


def _training_step(
    config: SearchConfig, architecture: Architecture, manifest: Manifest
) -> Callable[[], None]:
    """Return what takes as long as a training step of this network on random data."""
    import torch

    from nas_lib.networks import build_language_model, build_network

    batch_size = config.children.batch_size
    if isinstance(manifest, DataManifest):
        network = build_network(
            architecture, image_shape=manifest.image_shape, num_classes=manifest.num_classes
        )
        images_BCHW = torch.randn(batch_size, *manifest.image_shape)
        return lambda: network(images_BCHW).sum().backward()
    training = config.children.text or TextTrainingConfig()
    model = build_language_model(architecture, num_words=manifest.num_words, training=training)
    words_TB = torch.randint(manifest.num_words, (training.bptt, batch_size))
    state_BH = model.initial_state(batch_size)
    return lambda: model.loss(words_TB, words_TB, state_BH).objective.backward()  # type: ignore[no-untyped-call]


def _num_steps(config: SearchConfig, manifest: Manifest) -> float:
    """Return the training steps of a child."""
    children = config.children
    length = (children.text or TextTrainingConfig()).bptt if config.is_text else 1
    return children.epochs * manifest.num_train / (children.batch_size * length)
