"""What ImageTrainer does besides what `trainer_contract` asks of every trainer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from toy_images import MANIFEST, children, image_trainer

from nas_lib.config import AugmentConfig
from nas_lib.errors import ArchitectureError
from nas_lib.networks import ImageNetwork
from nas_lib.records import EpochMetrics
from nas_lib.spaces import MicroPlan, RnnPlan
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.trainer import ImageTrainer, evaluate, predicted
from nas_lib.training.epoch_trainer import DivergedError


def test_every_epoch_has_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one, labels = image_trainer(children(batch_size=90)), list[Tensor]()

    def learn(x_BCHW: Tensor, y_B: Tensor, progress: float) -> Tensor:
        labels.append(y_B)
        return torch.zeros(())

    monkeypatch.setattr(one, "_learn", learn)

    one.run_epoch()
    one.run_epoch()

    assert torch.equal(labels[0].sort().values, labels[1].sort().values)
    assert not torch.equal(labels[0], labels[1])


def test_an_infinite_weight_is_found_where_the_losses_hide_it() -> None:
    one = image_trainer(children(weight_decay=0))
    with torch.no_grad():  # ReLU makes 0 of it
        dict(one.network.named_parameters())["layers.0.convs.0.norm.bias"][0] = -torch.inf

    with pytest.raises(DivergedError, match="in epoch 1 a weight became infinite"):
        one.run_epoch()


class Linear(ImageNetwork):
    """Two logits from one pixel; equal at first."""

    def __init__(self, *_: object, **settings: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 2)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.linear(images_BCHW.flatten(1))
        return logits_BK


class TwoHeaded(Linear):
    """The auxiliary classifier looks at the same pixel."""

    def __init__(self, *_: object, **settings: Any) -> None:
        super().__init__()
        self.auxiliary = Linear()

    def both_logits(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        return self(images_BCHW), self.auxiliary(images_BCHW)


class LinearPlan:
    """What there is to say of one linear layer."""

    network: ClassVar[str] = f"{__name__}:Linear"
    brief = "linear"
    num_layers = 1

    @classmethod
    def parse(cls, text: str) -> LinearPlan:
        return cls()


class TwoHeadedPlan(LinearPlan):
    """The same with another network."""

    network: ClassVar[str] = f"{__name__}:TwoHeaded"


def one_step(plan: LinearPlan, **settings: Any) -> tuple[ImageTrainer, EpochMetrics]:
    """Train a network on two images, of one pixel of 1 and 2 and classes 0 and 1, for one step."""
    both = ImageTensors(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1]))
    augment = AugmentConfig(pad=0, flip=False)
    one = image_trainer(
        children(epochs=1, learning_rate=0.1, augment=augment, **settings),
        images=ImageSplits(train=both, valid=both),
        plan=plan,
        manifest=replace(MANIFEST, image_shape=(1, 1, 1), mean=(0.0,), std=(1.0,)),
    )
    return one, one.run_epoch()


def test_one_step_of_sgd_is_the_one_computed_by_hand() -> None:
    one, metrics = one_step(LinearPlan(), momentum=0.9, weight_decay=0.2)

    # Equal logits: both classes have probability 1/2, the loss is log 2. Gradient of weight 0:
    # ((1/2 - 1) x 1 + (1/2 - 0) x 2) / 2 = 0.25, of weight 1 -0.25; of the biases 0. With weight
    # decay 0.25 + 0.2 x 1 = 0.45 and -0.05. Nesterov's first step is (1 + momentum) x gradient:
    # 1 - 0.1 x 1.9 x 0.45 = 0.9145 and 1 + 0.1 x 1.9 x 0.05 = 1.0095.
    weight, bias = one.network.parameters()
    assert metrics.train_loss == pytest.approx(math.log(2))
    assert weight.flatten().tolist() == pytest.approx([0.9145, 1.0095])
    assert bias.tolist() == [0, 0]


@pytest.mark.parametrize(("clip_norm", "length"), [(0.2, 0.2), (0.5, 0.125**0.5)])
def test_gradients_of_all_weights_together_are_shortened_to_the_norm(
    clip_norm: float, length: float
) -> None:
    one, _ = one_step(LinearPlan(), momentum=0, nesterov=False, weight_decay=0, clip_norm=clip_norm)

    # the gradient is (0.25, -0.25) as above, of norm 0.125^(1/2) = 0.354
    step = 0.1 * length / 2**0.5
    weight = next(one.network.parameters())
    assert weight.flatten().tolist() == pytest.approx([1 - step, 1 + step], rel=1e-5)


def test_the_auxiliary_loss_counts_by_its_weight_and_is_not_the_loss_that_is_told() -> None:
    one, metrics = one_step(
        TwoHeadedPlan(), momentum=0, nesterov=False, weight_decay=0, auxiliary_weight=0.4
    )

    # of its own weights as above 0.25, times 0.4
    weight, _, of_auxiliary, _ = one.network.parameters()
    assert weight.flatten().tolist() == pytest.approx([0.975, 1.025])
    assert of_auxiliary.flatten().tolist() == pytest.approx([0.99, 1.01])
    assert metrics.train_loss == pytest.approx(math.log(2))
    assert one.kept().keys() == {"linear.weight", "linear.bias"}


def test_a_plan_of_no_network_for_images_is_refused() -> None:
    plan = RnnPlan.parse("6 units | tanh | relu(0) | mean of 1")

    with pytest.raises(ArchitectureError, match="CellModel is no network for images"):
        image_trainer(children(), plan=plan)


def test_the_auxiliary_classifier_learns_and_is_not_kept() -> None:
    plan = MicroPlan.parse(
        "3 cells, 2 filters | normal: sep3(0)+max3(1) | reduction: avg3(0)+identity(1)"
    )
    one = image_trainer(children(epochs=1, auxiliary_weight=0.4), plan=plan)
    auxiliary = one.network.get_submodule("auxiliary")
    before = [x.clone() for x in auxiliary.parameters()]

    one.run_epoch()

    assert not any(torch.equal(x, y) for x, y in zip(before, auxiliary.parameters(), strict=True))
    assert any(name.startswith("auxiliary.") for name in one.best)
    assert not any(name.startswith("auxiliary.") for name in one.kept())


def test_the_network_knows_how_much_of_training_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    one, progress = image_trainer(children(epochs=2, batch_size=45)), []
    monkeypatch.setattr(one._optimizer, "step", lambda: progress.append(one.network.progress))

    one.run_epoch()
    one.run_epoch()

    assert progress == [0, 0.25, 0.5, 0.75]  # 2 epochs of 2 steps


def test_the_rate_follows_its_schedule_from_step_to_step(monkeypatch: pytest.MonkeyPatch) -> None:
    one, rates = image_trainer(children(epochs=2, batch_size=45, learning_rate=0.1)), []
    optimizer = one._optimizer
    monkeypatch.setattr(optimizer, "step", lambda: rates.append(optimizer.param_groups[0]["lr"]))

    epochs = [one.run_epoch(), one.run_epoch()]

    # 2 epochs of 2 steps: 0.1 x (1 + cos) / 2 at 0, 45, 90, 135 degrees; cos 45 = 0.70711
    assert rates == pytest.approx([0.1, 0.085355, 0.05, 0.014645], rel=1e-4)
    assert [metrics.learning_rate for metrics in epochs] == pytest.approx([0.1, 0.05])


def test_the_size_is_that_of_the_network() -> None:
    cost = image_trainer(children()).cost

    # weights 8 x 3 = 24, 6 x (8 + 8) x 2 = 192, BatchNorm 16 + 12, classifier 3 x 6 + 3
    assert cost.num_parameters == 24 + 192 + 28 + 21
    # at 6 x 6 pixels 24 x 36 = 864 and 192 x 36 = 6912, and 18 of the classifier
    assert cost.num_multiply_adds == 864 + 6912 + 18


class TestEvaluation:
    def test_loss_and_accuracy_are_means_over_all_images(self) -> None:
        linear = nn.Linear(1, 2)
        network = nn.Sequential(nn.Flatten(), linear)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor([[0.0], [math.log(3)]]))  # logits 0 and log(3) x
            linear.bias.zero_()
        # standardised (pixel - 1) / 2: 1, for which class 1 has probability 3 / (1 + 3)
        images = ImageTensors(torch.full((400, 1, 1, 1), 3.0), torch.tensor([1] * 300 + [0] * 100))

        loss, accuracy = evaluate(network, images, mean=[1.0], std=[2.0])

        assert accuracy == 0.75
        assert predicted(network, images, mean=[1.0], std=[2.0]).tolist() == [1] * 400
        assert loss == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))

    def test_batch_normalisation_uses_its_statistics_and_keeps_them(self) -> None:
        norm = nn.BatchNorm2d(1)
        network = nn.Sequential(norm, nn.Flatten())
        images = ImageTensors(torch.tensor([3.0, 5.0]).reshape(2, 1, 1, 1), torch.tensor([0, 0]))

        evaluate(network, images, mean=[0.0], std=[1.0])

        assert not network.training
        assert norm.running_mean is not None
        assert norm.running_mean.tolist() == [0.0]
