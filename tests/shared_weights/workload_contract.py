"""What every workload of shared weights promises; a new one costs a fixture and two architectures.

Its data can be learnt, and its super-network is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, get_args

import pytest
import torch
from torch import Tensor

from nas_lib.shared_weights.norm import BatchNormMode
from nas_lib.shared_weights.workload import Tokens, Workload, finite_score

MODES: tuple[BatchNormMode, ...] = get_args(BatchNormMode)

Make = Callable[..., Workload]
"""Makes a workload, alike each time.

Keywords: `weights`, what torch's generator is seeded with for the first weights; `seed`, the
search's; `batch_norm`; and settings of the weights, such as `precision`.
"""


class WorkloadContract:
    """Give a subclass named Test... a fixture `make`, and what stands here.

    Attributes:
        one: An architecture ...
        other: ... and another, which shares some of its weights and not all.
        of_one: How the name of some weight begins that only the first one uses ...
        of_other: ... and that only the other one uses.
        learning_rate: Of SGD, with which it learns ...
        momentum: ... and its Nesterov momentum.
        good: The score that six epochs are better than.
    """

    one: ClassVar[tuple[int, ...]]
    other: ClassVar[tuple[int, ...]]
    of_one: ClassVar[str]
    of_other: ClassVar[str]
    learning_rate: ClassVar[float]
    momentum: ClassVar[float] = 0.0
    good: ClassVar[float]

    def train(self, workload: Workload, tokens: Tokens, *epochs: int) -> list[float]:
        """Train an architecture for these epochs, return the loss at each step."""
        return train(workload, tokens, *epochs, rate=self.learning_rate, momentum=self.momentum)

    def assert_learns(self, workload: Workload) -> None:
        """Train for six epochs; the last one's mean loss is half of the first step's at most."""
        first, *_ = self.train(workload, self.one, 1, 2, 3, 4, 5)
        last = self.train(workload, self.one, 6)
        assert sum(last) / len(last) < first / 2

    def test_the_same_seed_of_torch_gives_the_same_first_weights(self, make: Make) -> None:
        first, again, others = (state(make(weights=weights)) for weights in (1, 1, 2))

        assert_equal(again, first)
        assert any(not torch.equal(others[name], tensor) for name, tensor in first.items())

    def test_an_epoch_repeats_and_differs_from_the_next_and_from_another_seed(
        self, make: Make
    ) -> None:
        def epoch_of(seed: int, epoch: int) -> list[Any]:
            batches = make(seed=seed).batches(epoch)
            return [[each.inputs.tolist(), each.targets.tolist()] for each in batches]

        assert epoch_of(7, 1) == epoch_of(7, 1)
        assert epoch_of(7, 1) != epoch_of(7, 2)
        assert epoch_of(7, 1) != epoch_of(8, 1)

    def test_an_epoch_has_the_announced_number_of_batches(self, make: Make) -> None:
        workload = make()

        for epoch in (1, 2):
            assert len(list(workload.batches(epoch))) == workload.num_batches(epoch)

    def test_a_loss_leads_back_to_weights_and_leaves_the_network_in_training_mode(
        self, make: Make
    ) -> None:
        workload = make()
        workload.network.eval()

        objective, cross_entropy = workload.loss(next(workload.batches(1)), self.one)

        assert workload.network.training
        assert objective.requires_grad
        assert objective.shape == cross_entropy.shape == ()
        assert objective >= cross_entropy > 0

    def test_an_architecture_learns_and_its_score_says_so(self, make: Make) -> None:
        workload = make()
        before = workload.score(self.one, mode="refit")

        self.assert_learns(workload)

        after = workload.score(self.one, mode="refit")
        assert workload.measure.is_better(after, before)
        assert workload.measure.is_better(after, self.good)

    def test_in_bfloat16_an_architecture_learns_too_and_its_weights_stay_float32(
        self, make: Make
    ) -> None:
        workload = make(precision="bfloat16")

        self.assert_learns(workload)

        kept = [x for x in state(workload).values() if x.is_floating_point()]  # no counts
        assert {tensor.dtype for tensor in kept} == {torch.float32}

    def test_training_touches_only_what_the_architecture_is_computed_from(self, make: Make) -> None:
        workload = make()
        before = state(workload)

        self.train(workload, self.one, 1)

        left = {name for name, x in state(workload).items() if torch.equal(x, before[name])}
        assert any(name.startswith(self.of_one) for name in before)
        assert any(name.startswith(self.of_other) for name in before)
        assert all(name in left for name in before if name.startswith(self.of_other))
        assert not any(name in left for name in before if name.startswith(self.of_one))
        scores = workload.score(self.one, mode="refit"), workload.score(self.other, mode="refit")
        with torch.no_grad():
            for name, tensor in workload.network.state_dict().items():
                if name in left:
                    tensor.add_(torch.nan)
        assert workload.score(self.one, mode="refit") == scores[0]
        assert workload.score(self.other, mode="refit") != scores[1]

    @pytest.mark.parametrize("mode", MODES)
    def test_judging_changes_nothing_in_the_network_and_repeats(
        self, make: Make, mode: BatchNormMode
    ) -> None:
        workload = make(batch_norm=mode)
        self.train(workload, self.one, 1)
        before = state(workload)

        scores = [workload.score(self.other, mode=mode) for _ in range(2)]
        quick_scores = [workload.quick_score(self.other, number=4) for _ in range(2)]

        assert scores[0] == scores[1]
        assert quick_scores[0] == quick_scores[1]
        assert_equal(state(workload), before)

    def test_judging_does_not_disturb_training(self, make: Make) -> None:
        losses = []
        for is_disturbed in (False, True):
            workload = make()
            batches = workload.batches(1)
            torch.manual_seed(0)
            workload.loss(next(batches), self.one)
            if is_disturbed:
                workload.quick_score(self.other, number=0)
                workload.score(self.other, mode="running")
            losses.append(workload.loss(next(batches), self.one))

        assert all(map(torch.equal, *losses))

    def test_the_mode_makes_a_difference_only_with_batch_norm(self, make: Make) -> None:
        workload = make()
        self.train(workload, self.one, 1)

        scores = {workload.score(self.one, mode=mode) for mode in MODES}

        assert workload.has_batch_norm == (len(scores) > 1)

    def test_a_quick_score_goes_by_its_number_and_another_seed_draws_otherwise(
        self, make: Make
    ) -> None:
        workload, again, otherwise = make(seed=7), make(seed=7), make(seed=8)
        self.train(workload, self.one, 1)
        for other in (again, otherwise):
            other.network.load_state_dict(state(workload))

        first, repeated, others = (
            [each.quick_score(self.one, number=number) for number in range(8)]
            for each in (workload, again, otherwise)
        )

        assert repeated == first
        assert len(set(first)) > 1
        assert others != first

    def test_architectures_with_the_same_number_are_judged_and_refitted_on_the_same_batches(
        self, make: Make
    ) -> None:
        workload = make(batch_norm="refit")
        seen: list[list[Any]] = []
        workload.network.register_forward_pre_hook(lambda _, given: seen.append(given[0].tolist()))

        judged = []
        for tokens, number in ((self.one, 3), (self.other, 3), (self.other, 4)):
            workload.quick_score(tokens, number=number)
            judged.append(seen[:])
            seen.clear()

        assert len(judged[0]) == 1 + workload.has_batch_norm
        assert judged[0] == judged[1] != judged[2]

    def test_restored_weights_learn_on_as_if_nothing_had_happened(self, make: Make) -> None:
        unbroken, first, second = make(), make(), make(weights=99)
        self.train(unbroken, self.one, 1)
        expected = self.train(unbroken, self.one, 2)

        self.train(first, self.one, 1)
        second.network.load_state_dict(state(first))

        assert self.train(second, self.one, 2) == expected
        assert_equal(state(second), state(unbroken))
        for mode in MODES:
            assert second.score(self.one, mode=mode) == unbroken.score(self.one, mode=mode)

    def test_an_overflow_counts_for_less_than_any_score(self, make: Make) -> None:
        workload = make()
        score = workload.score(self.one, mode="refit")

        assert finite_score(workload, score) == score
        for overflow in (math.inf, math.nan):
            assert workload.measure.is_better(score, finite_score(workload, overflow))


def train(
    workload: Workload, tokens: Tokens, *epochs: int, rate: float, momentum: float
) -> list[float]:
    """Train an architecture for these epochs, each with dropout of its own; return all losses."""
    optimizer = torch.optim.SGD(
        workload.network.parameters(), rate, momentum=momentum, nesterov=momentum > 0
    )
    losses = []
    for epoch in epochs:
        torch.manual_seed(epoch)
        for batch in workload.batches(epoch):
            optimizer.param_groups[0]["lr"] = rate * batch.weight
            objective, cross_entropy = workload.loss(batch, tokens)
            optimizer.zero_grad(set_to_none=True)
            objective.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(cross_entropy.item())
    return losses


def state(workload: Workload) -> dict[str, Tensor]:
    """Return a copy of weights and buffers."""
    return {name: tensor.clone() for name, tensor in workload.network.state_dict().items()}


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
