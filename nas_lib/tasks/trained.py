"""TrainedTask: what tasks have in common whose networks are trained here."""

from __future__ import annotations

import dataclasses
import math
import socket
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from nas_lib import buckets
from nas_lib.blame import blamed_on_the_child
from nas_lib.data import BlobInfo, LocalData, Manifest, Prepared, cached_blobs
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import files_hash, is_there
from nas_lib.errors import CorruptStateError
from nas_lib.records import (
    AnyMistake,
    Child,
    ChildResult,
    Confusion,
    EpochMetrics,
    LabelReading,
    Metric,
    Sample,
    Status,
    TestReading,
)
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import Plan, Space, planned, sized
from nas_lib.store import SearchStore, layout
from nas_lib.tasks.task import Judged, Task
from nas_lib.training.machine import memory_limit_mb

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nas_lib.networks import Cost
    from nas_lib.shared_weights.workload import Workload
    from nas_lib.training.epoch_trainer import EpochTrainer

M = TypeVar("M", bound=Manifest)


class Tested(NamedTuple):
    """What a network comes to on the test data; see `TestReading`."""

    score: float
    confusion: Confusion = ()
    metrics: tuple[Metric, ...] = ()
    samples: tuple[Sample, ...] = ()
    mistakes: tuple[AnyMistake, ...] = ()
    labels: tuple[LabelReading, ...] = ()
    numbers: tuple[tuple[float, float], ...] = ()


def hash_at(path: str) -> str:
    """Return a hash of names, sizes and times of the user's files at a path, or in a bucket.

    Empty where there is nothing at a path.

    Raises:
        DataError: It cannot be looked at.
        StoreError: The bucket cannot.
    """
    return buckets.listed(path).hash() if buckets.is_in_bucket(path) else files_hash(path)


