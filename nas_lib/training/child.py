"""Train one child from its architecture to its result, whatever happens on the way."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nas_lib.architecture import Architecture
from nas_lib.config import ChildrenConfig, RewardConfig
from nas_lib.data import DataManifest, Manifest
from nas_lib.data.loading import ImageSplits, TextSplits
from nas_lib.records import Child, ChildResult, EpochMetrics, Status
from nas_lib.training.checkpoints import Checkpoints
from nas_lib.training.devices import device_name, set_up_torch
from nas_lib.training.epochs import DivergedError, is_out_of_memory
from nas_lib.training.evaluation import perplexity
from nas_lib.training.schedule import best_epoch
from nas_lib.training.text_trainer import TextTrainer
from nas_lib.training.trainer import Trainer
from nas_lib.training.weights import LanguageModelInfo, NetworkInfo, pack_network

AnyTrainer = Trainer | TextTrainer


@dataclass(frozen=True, eq=False)
class TrainedChild:
    """A child's result, and its network's file (`load_network`) where it has one."""

    result: ChildResult
    weights: bytes | None


def train(
    child: Child,
    children: ChildrenConfig,
    data: ImageSplits | TextSplits,
    manifest: Manifest,
    *,
    checkpoints: Checkpoints,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
) -> TrainedChild:
    """Train a child, from its newest checkpoint if it has one.

    Divergence and lack of memory are results. This process's torch is set to the child's number
    of threads and to deterministic algorithms.

    Args:
        child: What to train.
        children: How.
        data: Images or text to train on, and to judge by.
        manifest: What they are.
        checkpoints: The child's; left for the caller to clear once the result is stored.
        on_epoch: Called after each epoch that is trained here.

    Raises:
        ConfigError: There is no such device here.
    """
    device = set_up_torch(children.device, threads=children.threads, setting="children.device")
    started_s = time.perf_counter()
    trainer, message = None, ""
    status: Status = "ok"
    try:
        trainer = _trainer(child, children, data, manifest, device)
        started_s -= _restore(trainer, checkpoints)
        _run(trainer, checkpoints, on_epoch or (lambda _: None))
    except DivergedError as err:
        status, message = "diverged", str(err)
    except (RuntimeError, MemoryError) as err:
        if not is_out_of_memory(err):
            raise
        what = str(err).partition("\n")[0] or type(err).__name__
        status, message = "out_of_memory", f"training takes more memory than there is: {what}"
    result = ChildResult(
        child.id,
        status,
        reward=0.0,
        epochs=tuple(trainer.epochs) if trainer else (),
        num_parameters=trainer.cost.num_parameters if trainer else None,
        num_multiply_adds=trainer.cost.num_multiply_adds if trainer else None,
        seconds=time.perf_counter() - started_s,
        where=f"{socket.gethostname()} ({device_name(device)})",
        message=message,
    )
    if trainer is None or status != "ok":
        return TrainedChild(result, weights=None)
    weights = pack_network(trainer.best, _info(child.architecture, manifest))
    return TrainedChild(_rewarded(result, children), weights)


def _trainer(
    child: Child,
    children: ChildrenConfig,
    data: ImageSplits | TextSplits,
    manifest: Manifest,
    device: torch.device,
) -> AnyTrainer:
    """Return the trainer for this kind of data."""
    if isinstance(manifest, DataManifest):
        assert isinstance(data, ImageSplits)
        return Trainer(child, children, data, manifest, device)
    assert isinstance(data, TextSplits)
    return TextTrainer(child, children, data, manifest, device)


def _info(architecture: Architecture, manifest: Manifest) -> NetworkInfo | LanguageModelInfo:
    if not isinstance(manifest, DataManifest):
        return LanguageModelInfo(architecture, manifest.words)
    return NetworkInfo(
        architecture,
        manifest.image_shape,
        manifest.num_classes,
        mean=manifest.mean,
        std=manifest.std,
    )


def _restore(trainer: AnyTrainer, checkpoints: Checkpoints) -> float:
    """Go on from the newest checkpoint; return the seconds that went into it."""
    checkpoint = checkpoints.latest(trainer.network)
    if checkpoint is None:
        return 0.0
    trainer.restore(checkpoint)
    return sum(metrics.seconds for metrics in checkpoint.epochs)


def _run(
    trainer: AnyTrainer, checkpoints: Checkpoints, on_epoch: Callable[[EpochMetrics], None]
) -> None:
    while not trainer.is_done:
        metrics = trainer.run_epoch()
        if not trainer.is_done and checkpoints.due():
            checkpoints.save(trainer.checkpoint())
        on_epoch(metrics)


def _rewarded(result: ChildResult, children: ChildrenConfig) -> ChildResult:
    """Return the result of a child that finished: with its best epoch, score and reward."""
    best = best_epoch(result.epochs, children)
    assert best is not None
    score, reward = _score_and_reward(best, children.reward)
    return dataclasses.replace(result, reward=reward, score=score, best_epoch=best.epoch)


def _score_and_reward(best: EpochMetrics, settings: RewardConfig) -> tuple[float, float]:
    """Return accuracy and accuracy^power, or perplexity and (c / perplexity)^power."""
    if best.valid_accuracy is not None:
        return best.valid_accuracy, best.valid_accuracy**settings.power
    score = perplexity(best.valid_loss)
    return score, (settings.perplexity_constant / score) ** settings.power
