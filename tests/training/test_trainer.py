from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from toy_images import CHILD, IMAGES, MANIFEST, children

from nas_lib.architecture import Architecture
from nas_lib.config import AugmentConfig, ChildrenConfig
from nas_lib.data.loading import ImageSplits, ImageTensors
from nas_lib.data.manifest import DataManifest
from nas_lib.networks import registry
from nas_lib.records import Child
from nas_lib.training.trainer import DivergedError, Trainer

CPU = torch.device("cpu")


def trainer(config: ChildrenConfig, images: ImageSplits = IMAGES, seed: int = 5) -> Trainer:
    child = Child(CHILD.id, CHILD.architecture, seed)
    return Trainer(child, config, images, MANIFEST, CPU)


def trained(config: ChildrenConfig, images: ImageSplits = IMAGES, seed: int = 5) -> Trainer:
    done = trainer(config, images, seed)
    while not done.is_done:
        done.run_epoch()
    return done


def same_weights(one: Trainer, other: Trainer) -> bool:
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_images_are_learnt() -> None:
    epochs = trained(children(epochs=8)).epochs

    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert epochs[-1].valid_accuracy > 0.9


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    config = children(epochs=2)
    one = trained(config, seed=5)

    assert same_weights(one, trained(config, seed=5))
    assert not same_weights(one, trained(config, seed=6))


def test_the_validation_images_have_no_influence_on_training() -> None:
    config = children(epochs=2)
    noise = ImageTensors(torch.randn_like(IMAGES.valid.images), IMAGES.valid.labels.flip(0))
    other = trained(config, ImageSplits(IMAGES.train, noise))
    one = trained(config)

    assert one.epochs[-1].valid_loss != other.epochs[-1].valid_loss
    assert same_weights(one, other)


def test_every_epoch_has_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one, labels = trainer(children(batch_size=90)), []
    monkeypatch.setattr(
        one, "_step", lambda x_BCHW, y_B, progress: labels.append(y_B) or torch.zeros(())
    )

    one.run_epoch()
    one.run_epoch()

    assert torch.equal(labels[0].sort().values, labels[1].sort().values)
    assert not torch.equal(labels[0], labels[1])


def test_an_infinite_weight_is_found_where_the_losses_hide_it() -> None:
    one = trainer(children(weight_decay=0))
    with torch.no_grad():  # ReLU makes 0 of it
        one.network.layers[0].convs[0].norm.bias[0] = -torch.inf

    with pytest.raises(DivergedError, match="in epoch 1 a weight became infinite"):
        one.run_epoch()


def test_one_step_of_sgd_is_the_one_computed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(config: str, image_shape: object, num_classes: int) -> nn.Module:
        network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
        nn.init.ones_(network[1].weight)
        nn.init.zeros_(network[1].bias)
        return network

    monkeypatch.setitem(registry._BUILDERS, "linear", build)
    both = ImageTensors(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1]))
    manifest = DataManifest(
        **{**vars(MANIFEST), "image_shape": (1, 1, 1), "mean": (0.0,), "std": (1.0,)}
    )
    config = children(
        epochs=1,
        learning_rate=0.1,
        momentum=0.9,
        weight_decay=0.2,
        augment=AugmentConfig(pad=0, flip=False),
    )
    one_step = Trainer(
        Child("r000-000000-00", Architecture("linear", (), ""), 0),
        config,
        ImageSplits(train=both, valid=both),
        manifest,
        CPU,
    )

    metrics = one_step.run_epoch()

    # Equal logits: both classes have probability 1/2, the loss is log 2. Gradient of weight 0:
    # ((1/2 - 1) x 1 + (1/2 - 0) x 2) / 2 = 0.25, of weight 1 -0.25; of the biases 0. With weight
    # decay 0.25 + 0.2 x 1 = 0.45 and -0.05. Nesterov's first step is (1 + momentum) x gradient:
    # 1 - 0.1 x 1.9 x 0.45 = 0.9145 and 1 + 0.1 x 1.9 x 0.05 = 1.0095.
    weight, bias = one_step.network.parameters()
    assert metrics.train_loss == pytest.approx(math.log(2))
    assert weight.flatten().tolist() == pytest.approx([0.9145, 1.0095])
    assert bias.tolist() == [0, 0]


def test_the_rate_follows_its_schedule_from_step_to_step(monkeypatch: pytest.MonkeyPatch) -> None:
    one, rates = trainer(children(epochs=2, batch_size=45, learning_rate=0.1)), []
    optimizer = one._optimizer
    monkeypatch.setattr(optimizer, "step", lambda: rates.append(optimizer.param_groups[0]["lr"]))

    epochs = [one.run_epoch(), one.run_epoch()]

    # 2 epochs of 2 steps: 0.1 x (1 + cos) / 2 at 0, 45, 90, 135 degrees; cos 45 = 0.70711
    assert rates == pytest.approx([0.1, 0.085355, 0.05, 0.014645], rel=1e-4)
    assert [metrics.learning_rate for metrics in epochs] == pytest.approx([0.1, 0.05])


def test_the_best_weights_are_those_after_the_epoch_that_counts() -> None:
    one = trainer(children(epochs=6))
    states = []
    while not one.is_done:
        one.run_epoch()
        states.append({name: x.clone() for name, x in one.network.state_dict().items()})

    accuracies = [metrics.valid_accuracy for metrics in one.epochs]
    best = max(range(3, 6), key=accuracies.__getitem__)  # of the last three, the first if equal
    torch.testing.assert_close(one.best, states[best], rtol=0, atol=0)