class TrainedTask(Task, Generic[M]):
    """A task with data of its own, trainers, and shared weights.

    Attributes:
        manifest_class: What is said of its prepared data.
    """

    trains = True
    preload: ClassVar[tuple[str, ...]] = (
        "nas_lib.training.whole_torch",
        "nas_lib.training.checkpoints",
        "nas_lib.training.devices",
        "nas_lib.training.network_file",
    )
    manifest_class: ClassVar[type[Any]]

    # --- what each task has of its own ---------------------------------------------------------

    @abstractmethod
    def _prepared(self, task: Any) -> Prepared:
        """Read, check, split and serialise data whose files lie on this machine.

        Args:
            task: The section of the search's configuration that says what they are, and where.
        """

    @abstractmethod
    def trainer(
        self, child: Child, plan: Plan, manifest: M, data: LocalData, device: torch.device
    ) -> EpochTrainer:
        """Return the trainer of a child, before its first epoch.

        Args:
            child: Whose seed it is.
            plan: What to build.
            manifest: What was prepared.
            data: The training and validation data, as files.
            device: Where to compute.
        """

    @abstractmethod
    def network(self, plan: Plan, manifest: M) -> nn.Module:
        """Return the network of a plan for these data, with first weights, on the CPU."""

    @abstractmethod
    def _cost(self, network: nn.Module, manifest: M) -> Cost:
        """Return how large a network is, by shapes alone."""

    @abstractmethod
    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        """Return what is to be kept of a trained network, as `network` would load it."""

    @abstractmethod
    def _tested(self, network: nn.Module, manifest: M, data: LocalData) -> Tested:
        """Return what a network comes to on the test data, given as files."""

    @abstractmethod
    def _workload(self, manifest: M, data: LocalData, device: torch.device) -> Workload:
        """Return the super-network, with weights from torch's own generator, and the data."""

    def check_machine(self) -> None:
        """Refuse devices that are not here."""
        from nas_lib.training.devices import find_device

        parts = {"children": self.config.children}
        parts |= {"search.weights": getattr(self.config.search, "weights", self.config.children)}
        for name, part in parts.items():
            find_device(part.device, f"{name}.device")

    # --- data ------------------------------------------------------------------------------------

    def has_data(self) -> bool:
        """Say whether there is anything at the path of the user's data, or it needs none."""
        path = self._path()
        if path is None:
            return True
        return buckets.is_there(path) if buckets.is_in_bucket(path) else is_there(path)

    def files_hash(self) -> str:
        """Return a hash of names, sizes and times of the user's files; empty without files."""
        path = self._path()
        if path is None:
            return ""
        return hash_at(path)

    def prepare(self) -> Prepared:
        """Read, check, split and serialise the data; what lies in a bucket is fetched first."""
        task = self.config.task
        with buckets.fetched_data(task.data) as local:
            return local.named(self._prepared(task.model_copy(update={"data": local.data})))

    def allowance(self) -> Allowance:
        """Return how much memory the user's data may take unpacked; each reading has its own."""
        here_mb = memory_limit_mb() // 2
        return Allowance((self.config.resources.unpacked_mb or here_mb) * 2**20)

    def find_manifest(self, store: SearchStore) -> M | None:
        """Return what was prepared, None where nothing was."""
        found: M | None = store.data.find(self.manifest_class, layout.DATA_MANIFEST)
        return found

    # --- judging ---------------------------------------------------------------------------------

    def judge(
        self,
        child: Child,
        space: Space,
        store: SearchStore,
        *,
        on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
    ) -> Judged:
        """Train a child, from its newest checkpoint if it has one."""
        from nas_lib.training.checkpoints import Checkpoints
        from nas_lib.training.devices import device_name, set_up_torch
        from nas_lib.training.epoch_trainer import DivergedError, is_out_of_memory, train

        children: Any = self.config.children
        plan = planned(space).plan(child.architecture.tokens)
        device = set_up_torch(children.device, threads=children.threads, setting="children.device")
        manifest, data = self.fetched(store)
        checkpoints = Checkpoints(store.objects, child.id, children.checkpoint_every_s)
        started_s = time.perf_counter()
        trainer: EpochTrainer | None = None
        status: Status = "ok"
        message = ""
        with blamed_on_the_child(but=(OSError,)):
            try:
                trainer = self.trainer(child, plan, manifest, data, device)
                checkpoint = checkpoints.latest(trainer.network)
                if checkpoint is not None:
                    trainer.restore(checkpoint)
                    started_s -= sum(metrics.seconds for metrics in checkpoint.epochs)
                train(trainer, checkpoints, on_epoch)
            except DivergedError as err:
                status, message = "diverged", str(err)
            except (RuntimeError, MemoryError) as err:
                if not is_out_of_memory(err):
                    raise
                what = str(err).partition("\n")[0] or type(err).__name__
                status = "out_of_memory"
                message = f"training takes more memory than there is: {what}"
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
        problems = tuple(checkpoints.problems)
        if trainer is None or status != "ok":
            return Judged(result, problems=problems)
        return Judged(
            self._rewarded(result, trainer), self._file(child, trainer, manifest), problems
        )

    def _rewarded(self, result: ChildResult, trainer: EpochTrainer) -> ChildResult:
        """Return the result of a child that finished: with its best epoch, score and reward.

        One that has learnt the validation data, too, has nothing left to be judged by: no score,
        the reward 0, and its last epoch counts.
        """
        best = trainer.best_epoch()
        assert best is not None
        if self.config.children.include_validation:  # type: ignore[union-attr]
            return dataclasses.replace(result, best_epoch=best.epoch)
        return dataclasses.replace(
            result, reward=self.reward(best.score), score=best.score, best_epoch=best.epoch
        )

    def reward(self, score: float) -> float:
        """Return what a child of this score earns (Zoph & Le 2017, section 4.1)."""
        children: Any = self.config.children
        return float(self.goodness(score) ** children.reward.power)

    def _file(self, child: Child, trainer: EpochTrainer, manifest: M) -> bytes:
        from nas_lib.training.network_file import NetworkInfo, pack_network

        info = NetworkInfo(child.architecture, manifest.content_hash)
        return pack_network(self.kept(trainer), info)

    # --- preview ---------------------------------------------------------------------------------

    def num_learnt(self, manifest: Manifest) -> int:
        """Return how many examples a child learns from."""
        includes = self.config.children.include_validation  # type: ignore[union-attr]
        return manifest.num_train + includes * manifest.num_valid

    def num_weights(self, plan: Plan, manifest: Manifest) -> int:
        """Return how many numbers the network of a plan would have."""
        network = self._unmade(plan, cast(M, manifest))
        return sum(tensor.numel() for tensor in network.state_dict().values())

    def sized_references(
        self, names: Sequence[str], plan: Plan, manifest: Manifest
    ) -> tuple[str, ...]:
        """Return the names of known networks, with as many numbers as this one where they may."""
        wanted, layers = self.num_weights(plan, manifest), plan.num_layers or 1
        return tuple(
            sized(name, lambda known: self.num_weights(known, manifest), wanted, layers=layers)
            for name in names
        )

    def cost(self, plan: Plan, manifest: Manifest) -> Cost:
        """Return how large the network of a plan would be."""
        import torch

        prepared = cast(M, manifest)
        with torch.device("meta"):
            return self._cost(self._unmade(plan, prepared), prepared)

    def _unmade(self, plan: Plan, manifest: M) -> nn.Module:
        """Return the network of a plan whose tensors have a shape, and no memory."""
        import torch

        with torch.device("meta"):
            return self.network(plan, manifest)

    # --- test ------------------------------------------------------------------------------------

    def reads_test(self) -> bool:
        """Say that there is one."""
        return True

    def trained_network(self, child: str, space: Space, store: SearchStore) -> nn.Module:
        """Return a child's network with the weights of its best epoch, on the CPU.

        Raises:
            ObjectNotFoundError: Its weights were not kept.
            CorruptStateError: They are damaged.
        """
        from nas_lib.training.network_file import load_weights, read_info

        key = layout.child_weights(child)
        data = store.objects.get(key)
        plan = planned(space).plan(read_info(data, key=key).architecture.tokens)
        network = self.network(plan, self._manifest(store))
        load_weights(network, data, key=key)
        return network

    def read_test(self, child: str, space: Space, store: SearchStore) -> TestReading:
        """Return a child's score on the test data.

        Raises:
            DivergedError: It is no finite number, whatever it was on the validation data.
        """
        from nas_lib.training.epoch_trainer import DivergedError

        manifest = self._manifest(store)
        data = _fetch(store, "test", manifest.test_blob, manifest.test_shards)
        network = self.trained_network(child, space, store)
        tested = self._tested(network, manifest, data)
        if not math.isfinite(tested.score):
            raise DivergedError(f"the {self.measure.test_name} of {child} became {tested.score}")
        return TestReading(
            child, num_examples=manifest.num_test, created_s=time.time(), **tested._asdict()
        )

    # --- shared weights ---------------------------------------------------------------------------

    def workload(self, store: SearchStore) -> Workload:
        """Return the network that owns the weights of all architectures, with its data."""
        import torch

        from nas_lib.training.devices import set_up_torch

        weights = self.config.search.weights  # type: ignore[union-attr]
        device = set_up_torch(
            weights.device, threads=weights.threads, setting="search.weights.device"
        )
        manifest, data = self.fetched(store)
        torch.manual_seed(seed_for(self.config.seed, Stream.WEIGHTS))
        return self._workload(manifest, data, device)

    def _path(self) -> str | None:
        return getattr(self.config.task.data, "path", None)

    # --- what lies in the store ----------------------------------------------------------------

    def _manifest(self, store: SearchStore) -> M:
        found: M = store.data.read(self.manifest_class, layout.DATA_MANIFEST)
        search = store.find_search()
        if search is not None and search.data_hash != found.content_hash:
            raise CorruptStateError(
                f"stored object {layout.DATA_MANIFEST} is whole, but of other data than "
                f"{layout.SEARCH} says"
            )
        return found

    def fetched(self, store: SearchStore) -> tuple[M, LocalData]:
        """Return what was prepared, and files with all that a search may see."""
        manifest = self._manifest(store)
        return manifest, _fetch(store, "search", manifest.search_blob, manifest.search_shards)


def _fetch(
    store: SearchStore, part: layout.DataPart, blob: BlobInfo, shards: Sequence[BlobInfo]
) -> LocalData:
    data = store.data.objects
    key = {"search": layout.DATA_SEARCH, "test": layout.DATA_TEST}[part]
    infos = {layout.data_shard(part, number): info for number, info in enumerate(shards)}
    path, *rest = cached_blobs(
        lambda key, num_bytes: data.get(key, at_most=num_bytes), {key: blob, **infos}
    )
    return LocalData(path, tuple(rest))
