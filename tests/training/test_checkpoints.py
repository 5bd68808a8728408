from __future__ import annotations

import dataclasses
from typing import Any, cast
from uuid import uuid4

import pytest
import torch
from torch import nn

from nas_lib.errors import StoreError
from nas_lib.records import EpochMetrics
from nas_lib.store import ObjectStore, open_store
from nas_lib.training.checkpoints import Checkpoint, Checkpoints

CHILD = "r000-000017-03"
NETWORK = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


@pytest.fixture
def store() -> ObjectStore:
    return open_store(f"memory://{uuid4().hex}")


def checkpoint(epoch: int, network: nn.Module = NETWORK) -> Checkpoint:
    epochs = tuple(
        EpochMetrics(number, 1.0, 1.1, 0.5, learning_rate=0.1, seconds=2.0)
        for number in range(1, epoch + 1)
    )
    momentum = {name: torch.full_like(x, epoch) for name, x in network.named_parameters()}
    average = {name: torch.full_like(x, -epoch) for name, x in network.state_dict().items()}
    return Checkpoint(epochs, network.state_dict(), momentum, best={}, average=average)


def keys(store: ObjectStore) -> list[str]:
    return [info.key for info in store.list("checkpoints")]


def test_the_newest_checkpoint_comes_back_as_it_was(store: ObjectStore) -> None:
    Checkpoints(store, CHILD, every_s=0).save(checkpoint(1))
    Checkpoints(store, CHILD, every_s=0).save(checkpoint(2))

    again = Checkpoints(store, CHILD, every_s=0)
    found = again.latest(NETWORK)

    assert keys(store)[-1] == f"checkpoints/{CHILD}/0002.safetensors"
    assert found is not None
    assert found.epochs == checkpoint(2).epochs
    torch.testing.assert_close(dict(found.model), NETWORK.state_dict(), rtol=0, atol=0)
    assert found.momentum["0.bias"].tolist() == [2, 2, 2]
    assert found.average["0.bias"].tolist() == [-2, -2, -2]
    assert found.best == {}
    assert again.problems == []


def test_without_checkpoints_there_is_none(store: ObjectStore) -> None:
    checkpoints = Checkpoints(store, CHILD, every_s=0)

    assert checkpoints.latest(NETWORK) is None
    assert keys(store) == []


def test_the_newest_two_are_kept(store: ObjectStore) -> None:
    checkpoints = Checkpoints(store, CHILD, every_s=0)

    for epoch in (3, 5, 10_000, 10_001):
        checkpoints.save(checkpoint(epoch))

    folder = f"checkpoints/{CHILD}"
    assert keys(store) == [f"{folder}/10000.safetensors", f"{folder}/10001.safetensors"]


def test_a_checkpoint_is_due_some_time_after_the_start_and_after_each_other(
    store: ObjectStore,
) -> None:
    now_s = 100.0
    checkpoints = Checkpoints(store, CHILD, every_s=10, clock=lambda: now_s)
    assert not checkpoints.due()

    now_s = 110.0
    assert checkpoints.due()
    checkpoints.save(checkpoint(1))
    assert not checkpoints.due()

    now_s = 119.9
    assert not checkpoints.due()
    now_s = 120.0
    assert checkpoints.due()


OTHER_NETWORK = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))


