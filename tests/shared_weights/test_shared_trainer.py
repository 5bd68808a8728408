from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from toy_workload import DECISIONS, ToyWorkload

from nas_lib.config import (
    ControllerConfig,
    ImageWeightsConfig,
    RandomConfig,
    ReinforceConfig,
    SharedConfig,
)
from nas_lib.controllers import build_controller
from nas_lib.errors import CorruptStateError
from nas_lib.records import SharedEpoch
from nas_lib.results.measure import PERPLEXITY
from nas_lib.shared_weights.checkpoint import SharedCheckpoint
from nas_lib.shared_weights.trainer import SharedTrainer
from nas_lib.shared_weights.workload import Batch, Tokens
from nas_lib.training.epoch_trainer import DivergedError

SHARED = SharedConfig(
    weights=ImageWeightsConfig(epochs=6, schedule="constant"),
    controller_steps=3,
    architectures_per_step=5,
)
IN_COMMON = SHARED.model_copy(update={"validation_batches": "common"})
LEARNING = ReinforceConfig(learning_rate=0.05)


def trainer(
    workload: ToyWorkload | None = None,
    *,
    shared: SharedConfig = SHARED,
    controller: ControllerConfig = LEARNING,
    goodness: Callable[[float], float] = lambda score: score,
) -> SharedTrainer:
    built = build_controller(controller, DECISIONS)
    return SharedTrainer(
        shared,
        workload or ToyWorkload(),
        built,
        DECISIONS,
        shards=built.init(seed=1, num_shards=1),
        in_common=shared.judges_in_common(controller),
        goodness=goodness,
        seed=7,
        run="run",
    )


def with_weights(**settings: Any) -> SharedConfig:
    """Return the settings with others for the weights."""
    return SHARED.model_copy(update={"weights": SHARED.weights.model_copy(update=settings)})


def run_epochs(training: SharedTrainer, num: int) -> list[SharedEpoch]:
    return [training.run_epoch() for _ in range(num)]


def timeless(metrics: SharedEpoch) -> dict[str, object]:
    """All that repeats."""
    times = ("seconds", "controller_seconds", "created_s")
    return {name: value for name, value in vars(metrics).items() if name not in times}


def test_an_epoch_is_a_pass_with_an_architecture_per_batch_and_then_controller_steps() -> None:
    workload = ToyWorkload()

    metrics = trainer(workload).run_epoch()

    assert len(workload.seen) == metrics.num_steps == 4
    assert len(set(workload.seen)) > 1
    assert workload.numbers == list(range(15))  # 3 steps x 5 architectures, each its own batch
    assert metrics.num_evaluations == 15
    assert metrics.metrics["mean_reward"] == metrics.mean_score


def test_later_epochs_go_on_to_other_batches_and_architectures() -> None:
    workload = ToyWorkload()
    training = trainer(workload)

    first, second = training.run_epoch(), training.run_epoch()

    assert (first.epoch, second.epoch) == (1, 2)
    assert workload.numbers[15:] == list(range(15, 30))
    assert workload.seen[:4] != workload.seen[4:]


def test_architectures_of_one_step_may_be_judged_on_the_same_batch() -> None:
    workload = ToyWorkload()
    training = trainer(workload, shared=IN_COMMON)

    run_epochs(training, 2)

    # 2 epochs x 3 steps, of 5 architectures each: another batch for each step
    assert workload.numbers == [step for step in range(6) for _ in range(5)]


def test_how_hard_a_batch_is_teaches_nothing_where_a_step_has_it_in_common() -> None:
    class HardAndEasy(ToyWorkload):
        def quick_score(self, tokens: Tokens, *, number: int) -> float:
            return super().quick_score(tokens, number=number) - 0.5 * (number % 2)

    against_each_other = LEARNING.model_copy(update={"baseline": "leave_one_out"})
    judged = [
        trainer(workload, shared=IN_COMMON, controller=against_each_other)
        for workload in (ToyWorkload(), HardAndEasy())
    ]
    for each in judged:
        each.run_epoch()

    even, uneven = (each.shards[0].values for each in judged)
    assert even == pytest.approx(uneven, abs=1e-4)  # Adam makes much of rounded gradients
    assert even != pytest.approx(trainer().shards[0].values, abs=1e-2)


def test_only_weights_in_use_move() -> None:
    class OneArchitecture(ToyWorkload):
        def loss(self, batch: Batch, tokens: Tokens) -> tuple[torch.Tensor, torch.Tensor]:
            return super().loss(batch, (1, 0))

    workload = OneArchitecture()

    training = trainer(workload, shared=with_weights(weight_decay=0.1))
    training.run_epoch()

    moved = {name for name, weight in workload.network.named_parameters() if weight.any()}
    assert moved == {"options.0.1", "options.1.0"}


def test_the_controller_comes_to_prefer_what_scores_well() -> None:
    shared = SHARED.model_copy(update={"controller_steps": 2, "architectures_per_step": 20})
    training = trainer(shared=shared)

    metrics = run_epochs(training, 12)

    assert metrics[0].mean_score < 0.7
    assert metrics[-1].mean_score > 0.9
    assert metrics[-1].metrics["baseline"] > 0.8


def test_the_controller_may_begin_to_learn_later() -> None:
    training = trainer(shared=SHARED.model_copy(update={"controller_after": 2}))
    first = training.shards[0].values.copy()

    early = run_epochs(training, 2)
    unchanged = (training.shards[0].values == first).all()
    later = training.run_epoch()

    assert unchanged
    assert [each.num_evaluations for each in early] == [0, 0]
    assert [each.metrics for each in early] == [{}, {}]
    assert later.num_evaluations == 15
    assert set(later.metrics) == {"mean_reward", "entropy", "baseline"}
    assert (training.shards[0].values != first).any()


