from __future__ import annotations

import dataclasses
import math
from uuid import uuid4

import pytest
import torch
from torch import Tensor, nn
from toy_images import CHILD, IMAGES, MANIFEST, children
from toy_text import TEXT, TEXT_CHILD, TEXT_MANIFEST, text_children

from nas_lib.architecture import Architecture
from nas_lib.config import ChildrenConfig, RewardConfig
from nas_lib.errors import ConfigError
from nas_lib.networks import ImageNetwork, registry
from nas_lib.records import Child, ChildResult, EpochMetrics
from nas_lib.store import ObjectStore, open_store
from nas_lib.training.checkpoints import Checkpoints
from nas_lib.training.child import TrainedChild, train
from nas_lib.training.evaluation import evaluate, text_loss
from nas_lib.training.weights import load_language_model, load_network


class KilledError(Exception):
    """The process is ended."""


@pytest.fixture
def store() -> ObjectStore:
    return open_store(f"memory://{uuid4().hex}")


def run(
    store: ObjectStore,
    config: ChildrenConfig,
    child: Child = CHILD,
    *,
    killed_after: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[TrainedChild, list[int]]:
    """Train on images, or on text; return what came of it and the epochs that were trained."""
    epochs: list[int] = []

    def on_epoch(metrics: EpochMetrics) -> None:
        epochs.append(metrics.epoch)
        if metrics.epoch == killed_after:
            raise KilledError

    checkpoints = checkpoints or Checkpoints(store, child.id, config.checkpoint_every_s)
    data, manifest = (TEXT, TEXT_MANIFEST) if config.text else (IMAGES, MANIFEST)
    trained = train(child, config, data, manifest, checkpoints=checkpoints, on_epoch=on_epoch)
    return trained, epochs


def without_times(result: ChildResult) -> ChildResult:
    epochs = tuple(dataclasses.replace(metrics, seconds=0.0) for metrics in result.epochs)
    return dataclasses.replace(result, epochs=epochs, seconds=0.0)


def test_the_reward_is_the_best_of_the_last_accuracies_to_a_power(store: ObjectStore) -> None:
    (trained, _) = run(store, children(epochs=5, reward=RewardConfig(last_epochs=3, power=3)))

    result = trained.result
    accuracies = [metrics.valid_accuracy for metrics in result.epochs]
    assert result.status == "ok"
    assert len(accuracies) == 5
    assert result.score == max(accuracies[2:])
    assert result.best_epoch == 3 + accuracies[2:].index(result.score)
    assert result.reward == pytest.approx(result.score * result.score * result.score)
    # weights 8 x 3 = 24, 6 x (8 + 8) x 2 = 192, BatchNorm 16 + 12, classifier 3 x 6 + 3
    assert result.num_parameters == 24 + 192 + 28 + 21
    # at 6 x 6 pixels 24 x 36 = 864 and 192 x 36 = 6912, and 18 of the classifier
    assert result.num_multiply_adds == 864 + 6912 + 18
    assert result.seconds >= sum(metrics.seconds for metrics in result.epochs)


def test_the_weights_are_those_of_the_best_epoch(store: ObjectStore) -> None:
    trained, _ = run(store, children())
    assert trained.weights is not None

    network, info = load_network(trained.weights)
    found = evaluate(network, IMAGES.valid, mean=info.mean, std=info.std)

    best = trained.result.epochs[(trained.result.best_epoch or 0) - 1]
    assert found.accuracy == best.valid_accuracy
    assert found.loss == pytest.approx(best.valid_loss, rel=1e-5)


@pytest.mark.parametrize("killed_after", [1, 3, 4])
@pytest.mark.parametrize(
    "settings", [{}, {"momentum": 0.0, "nesterov": False}], ids=["momentum", "plain"]
)
def test_a_resumed_training_gives_what_the_undisturbed_one_gives(
    store: ObjectStore, killed_after: int, settings: dict[str, object]
) -> None:
    config = children(**settings)
    undisturbed, _ = run(open_store(f"memory://{uuid4().hex}"), config)

    with pytest.raises(KilledError):
        run(store, config, killed_after=killed_after)
    resumed, epochs = run(store, config)

    assert epochs == list(range(killed_after + 1, 6))
    assert resumed.weights == undisturbed.weights
    assert without_times(resumed.result) == without_times(undisturbed.result)
    assert resumed.result.seconds >= sum(metrics.seconds for metrics in resumed.result.epochs)


@pytest.mark.parametrize("killed_after", [1, 4, 7])
def test_a_resumed_language_model_is_what_the_undisturbed_one_is(
    store: ObjectStore, killed_after: int
) -> None:
    config = text_children(epochs=8, learning_rate=8.0, average_after=1)
    undisturbed, _ = run(open_store(f"memory://{uuid4().hex}"), config, TEXT_CHILD)

    with pytest.raises(KilledError):
        run(store, config, TEXT_CHILD, killed_after=killed_after)
    resumed, epochs = run(store, config, TEXT_CHILD)

    assert epochs == list(range(killed_after + 1, 9))
    assert resumed.weights == undisturbed.weights
    assert without_times(resumed.result) == without_times(undisturbed.result)


def test_the_reward_of_a_language_model_is_a_constant_by_perplexity_to_a_power(
    store: ObjectStore,
) -> None:
    trained, _ = run(store, text_children(epochs=5), TEXT_CHILD)

    result = trained.result
    losses = [metrics.valid_loss for metrics in result.epochs]
    assert result.status == "ok"
    assert result.score == pytest.approx(math.exp(min(losses[2:])))
    assert result.best_epoch == 3 + losses[2:].index(min(losses[2:]))
    assert result.reward == pytest.approx((6 / result.score) * (6 / result.score))
    # embedding 8 x 6, node 0 (6 + 6) x 12, two nodes 6 x 12; each weight is used once for a word
    assert result.num_parameters == result.num_multiply_adds == 48 + 144 + 2 * 72


def test_the_weights_of_a_language_model_are_those_of_the_best_epoch(store: ObjectStore) -> None:
    trained, _ = run(store, text_children(), TEXT_CHILD)
    assert trained.weights is not None

    model, info = load_language_model(trained.weights)

    assert (info.architecture, info.words) == (TEXT_CHILD.architecture, TEXT_MANIFEST.words)
    best = trained.result.epochs[(trained.result.best_epoch or 0) - 1]
    assert text_loss(model, TEXT.valid) == best.valid_loss


def test_a_language_model_that_diverges_has_no_reward(store: ObjectStore) -> None:
    config = text_children(learning_rate=1e30, clip_norm=None)
    trained, _ = run(store, config, TEXT_CHILD)

    assert (trained.result.status, trained.result.reward) == ("diverged", 0.0)
    assert trained.result.score is None
    assert trained.weights is None


def test_training_on_from_before_a_damaged_checkpoint_gives_the_same(store: ObjectStore) -> None:
    undisturbed, _ = run(open_store(f"memory://{uuid4().hex}"), children())
    with pytest.raises(KilledError):
        run(store, children(), killed_after=4)
    key = f"checkpoints/{CHILD.id}/0004.safetensors"
    store.replace(key, store.get(key)[:-100])

    checkpoints = Checkpoints(store, CHILD.id, every_s=0)
    resumed, epochs = run(store, children(), checkpoints=checkpoints)

    assert epochs == [4, 5]
    assert len(checkpoints.problems) == 1
    assert resumed.weights == undisturbed.weights


def test_no_checkpoint_is_written_after_the_last_epoch_or_before_it_is_due(
    store: ObjectStore,
) -> None:
    checkpoints = Checkpoints(store, CHILD.id, every_s=0)
    run(store, children(epochs=3), checkpoints=checkpoints)
    assert checkpoints.latest_epoch() == 2

    hourly = Checkpoints(store, "r000-000000-01", every_s=3600)
    run(store, children(epochs=3), checkpoints=hourly)
    assert hourly.latest_epoch() == 0


def test_a_child_that_diverges_has_no_reward_and_says_when(store: ObjectStore) -> None:
    trained, epochs = run(store, children(learning_rate=1e9, schedule="constant", epochs=50))

    result = trained.result
    assert (result.status, result.reward, result.score) == ("diverged", 0.0, None)
    assert len(result.epochs) == len(epochs) < 50
    assert result.message.startswith(f"in epoch {len(epochs) + 1} the training loss became ")
    assert result.num_parameters == 265
    assert trained.weights is None


class Broken(ImageNetwork):
    """A network whose training raises."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.classifier = nn.Linear(36, 3)
        self.error = error

    def forward(self, images_BCHW: Tensor) -> Tensor:
        if self.training:
            if self.error is not None:
                raise self.error
            torch.empty(2**50)
        logits_BK: Tensor = self.classifier(images_BCHW.flatten(1))
        return logits_BK


def run_broken(error: Exception | None, monkeypatch: pytest.MonkeyPatch) -> ChildResult:
    monkeypatch.setitem(registry._BUILDERS, "broken", lambda *_: Broken(error))
    child = Child(CHILD.id, Architecture("broken", (), ""), seed=0)
    trained, _ = run(open_store(f"memory://{uuid4().hex}"), children(), child)
    assert trained.weights is None
    return trained.result


@pytest.mark.parametrize(
    "error", [None, torch.OutOfMemoryError("CUDA out of memory"), MemoryError()], ids=str
)
def test_lack_of_memory_is_a_result(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_broken(error, monkeypatch)

    assert (result.status, result.reward, result.num_parameters) == ("out_of_memory", 0.0, 111)
    assert result.message.startswith("training takes more memory than there is")
    assert "\n" not in result.message


def test_any_other_error_goes_to_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="bug"):
        run_broken(RuntimeError("bug"), monkeypatch)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(store: ObjectStore) -> None:
    for device in ("cuda", "abacus"):
        with pytest.raises(ConfigError, match=rf"children.device must be .*, got '{device}'"):
            run(store, children(device=device))


def test_auto_finds_a_device_and_the_result_names_it(store: ObjectStore) -> None:
    trained, _ = run(store, children(epochs=1, device="auto", threads=2))

    assert torch.get_num_threads() == 2
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    assert trained.result.where.endswith(f"({name})")