@pytest.mark.parametrize(
    "damaged",
    [
        checkpoint(7).to_bytes()[:-5],
        b"\xff" * 100,
        checkpoint(7, OTHER_NETWORK).to_bytes(),
        dataclasses.replace(checkpoint(7), momentum={"0.bias": torch.zeros(3)}).to_bytes(),
        dataclasses.replace(checkpoint(7), average={"0.bias": torch.zeros(3)}).to_bytes(),
        checkpoint(6).to_bytes(),
    ],
    ids=["truncated", "bad header", "another network", "momentum", "average", "another epoch"],
)
def test_a_damaged_one_is_set_aside_and_the_one_before_is_used(
    store: ObjectStore, damaged: bytes
) -> None:
    checkpoints = Checkpoints(store, CHILD, every_s=0)
    checkpoints.save(checkpoint(5))
    store.create(f"checkpoints/{CHILD}/0007.safetensors", damaged)

    found = checkpoints.latest(NETWORK)

    assert found is not None
    assert len(found.epochs) == 5
    (problem,) = checkpoints.problems
    assert f"checkpoints/{CHILD}/0007.safetensors is damaged" in problem
    assert store.get(f"checkpoints/{CHILD}/damaged/0007.safetensors") == damaged
    checkpoints.save(checkpoint(7))  # its place is free again
    newest = Checkpoints(store, CHILD, every_s=0).latest(NETWORK)
    assert newest is not None
    assert len(newest.epochs) == 7


def test_one_that_another_run_has_removed_meanwhile_is_passed_over(store: ObjectStore) -> None:
    class Racing:
        """Lists a checkpoint that is gone when it is read."""

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def get(self, key: str, *, at_most: int | None = None) -> bytes:
            if key.endswith("0002.safetensors"):
                store.delete(key)
            return store.get(key)

    checkpoints = Checkpoints(cast(ObjectStore, Racing()), CHILD, every_s=0)
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))

    found = checkpoints.latest(NETWORK)

    assert found is not None
    assert len(found.epochs) == 1


def altered(network: nn.Module, name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**network.state_dict(), name: tensor}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"model": altered(NETWORK, "0.weight", torch.ones(3, 2).double())}, "got float64 [3, 2]"),
        ({"model": altered(NETWORK, "0.weight", torch.full((3, 2), torch.nan))}, "not finite"),
        ({"best": altered(NETWORK, "0.bias", torch.ones(4))}, "expected 0.bias to be float32 [3]"),
        ({"momentum": {"0.bias": torch.ones(3)}}, "'0.weight' is missing"),
        ({"steps": {"0.weight": torch.ones(3)}}, "'0.bias' is missing"),
        ({"epochs": checkpoint(3).epochs[1:]}, "its 2 epochs are not those from 1 to 2"),
    ],
)
def test_one_that_is_whole_and_of_something_else_is_set_aside(
    store: ObjectStore, change: dict[str, object], wrong: str
) -> None:
    Checkpoints(store, CHILD, every_s=0).save(checkpoint(1))
    Checkpoints(store, CHILD, every_s=0).save(dataclasses.replace(checkpoint(2), **change))

    again = Checkpoints(store, CHILD, every_s=0)
    found = again.latest(NETWORK)

    assert found is not None
    assert len(found.epochs) == 1
    assert wrong in again.problems[0]


class FullStore:
    """A store in which nothing can be created as long as it is full."""

    def __init__(self, objects: ObjectStore) -> None:
        self.is_full = True
        self._objects = objects

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def create(self, key: str, data: bytes) -> bool:
        if self.is_full:
            raise StoreError(f"cannot write {key} in {self._objects.uri}: no space left")
        return self._objects.create(key, data)


def test_one_that_cannot_be_stored_is_skipped_with_a_word_and_soon_tried_again(
    store: ObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = 0.0
    full = FullStore(store)
    checkpoints = Checkpoints(cast("ObjectStore", full), CHILD, every_s=10, clock=lambda: now_s)
    now_s = 10.0

    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))

    assert keys(store) == []
    assert checkpoints.due()
    key = f"checkpoints/{CHILD}/0002.safetensors"
    why = f"cannot write {key} in {store.uri}: no space left"
    assert checkpoints.problems == [f"2 checkpoint(s) skipped: {why}"]
    assert capsys.readouterr().err.splitlines()[-1] == f"nas: {why}; training goes on"
    full.is_full = False
    checkpoints.save(checkpoint(3))
    assert keys(store) == [f"checkpoints/{CHILD}/0003.safetensors"]
    assert not checkpoints.due()
