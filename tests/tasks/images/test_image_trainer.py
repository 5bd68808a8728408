"""What ImageTrainer does besides what `trainer_contract` asks of every trainer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from toy_images import IMAGES, MANIFEST, PLAN, children, image_trainer

from nas_lib.config import AugmentConfig
from nas_lib.data.tensors import MappedRows
from nas_lib.errors import ArchitectureError
from nas_lib.networks import ImageNetwork
from nas_lib.records import EpochMetrics
from nas_lib.spaces import MicroPlan, RnnPlan
from nas_lib.tasks.images import batches
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.trainer import ImageTrainer, all_logits, evaluate
from nas_lib.training.epoch_trainer import DivergedError

CELLS = MicroPlan.parse(
    "3 cells, 2 filters | normal: sep3(0)+max3(1) | reduction: avg3(0)+identity(1)"
)
ONE_PIXEL = replace(
    MANIFEST, image_shape=(1, 1, 1), class_names=("0", "1"), mean=(0.0,), std=(1.0,)
)


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


def one_step(
    plan: LinearPlan, *, seed: int = 5, **settings: Any
) -> tuple[ImageTrainer, EpochMetrics]:
    """Train a network on two images, of one pixel of 1 and 2 and classes 0 and 1, for one step."""
    both = ImageTensors(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1]))
    augment = AugmentConfig(pad=0, flip=False)
    one = image_trainer(
        children(epochs=1, learning_rate=0.1, augment=augment, **settings),
        images=ImageSplits(train=both, valid=both),
        plan=plan,
        seed=seed,
        manifest=ONE_PIXEL,
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


def test_smoothed_labels_are_what_is_learnt() -> None:
    one, _ = one_step(LinearPlan(), momentum=0, nesterov=False, weight_decay=0, label_smoothing=0.2)

    # Targets 0.8 x 1 + 0.2 / 2 = 0.9 and 0.1. Gradient of weight 0:
    # ((1/2 - 0.9) x 1 + (1/2 - 0.1) x 2) / 2 = 0.2
    weight = next(one.network.parameters())
    assert weight.flatten().tolist() == pytest.approx([0.98, 1.02])


def test_losses_count_by_the_weight_of_their_class() -> None:
    weights = {"1": 3.0}
    one, metrics = one_step(
        LinearPlan(), momentum=0, nesterov=False, weight_decay=0, class_weights=weights
    )

    # Weights 1 and 3 have the mean 2, and become 1/2 and 3/2. Gradient of weight 0, as above:
    # (1/2 x (1/2 - 1) x 1 + 3/2 x (1/2 - 0) x 2) / 2 = 0.625
    weight = next(one.network.parameters())
    assert weight.flatten().tolist() == pytest.approx([1 - 0.0625, 1 + 0.0625])
    assert metrics.train_loss == pytest.approx(math.log(2))


def test_mixed_images_are_learnt_with_mixed_targets() -> None:
    one, _ = one_step(LinearPlan(), seed=7, momentum=0, nesterov=False, weight_decay=0, mixup=1.0)
    ((x_BCHW, targets_BK),) = one._batches(1)

    # logits are equal, as above: the gradient of weight 0 is the mean of (1/2 - target 0) x pixel
    gradient = ((0.5 - targets_BK[:, 0]) * x_BCHW.flatten()).mean().item()
    weight = next(one.network.parameters())
    assert weight[0].item() == pytest.approx(1 - 0.1 * gradient)
    assert 0 < targets_BK[0, 0] < 1  # by this seed the two changed places


class Fitted(Linear):
    """Its bias is the mean of the images that it begins with."""

    def begin(self, images_BCHW: Tensor) -> None:
        with torch.no_grad():
            self.linear.bias += images_BCHW.mean()


class FittedPlan(LinearPlan):
    """The same with a network that looks at images first."""

    network: ClassVar[str] = f"{__name__}:Fitted"


def test_first_weights_may_depend_on_the_images_and_are_made_once() -> None:
    settings = {"momentum": 0, "nesterov": False, "weight_decay": 0, "average_decay": 0.5}
    one, _ = one_step(FittedPlan(), **settings)

    # The mean of 1 and 2 is 1.5. As above, biases have no gradient: it is what the average holds.
    _, bias = one.network.parameters()
    assert bias.tolist() == [1.5, 1.5]
    assert one.best["linear.bias"].tolist() == [1.5, 1.5]


def test_one_that_goes_on_does_not_begin_again() -> None:
    settings: dict[str, Any] = {"epochs": 2, "augment": AugmentConfig(pad=0, flip=False)}
    pixels = ImageTensors(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1]))

    def trainer() -> ImageTrainer:
        return image_trainer(
            children(**settings),
            images=ImageSplits(train=pixels, valid=pixels),
            plan=FittedPlan(),
            manifest=ONE_PIXEL,
        )

    whole, resumed = trainer(), trainer()
    whole.run_epoch()
    resumed.restore(whole.checkpoint())
    whole.run_epoch()
    resumed.run_epoch()

    torch.testing.assert_close(resumed.network.state_dict(), whole.network.state_dict())


def test_the_average_is_judged_and_kept_while_training_goes_on_from_its_own_weights() -> None:
    plain, averaged = (image_trainer(children(average_decay=decay)) for decay in (0.0, 0.95))
    while not averaged.is_done:
        plain.run_epoch()
        averaged.run_epoch()

    for mine, theirs in zip(
        plain.network.state_dict().values(), averaged.network.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)
    found = averaged.judged.state_dict()
    assert averaged.judged is not averaged.network
    assert not torch.equal(found["classifier.weight"], plain.best["classifier.weight"])
    name = "layers.0.convs.0.norm.running_mean"
    assert not torch.equal(found[name], plain.network.state_dict()[name])
    mean, std = MANIFEST.mean, MANIFEST.std
    judged = evaluate(averaged.judged, IMAGES.valid, mean=mean, std=std)
    assert judged.loss == averaged.epochs[-1].valid_loss


def test_with_validation_images_all_are_learnt_and_the_last_epoch_counts() -> None:
    one = image_trainer(children(include_validation=True, batch_size=27, epochs=2))
    labels = torch.cat([y_B for _, y_B in one._batches(1)])

    one.run_epoch()
    assert one.best_epoch() is None
    last = one.run_epoch()

    both = torch.cat([IMAGES.train.labels, IMAGES.valid.labels])
    assert torch.equal(labels.sort().values, both.sort().values)
    assert one.best_epoch() is last


def test_few_images_are_gone_through_several_times_in_an_epoch() -> None:
    flips = AugmentConfig(pad=0, flip="alternating")
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 45, "augment": flips}
    one = image_trainer(children(min_steps=5, **settings))
    batches = list(one._batches(1))
    x_BCHW, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))

    one.run_epoch()

    # 90 images are 2 batches: thrice through them makes 6, twice only 4
    assert [len(y_B) for _, y_B in batches] == [45] * 6
    counts = torch.bincount(labels)
    assert torch.equal(counts, 3 * torch.bincount(IMAGES.train.labels))
    assert one.epochs[0].train_loss > 0
    assert one.network.progress == pytest.approx(5 / 12)
    # of three passes two flip an image alike, and one does not
    assert len(x_BCHW.unique(dim=0)) == 2 * 90


# Of trainings before there were averages, mixed images and so on; computed on a CPU.
LOSSES_BEFORE = {
    "momentum": ([1.0799741, 0.8722126, 0.6625996, 0.5650932], 0.4394359),
    "everything random": ([2.1120529, 1.3079369, 0.9940384, 1.1951034], 0.9029935),
}


@pytest.mark.parametrize("name", LOSSES_BEFORE)
def test_a_training_without_these_settings_is_what_it_was_before_them(name: str) -> None:
    settings: dict[str, Any] = {"epochs": 4}
    if name != "momentum":
        settings |= {"batch_size": 30, "dropout": 0.2, "drop_path": 0.4, "auxiliary_weight": 0.4}
        settings |= {"clip_norm": 1.0, "schedule": "cosine_restarts", "first_cycle": 1}
        settings |= {"augment": AugmentConfig(pad=1, flip=True, cutout=2)}
    one = image_trainer(children(**settings), plan=PLAN if name == "momentum" else CELLS)

    epochs = [one.run_epoch() for _ in range(4)]

    train_losses, valid_loss = LOSSES_BEFORE[name]
    assert [metrics.train_loss for metrics in epochs] == pytest.approx(train_losses, rel=1e-4)
    assert epochs[-1].valid_loss == pytest.approx(valid_loss, rel=1e-4)


def test_a_plan_of_no_network_for_images_is_refused() -> None:
    plan = RnnPlan.parse("6 units | tanh | relu(0) | mean of 1")

    with pytest.raises(ArchitectureError, match="CellModel is no network for images"):
        image_trainer(children(), plan=plan)


def test_the_auxiliary_classifier_learns_and_is_not_kept() -> None:
    one = image_trainer(children(epochs=1, auxiliary_weight=0.4), plan=CELLS)
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
        logits_NK = all_logits(network, images, mean=[1.0], std=[2.0])
        assert logits_NK.argmax(dim=1).tolist() == [1] * 400
        assert loss == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))

    def test_batch_normalisation_uses_its_statistics_and_keeps_them(self) -> None:
        norm = nn.BatchNorm2d(1)
        network = nn.Sequential(norm, nn.Flatten())
        images = ImageTensors(torch.tensor([3.0, 5.0]).reshape(2, 1, 1, 1), torch.tensor([0, 0]))

        evaluate(network, images, mean=[0.0], std=[1.0])

        assert not network.training
        assert norm.running_mean is not None
        assert norm.running_mean.tolist() == [0.0]


def test_large_images_give_the_same_weights_from_shards_and_another_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sharded(part: ImageTensors) -> ImageTensors:
        return ImageTensors(MappedRows(part.images.split(20)), part.labels)

    in_shards = ImageSplits(sharded(IMAGES.train), sharded(IMAGES.valid))
    settings: dict[str, Any] = {
        "mixup": 0.3,
        "dropout": 0.2,
        "include_validation": True,
        "augment": AugmentConfig(pad=1, flip="alternating", cutout=2),
    }
    trainers = []
    for images, least in ((IMAGES, math.inf), (in_shards, 0)):
        monkeypatch.setattr(batches, "_WORTH_A_THREAD", least)
        trainers.append(image_trainer(children(**settings), images=images))
        for _ in range(2):
            trainers[-1].run_epoch()

    whole, other = trainers
    for mine, its in zip(other.epochs, whole.epochs, strict=True):
        assert replace(mine, seconds=its.seconds) == its
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, other.network.state_dict()[name])
