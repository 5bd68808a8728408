"""Train one child from its architecture to its result, whatever happens on the way."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nas_lib.config import ChildrenConfig
from nas_lib.data import DataManifest
from nas_lib.data.loading import ImageSplits
from nas_lib.errors import ConfigError
from nas_lib.records import Child, ChildResult, EpochMetrics, Status
from nas_lib.training.checkpoints import Checkpoints
from nas_lib.training.schedule import best_epoch
from nas_lib.training.trainer import DivergedError, Trainer
from nas_lib.training.weights import NetworkInfo, pack_network


@dataclass(frozen=True, eq=False)
class TrainedChild:
    """A child's result, and its network's file (`load_network`) where it has one."""

    result: ChildResult
    weights: bytes | None


def train(
    child: Child,
    children: ChildrenConfig,
    images: ImageSplits,
    manifest: DataManifest,
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
        images: To train on, and to judge by.
        manifest: What the images are.
        checkpoints: The child's; left for the caller to clear once the result is stored.
        on_epoch: Called after each epoch that is trained here.

    Raises:
        ConfigError: There is no such device here.
    """
    device = _set_up_torch(children)
    started_s = time.perf_counter()
    trainer, message = None, ""
    status: Status = "ok"
    try:
        trainer = Trainer(child, children, images, manifest, device)
        started_s -= _restore(trainer, checkpoints)
        _run(trainer, checkpoints, on_epoch or (lambda _: None))
    except DivergedError as err:
        status, message = "diverged", str(err)
    except (RuntimeError, MemoryError) as err:
        if not _is_out_of_memory(err):
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
        where=f"{socket.gethostname()} ({_device_name(device)})",
        message=message,
    )
    if trainer is None or status != "ok":
        return TrainedChild(result, weights=None)
    info = NetworkInfo(
        child.architecture,
        manifest.image_shape,
        manifest.num_classes,
        mean=manifest.mean,
        std=manifest.std,
    )
    return TrainedChild(_rewarded(result, children), pack_network(trainer.best, info))


def _restore(trainer: Trainer, checkpoints: Checkpoints) -> float:
    """Go on from the newest checkpoint; return the seconds that went into it."""
    checkpoint = checkpoints.latest(trainer.network)
    if checkpoint is None:
        return 0.0
    trainer.restore(checkpoint)
    return sum(metrics.seconds for metrics in checkpoint.epochs)


def _run(
    trainer: Trainer, checkpoints: Checkpoints, on_epoch: Callable[[EpochMetrics], None]
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
    score = best.valid_accuracy
    reward = score**children.reward.power
    return dataclasses.replace(result, reward=reward, score=score, best_epoch=best.epoch)


def _set_up_torch(children: ChildrenConfig) -> torch.device:
    """Set this process's torch up for repeatable results; return the device to train on."""
    device = _find_device(children.device)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only so
    torch.use_deterministic_algorithms(device.type == "cuda")  # a CPU's are anyway
    torch.set_num_threads(children.threads)
    return device


def _find_device(name: str) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if name == "cpu" or (name.partition(":")[0] == "cuda" and has_gpu):
        return torch.device(name)
    here = "auto, cpu or cuda" if has_gpu else "auto or cpu (there is no GPU here)"
    raise ConfigError(f"children.device must be {here}, got {name!r}")


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _is_out_of_memory(err: BaseException) -> bool:
    """Return whether memory ran out; on a CPU torch has no error class of its own for it."""
    known = isinstance(err, torch.OutOfMemoryError | MemoryError)
    return known or any(text in str(err) for text in ("can't allocate memory", "bad_alloc"))
