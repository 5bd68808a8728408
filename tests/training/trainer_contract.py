"""What every trainer of children must do, whatever they learn."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import torch
from torch import Tensor, nn

from nas_lib.architecture import Architecture
from nas_lib.errors import CorruptStateError, InterruptedSearchError
from nas_lib.records import EpochMetrics
from nas_lib.results.measure import Measure
from nas_lib.store import open_store
from nas_lib.training.checkpoints import Checkpoint, Checkpoints
from nas_lib.training.epoch_trainer import DivergedError, EpochTrainer, Validation, train
from nas_lib.training.network_file import NetworkInfo, load_weights, pack_network, read_info

INFO = NetworkInfo(Architecture("space", (1, 2), "an architecture"), content_hash="of the data")


class TrainerContract:
    """Give a subclass named Test... these, and a fixture `settings` of trainings to try.

    Attributes:
        measure: What its scores are.
        easy: Settings of a training in which toy data are learnt, to a score better than `good`,
            where none can be better than `perfect`, and a training loss below `loss`.
        diverging: Settings of a training that goes wrong.
    """

    measure: ClassVar[Measure]
    easy: ClassVar[dict[str, Any]]
    good: ClassVar[float]
    perfect: ClassVar[float]
    loss: ClassVar[float]
    diverging: ClassVar[dict[str, Any]]

    def trainer(self, *, seed: int = 5, other_valid: bool = False, **settings: Any) -> EpochTrainer:
        """Return a trainer before its first epoch; with validation data that make no sense."""
        raise NotImplementedError

    def network(self, *, num_outputs: int | None = None, **settings: Any) -> nn.Module:
        """Return a network as it is loaded after such a training, or one of other outputs."""
        raise NotImplementedError

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        """Return what is kept of a trained network."""
        raise NotImplementedError

    def validate(self, network: nn.Module) -> Validation:
        """Return what a network comes to on the validation data."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def one_thread(self) -> Iterator[None]:
        """Small tensors only suffer from several, above all where other processes are busy."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)

    def trained(self, **settings: Any) -> EpochTrainer:
        return to_the_end(self.trainer(**settings))

    # --- learning --------------------------------------------------------------------------------

    def test_toy_data_are_learnt(self) -> None:
        first, *_, last = self.trained(**self.easy).epochs

        assert self.measure.is_better(last.score, first.score)
        assert self.measure.is_better(last.score, self.good)
        assert not self.measure.is_better(last.score, self.perfect)
        assert last.valid_loss < first.valid_loss
        assert last.train_loss < min(self.loss, first.train_loss)

    def test_the_same_seed_gives_the_same_epochs_and_another_seed_others(
        self, settings: dict[str, Any]
    ) -> None:
        one, same, other = (self.trainer(seed=seed, **settings) for seed in (5, 5, 6))
        for each in (one, same, other):
            each.run_epoch()
            each.run_epoch()

        assert without_times(one) == without_times(same) != without_times(other)
        assert same_weights(one.network, same.network)
        assert not same_weights(one.network, other.network)

    def test_the_validation_data_have_no_influence_on_training(
        self, settings: dict[str, Any]
    ) -> None:
        one, other = self.trainer(**settings), self.trainer(other_valid=True, **settings)
        for each in (one, other):
            each.run_epoch()
            each.run_epoch()

        assert one.epochs[-1].valid_loss != other.epochs[-1].valid_loss
        assert same_weights(one.network, other.network)

    def test_the_epoch_that_counts_is_the_best_of_the_last_ones_and_its_weights_are_kept(
        self, settings: dict[str, Any]
    ) -> None:
        trainer, states = self.trainer(**settings), []
        while not trainer.is_done:
            assert trainer.best_epoch() is None or len(trainer.epochs) > 5
            trainer.run_epoch()
            states.append({name: x.clone() for name, x in trainer.judged.state_dict().items()})

        # of the last three of eight, the first if several are equal
        scores = [metrics.score for metrics in trainer.epochs]
        best = 5 + scores[5:].index(self.measure.best(scores[5:]))
        assert [metrics.epoch for metrics in trainer.epochs] == [*range(1, 9)]
        assert trainer.best_epoch() is trainer.epochs[best]
        torch.testing.assert_close(trainer.best, states[best], rtol=0, atol=0)

    def test_a_child_that_diverges_says_when(self) -> None:
        trainer = self.trainer(**self.diverging)

        with pytest.raises(DivergedError) as diverged:
            to_the_end(trainer)

        epoch = len(trainer.epochs) + 1
        assert str(diverged.value).startswith(f"in epoch {epoch} the training loss became ")
        assert all(math.isfinite(metrics.valid_loss) for metrics in trainer.epochs)

    # --- checkpoints -----------------------------------------------------------------------------

    def test_a_restored_trainer_goes_on_as_if_nothing_had_happened(
        self, settings: dict[str, Any]
    ) -> None:
        whole, stored = self.trainer(**settings), dict[int, bytes]()
        while not whole.is_done:
            whole.run_epoch()
            if len(whole.epochs) in (1, 5, 7):  # long before an epoch may count, before, and after
                stored[len(whole.epochs)] = whole.checkpoint().to_bytes()
        torch.manual_seed(99)  # another process

        for epoch, data in stored.items():
            checkpoint, restored = Checkpoint.from_bytes(data, key="k"), self.trainer(**settings)
            assert not checkpoint.misfit(restored.network, len(checkpoint.epochs))
            restored.restore(checkpoint)
            assert len(restored.epochs) == epoch
            to_the_end(restored)

            assert without_times(restored) == without_times(whole)
            assert same_weights(restored.network, whole.network)
            assert same_weights(restored.judged, whole.judged)
            torch.testing.assert_close(restored.best, whole.best, rtol=0, atol=0)

    def test_no_checkpoint_is_written_after_the_last_epoch_or_before_it_is_due(self) -> None:
        store, epochs = open_store(f"memory://{uuid4().hex}"), list[EpochMetrics]()
        always = Checkpoints(store, "r000-000000-00", every_s=0)
        train(self.trainer(epochs=3), always, epochs.append)
        assert list(store.keys("checkpoints"))[-1] == "checkpoints/r000-000000-00/0002.safetensors"
        assert [metrics.epoch for metrics in epochs] == [1, 2, 3]

        hourly = Checkpoints(store, "r000-000000-01", every_s=3600)
        train(self.trainer(epochs=3), hourly)
        assert not list(store.keys("checkpoints/r000-000000-01"))

    def test_one_that_is_asked_to_stop_does_so_after_the_epoch_with_a_checkpoint(self) -> None:
        store, epochs = open_store(f"memory://{uuid4().hex}"), list[EpochMetrics]()
        hourly = Checkpoints(store, "r000-000000-00", every_s=3600)

        def ask(metrics: EpochMetrics) -> None:
            epochs.append(metrics)
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            with pytest.raises(InterruptedSearchError, match="stopped after epoch 2"):
                train(self.trainer(epochs=3), hourly, ask)
        finally:
            signal.sigtimedwait({signal.SIGTERM}, 0)  # it was asked twice, which counts once
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

        assert [metrics.epoch for metrics in epochs] == [1, 2]
        assert list(store.keys("checkpoints")) == ["checkpoints/r000-000000-00/0002.safetensors"]

    # --- the network as a file -------------------------------------------------------------------

    def test_the_file_holds_the_network_of_the_epoch_that_counts(
        self, settings: dict[str, Any]
    ) -> None:
        trainer, network = self.trained(**settings), self.network(**settings)
        data = pack_network(self.kept(trainer), INFO)

        load_weights(network, data)

        assert read_info(data) == INFO
        assert not network.training
        torch.testing.assert_close(network.state_dict(), self.kept(trainer), rtol=0, atol=0)
        found, best = self.validate(network), trainer.best_epoch()
        assert best is not None
        assert found.score == best.score
        assert found.loss == pytest.approx(best.valid_loss, rel=1e-5)
        assert trainer.cost.num_parameters == sum(x.numel() for x in network.parameters())

    def test_a_damaged_file_and_one_of_another_network_are_refused(self) -> None:
        data = pack_network(self.network().state_dict(), INFO)
        other = self.network(num_outputs=4)

        with pytest.raises(CorruptStateError, match=r"children/x is damaged, or .*: expected "):
            load_weights(other, data, key="children/x")
        with pytest.raises(CorruptStateError, match=r"children/x is damaged, or .*: '.*' is "):
            load_weights(nn.Linear(2, 1), data, key="children/x")
        for damaged in (data[:-1], b""):
            with pytest.raises(CorruptStateError, match="children/x is damaged"):
                load_weights(self.network(), damaged, key="children/x")
            with pytest.raises(CorruptStateError, match="children/x is damaged"):
                read_info(damaged, key="children/x")


def to_the_end(trainer: EpochTrainer) -> EpochTrainer:
    while not trainer.is_done:
        trainer.run_epoch()
    return trainer


def without_times(trainer: EpochTrainer) -> list[EpochMetrics]:
    return [dataclasses.replace(metrics, seconds=0.0) for metrics in trainer.epochs]


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