def test_random_search_trains_the_same_weights_and_learns_nothing() -> None:
    workload = ToyWorkload()

    training = trainer(workload, controller=RandomConfig())
    metrics = training.run_epoch()

    assert len(workload.seen) == 4
    assert metrics.num_evaluations == 0
    assert metrics.metrics == {}
    assert 0 <= metrics.mean_score <= 1  # of a few architectures, to look at


@pytest.mark.parametrize(
    ("stopped_after", "together"), [(1, False), (3, False), (1, True), (3, True)]
)
def test_a_restored_training_goes_on_as_the_unbroken_one(
    stopped_after: int, together: bool
) -> None:
    shared = with_weights(schedule="cosine_restarts", first_cycle=2)
    controller = LEARNING
    if together:
        shared = shared.model_copy(update={"validation_batches": "common"})
        controller = LEARNING.model_copy(update={"baseline": "leave_one_out"})
    whole = trainer(shared=shared, controller=controller)
    expected = run_epochs(whole, 5)

    first = trainer(shared=shared, controller=controller)
    metrics = run_epochs(first, stopped_after)[-1]
    stored = first.checkpoint(metrics).to_bytes()
    torch.manual_seed(99)  # another process
    second = trainer(shared=shared, controller=controller)
    second.restore(SharedCheckpoint.from_bytes(stored, key="checkpoint"))
    found = run_epochs(second, 5 - stopped_after)

    assert [timeless(each) for each in found] == [
        timeless(each) for each in expected[stopped_after:]
    ]
    assert _tensors(second, found[-1]) == _tensors(whole, expected[-1])


def _tensors(training: SharedTrainer, metrics: SharedEpoch) -> dict[str, object]:
    checkpoint = training.checkpoint(metrics)
    shards = {"controller": [shard.to_bytes() for shard in checkpoint.controller]}
    parts: Sequence[tuple[str, dict[str, torch.Tensor]]] = [
        ("network", dict(checkpoint.network)),
        ("momentum", dict(checkpoint.momentum)),
    ]
    return shards | {
        f"{part}/{name}": tensor.tolist() for part, found in parts for name, tensor in found.items()
    }


def test_a_gradient_that_is_not_finite_makes_no_step() -> None:
    class Overflowing(ToyWorkload):
        def loss(self, batch: Batch, tokens: Tokens) -> tuple[torch.Tensor, torch.Tensor]:
            loss, cross_entropy = super().loss(batch, tokens)
            if len(self.seen) == 2:
                return loss * torch.inf, cross_entropy * torch.inf
            return loss, cross_entropy

    workload = Overflowing()

    metrics = trainer(workload).run_epoch()

    assert 0 < metrics.train_loss < 100
    assert all(weight.isfinite().all() for weight in workload.network.parameters())


def test_without_clipping_weights_that_overflow_end_the_training_with_a_sentence() -> None:
    shared = with_weights(clip_norm=None, learning_rate=1e30)

    with pytest.raises(DivergedError, match=r"shared weights diverged: in epoch \d+"):
        run_epochs(trainer(shared=shared), 2)


def test_a_long_gradient_is_shortened() -> None:
    class Steep(ToyWorkload):
        def num_batches(self, epoch: int) -> int:
            return 1

        def loss(self, batch: Batch, tokens: Tokens) -> tuple[torch.Tensor, torch.Tensor]:
            self.network.train()
            loss = 1000 * self.network.options[0][tokens[0]].sum()
            return loss, loss

    workload = Steep()
    plain = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "learning_rate": 1.0}

    trainer(workload, shared=with_weights(**plain, clip_norm=0.5)).run_epoch()

    moved = torch.cat([weight.detach() for weight in workload.network.parameters()])
    # one step along a gradient of length 1000 x sqrt(2), shortened to 0.5
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize(
    "damage",
    ["another network", "another epoch", "another controller", "more shards", "truncated"],
)
def test_a_checkpoint_of_something_else_is_refused(damage: str) -> None:
    training = trainer()
    data = training.checkpoint(training.run_epoch()).to_bytes()
    network = torch.nn.Linear(1, 1) if damage == "another network" else ToyWorkload().network
    data = data[:-3] if damage == "truncated" else data
    epoch = 2 if damage == "another epoch" else 1

    with pytest.raises(CorruptStateError, match="checkpoint 7 is damaged"):
        SharedCheckpoint.checked(
            data,
            epoch,
            "checkpoint 7",
            network=network,
            controller=build_controller(
                RandomConfig() if damage == "another controller" else LEARNING, DECISIONS
            ),
            num_shards=2 if damage == "more shards" else 1,
        )


def test_an_architecture_that_overflows_is_rewarded_with_nothing_and_left_out_of_the_mean() -> None:
    class Overflowing(ToyWorkload):
        measure = PERPLEXITY

        def quick_score(self, tokens: Tokens, *, number: int) -> float:
            return float("nan") if number == 0 else 50.0

    metrics = trainer(Overflowing(), goodness=lambda score: 80 / score).run_epoch()

    assert metrics.mean_score == 50
    assert metrics.metrics["mean_reward"] == pytest.approx(
        14 / 15 * 80 / 50
    )  # of 15, one got 80 / 1e9
