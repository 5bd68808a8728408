"""Checkpoints: where a child's training goes on after its process was ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn

from nas_lib.errors import CorruptStateError, ObjectNotFoundError, StoreError, one_line
from nas_lib.records import EpochMetrics, from_json, to_json
from nas_lib.store import SearchStore, layout
from nas_lib.store.objects import ObjectStore
from nas_lib.store.patience import without_patience
from nas_lib.training.tensors import misfit, pack, unpack

Tensors = Mapping[str, Tensor]
T = TypeVar("T")
_PARTS = (
    "model",
    "momentum",
    "best",
    "average",
    "mean_square",
    "steps",
)  # of a checkpoint, in the order of its fields
_KEPT = 2  # the newest, and the one before it should the newest be damaged


@checked_dataclass(frozen=True)
class _History:
    epochs: tuple[EpochMetrics, ...]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that training needs to go on after an epoch as if nothing had happened.

    Attributes:
        epochs: Metrics of all epochs so far.
        model: The network's state dict.
        momentum: The optimiser's buffer of each parameter, or its mean gradient; empty without.
        best: The state dict of the best epoch so far; empty before the epochs that count.
        average: The state dict of the average over steps; empty where none is taken.
        mean_square: RMSProp's or Adam's moving mean of each parameter's squared gradient; else
            empty.
        steps: How many steps Adam has made of each parameter; else empty.
    """

    epochs: tuple[EpochMetrics, ...]
    model: Tensors
    momentum: Tensors
    best: Tensors
    average: Tensors = field(default_factory=dict)
    mean_square: Tensors = field(default_factory=dict)
    steps: Tensors = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the stored form, from which `from_bytes` gives it back."""
        parts = {name: getattr(self, name) for name in _PARTS}
        tensors = {
            f"{part}/{name}": tensor
            for part, tensors in parts.items()
            for name, tensor in tensors.items()
        }
        return pack(tensors, to_json(_History(self.epochs)).decode())

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> Checkpoint:
        """Return the checkpoint.

        Raises:
            CorruptStateError: The bytes are damaged, or no checkpoint.
        """
        tensors, text = unpack(data, key=key)
        parts: dict[str, dict[str, Tensor]] = {name: {} for name in _PARTS}
        for path, tensor in tensors.items():
            part, _, name = path.partition("/")
            parts.setdefault(part, {})[name] = tensor
        history = from_json(_History, text.encode(), key=key)
        return cls(history.epochs, *(parts[name] for name in _PARTS))

    def misfit(self, network: nn.Module, epoch: int) -> str:
        """Say why it is not this network's after this epoch; empty if it is."""
        if [metrics.epoch for metrics in self.epochs] != list(range(1, epoch + 1)):
            return f"its {len(self.epochs)} epochs are not those from 1 to {epoch}"
        state, parameters = network.state_dict(), dict(network.named_parameters())
        of_steps, of_networks = (self.momentum, self.mean_square), (self.best, self.average)
        parts = [misfit(part, parameters) for part in of_steps if part]
        if self.steps:
            parts.append(misfit(self.steps, dict.fromkeys(parameters, torch.zeros(()))))
        parts += [misfit(part, state) for part in of_networks if part]
        return next(filter(None, [misfit(self.model, state), *parts]), "")


class CheckpointFolder:
    """Checkpoints below one prefix, each after an epoch: `<prefix>/0007.safetensors`.

    Attributes:
        set_aside: A sentence on each checkpoint that was set aside.
    """

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self.set_aside: list[str] = []
        self._num_skipped = 0
        self._last_skipped = ""
        self._store = store
        self._row = layout.checkpoints(prefix)

    @property
    def problems(self) -> list[str]:
        """A sentence on each checkpoint that was set aside, and one on those that were skipped."""
        if not self._num_skipped:
            return self.set_aside
        return [*self.set_aside, f"{self._num_skipped} checkpoint(s) skipped: {self._last_skipped}"]

    def latest(self, parse: Callable[[bytes, int, str], T], *, known: int = 0) -> T | None:
        """Return the newest checkpoint that is whole; damaged ones are set aside.

        They are moved to `damaged/` beside the others, because their epoch will be stored again.

        Args:
            parse: From a checkpoint's bytes, its epoch and its key to the checkpoint; raises
                `CorruptStateError` for a damaged one.
            known: An epoch that was finished, whose checkpoint may not be listed yet; 0 for none.
        """
        for epoch in sorted({*self._epochs(), known} - {0}, reverse=True):
            try:
                data = self._store.get(self._row.key(epoch))
            except ObjectNotFoundError:  # another run of this search has gone on and removed it
                continue
            try:
                return parse(data, epoch, self._row.key(epoch))
            except CorruptStateError as err:
                self._set_aside(epoch, data)
                self.set_aside.append(f"{err}; training goes on from before it")
        return None

    def create(self, epoch: int, data: bytes) -> bool:
        """Store a checkpoint, and remove those that it makes superfluous; return whether it could.

        If there is one of this epoch it is another run's, and equal. A store that is away or full
        is not waited for: training goes on, and only if it is ended now something is lost.
        """
        try:
            with without_patience():
                self._store.create(self._row.key(epoch), data)
                for older in self._epochs()[:-_KEPT]:
                    self._store.delete(self._row.key(older))
        except StoreError as err:
            self._num_skipped += 1
            self._last_skipped = one_line(err)
            print(f"nas: {self._last_skipped}; training goes on", file=sys.stderr, flush=True)
            return False
        return True

    def _epochs(self) -> list[int]:
        """Return the epochs of the stored checkpoints, ascending."""
        return SearchStore(self._store).numbers(self._row)

    def _set_aside(self, epoch: int, data: bytes) -> None:
        self._store.replace(layout.damaged_checkpoints(self._row.folder).key(epoch), data)
        self._store.delete(self._row.key(epoch))


class Checkpoints:
    """The checkpoints of one child."""

    def __init__(
        self,
        store: ObjectStore,
        child: str,
        every_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin an attempt.

        Args:
            store: Where they lie.
            child: The child's id.
            every_s: Seconds between the attempt's start or a checkpoint and the next checkpoint.
            clock: Returns seconds; another one in tests.
        """
        self._folder = CheckpointFolder(store, layout.checkpoints_folder(child))
        self._every_s = every_s
        self._clock = clock
        self._saved_s = clock()

    @property
    def problems(self) -> list[str]:
        """A sentence on each checkpoint that was set aside, and one on those that were skipped."""
        return self._folder.problems

    def latest(self, network: nn.Module) -> Checkpoint | None:
        """Return the newest whole checkpoint of this network; damaged ones are set aside."""
        return self._folder.latest(lambda data, epoch, key: _checked(data, network, epoch, key=key))

    def due(self) -> bool:
        """Return whether enough time has passed for another checkpoint."""
        return self._clock() - self._saved_s >= self._every_s

    def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint, and remove those that it makes superfluous; if not now, then soon."""
        if self._folder.create(len(checkpoint.epochs), checkpoint.to_bytes()):
            self._saved_s = self._clock()


def _checked(data: bytes, network: nn.Module, epoch: int, *, key: str) -> Checkpoint:
    checkpoint = Checkpoint.from_bytes(data, key=key)
    wrong = checkpoint.misfit(network, epoch)
    if wrong:
        raise CorruptStateError(
            f"stored object {key} is damaged: expected this network's tensors after {epoch} "
            f"epochs, got others: {wrong}"
        )
    return checkpoint
