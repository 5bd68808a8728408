from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toy_images import CHILD, IMAGES, MANIFEST, children

from nas_lib.architecture import Architecture
from nas_lib.config import AugmentConfig, ChildrenConfig
from nas_lib.data.loading import ImageSplits, ImageTensors
from nas_lib.data.manifest import DataManifest
from nas_lib.networks import ImageNetwork, registry
from nas_lib.records import Child, EpochMetrics
from nas_lib.training.checkpoints import Checkpoint
from nas_lib.training.epochs import DivergedError
from nas_lib.training.evaluation import evaluate
from nas_lib.training.schedule import best_epoch
from nas_lib.training.trainer import Trainer
from nas_lib.training.weights import NetworkInfo, load_network, pack_network

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors only suffer from several threads, above all where other processes are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


class Linear(ImageNetwork):
    """Two logits from one pixel; equal at first."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 2)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.linear(images_BCHW.flatten(1))
        return logits_BK


class TwoHeaded(Linear):
    """The auxiliary classifier looks at the same pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = Linear()

    def both_logits(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        return self(images_BCHW), self.auxiliary(images_BCHW)


def one_step(
    monkeypatch: pytest.MonkeyPatch, network: ImageNetwork, **settings: Any
) -> tuple[Trainer, EpochMetrics]:
    """Train a network on two images, of one pixel of 1 and 2 and classes 0 and 1, for one step."""
    monkeypatch.setitem(registry._BUILDERS, "linear", lambda *_: network)
    both = ImageTensors(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1]))
    manifest = DataManifest(
        **{**vars(MANIFEST), "image_shape": (1, 1, 1), "mean": (0.0,), "std": (1.0,)}
    )
    one = Trainer(
        Child("r000-000000-00", Architecture("linear", (), ""), 0),
        children(epochs=1, learning_rate=0.1, augment=AugmentConfig(pad=0, flip=False), **settings),
        ImageSplits(train=both, valid=both),
        manifest,
        CPU,
    )
    return one, one.run_epoch()


def test_one_step_of_sgd_is_the_one_computed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    one, metrics = one_step(monkeypatch, Linear(), momentum=0.9, weight_decay=0.2)

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
    monkeypatch: pytest.MonkeyPatch, clip_norm: float, length: float
) -> None:
    one, _ = one_step(
        monkeypatch, Linear(), momentum=0, nesterov=False, weight_decay=0, clip_norm=clip_norm
    )

    # the gradient is (0.25, -0.25) as above, of norm 0.125^(1/2) = 0.354
    step = 0.1 * length / 2**0.5
    weight = next(one.network.parameters())
    assert weight.flatten().tolist() == pytest.approx([1 - step, 1 + step], rel=1e-5)


def test_the_auxiliary_loss_counts_by_its_weight_and_is_not_the_loss_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, metrics = one_step(
        monkeypatch, TwoHeaded(), momentum=0, nesterov=False, weight_decay=0, auxiliary_weight=0.4
    )

    # of its own weights as above 0.25, times 0.4
    weight, _, of_auxiliary, _ = one.network.parameters()
    assert weight.flatten().tolist() == pytest.approx([0.975, 1.025])
    assert of_auxiliary.flatten().tolist() == pytest.approx([0.99, 1.01])
    assert metrics.train_loss == pytest.approx(math.log(2))
    assert one.best.keys() == {"linear.weight", "linear.bias"}


CELLS = Child(
    CHILD.id,
    Architecture(
        "enas-micro",
        (),
        "3 cells, 2 filters | normal: sep3(0)+max3(1) | reduction: avg3(0)+identity(1)",
    ),
    seed=5,
)
REGULARISED = children(
    epochs=4,
    dropout=0.2,
    drop_path=0.4,
    auxiliary_weight=0.4,
    clip_norm=1.0,
    schedule="cosine_restarts",
    first_cycle=1,
    augment=AugmentConfig(pad=1, flip=True, cutout=2),
)


def test_with_everything_random_a_restored_trainer_goes_on_as_it_would_have() -> None:
    unbroken = Trainer(CELLS, REGULARISED, IMAGES, MANIFEST, CPU)
    for _ in range(3):
        unbroken.run_epoch()
    checkpoint = Checkpoint.from_bytes(unbroken.checkpoint().to_bytes(), key="k")
    torch.manual_seed(77)  # whatever happened in between
    restored = Trainer(CELLS, REGULARISED, IMAGES, MANIFEST, CPU)
    assert checkpoint.fits(restored.network)
    restored.restore(checkpoint)

    assert restored.run_epoch().train_loss == unbroken.run_epoch().train_loss
    assert same_weights(restored, unbroken)


def test_the_weights_that_count_load_without_the_auxiliary_classifier() -> None:
    one = Trainer(CELLS, REGULARISED, IMAGES, MANIFEST, CPU)
    before = [x.clone() for x in one.network.auxiliary.parameters()]
    while not one.is_done:
        one.run_epoch()
    info = NetworkInfo(CELLS.architecture, MANIFEST.image_shape, 3, mean=(0.3,), std=(0.7,))

    loaded, _ = load_network(pack_network(one.best, info))

    after = one.network.auxiliary.parameters()
    assert not any(torch.equal(x, y) for x, y in zip(before, after, strict=True))  # they learn
    assert one.cost.num_parameters == sum(x.numel() for x in loaded.parameters())
    best = best_epoch(one.epochs, REGULARISED)
    assert best is not None
    found = evaluate(loaded, IMAGES.valid, mean=MANIFEST.mean, std=MANIFEST.std)
    assert found.accuracy == best.valid_accuracy


def test_the_network_knows_how_much_of_training_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    one, progress = trainer(children(epochs=2, batch_size=45)), []
    optimizer = one._optimizer
    monkeypatch.setattr(optimizer, "step", lambda: progress.append(one.network.progress))

    one.run_epoch()
    one.run_epoch()

    assert progress == [0, 0.25, 0.5, 0.75]  # 2 epochs of 2 steps


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
