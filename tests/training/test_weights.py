from __future__ import annotations

import pytest
import torch

from nas_lib.architecture import Architecture
from nas_lib.config import TextTrainingConfig
from nas_lib.errors import CorruptStateError
from nas_lib.networks import build_language_model, build_network
from nas_lib.training.weights import (
    LanguageModelInfo,
    NetworkInfo,
    load_language_model,
    load_network,
    pack_network,
)

INFO = NetworkInfo(
    Architecture("cnn", (1, 2), "conv 3x3x4/1x1 <- image | max_pool 2x2/2x2 <- 1"),
    image_shape=(2, 5, 4),
    num_classes=3,
    mean=(0.1, 0.2),
    std=(1.0, 2.0),
)


def test_a_stored_network_needs_nothing_else_to_be_used() -> None:
    network = build_network(INFO.architecture, image_shape=INFO.image_shape, num_classes=3)
    images = torch.randn(8, *INFO.image_shape)
    network(images)  # so that BatchNorm has statistics

    loaded, info = load_network(pack_network(network.state_dict(), INFO))

    assert info == INFO
    assert torch.equal(loaded(images), network.eval()(images))


def test_weights_of_another_network_are_refused() -> None:
    other = build_network(INFO.architecture, image_shape=INFO.image_shape, num_classes=4)
    data = pack_network(other.state_dict(), INFO)

    with pytest.raises(CorruptStateError, match=r"children/x is damaged.*size mismatch"):
        load_network(data, key="children/x")


def test_a_stored_language_model_needs_nothing_else_to_be_used() -> None:
    cell = Architecture("enas-rnn", (1, 2), "4 units | tanh | relu(0) | mean of 1")
    info = LanguageModelInfo(cell, words=("<unk>", "<eos>", "bit"))
    model = build_language_model(cell, num_words=3, training=TextTrainingConfig())
    words_TB = torch.tensor([[0, 1], [2, 2]])

    loaded, found = load_language_model(pack_network(model.state_dict(), info))

    assert found == info
    state_BH = loaded.initial_state(2)
    expected, _ = model.eval()(words_TB, state_BH)
    assert torch.equal(loaded(words_TB, state_BH)[0], expected)


def test_a_network_for_images_is_no_language_model() -> None:
    network = build_network(INFO.architecture, image_shape=INFO.image_shape, num_classes=3)
    with pytest.raises(CorruptStateError, match="children/x is damaged"):
        load_language_model(pack_network(network.state_dict(), INFO), key="children/x")
