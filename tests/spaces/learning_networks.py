"""The network of any plan, after it has learned a little, by a task of its space."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import nn

from nas_lib.config import TextTrainingConfig, TranslationTrainingConfig
from nas_lib.named_objects import imported
from nas_lib.networks import Regularisation, build_language_model, build_network
from nas_lib.networks.translator import Pairs, Translator
from nas_lib.spaces import Plan, SpacePart


def learn_images(config: SpacePart, plan: Plan, data: st.DataObject) -> nn.Module:
    """Go forward and backward once on images of any size that its networks take."""
    return learn(config, plan, data, data.draw(st.sampled_from([(8, 8), (5, 7), (1, 1)])))


def learn_series(config: SpacePart, plan: Plan, data: st.DataObject) -> nn.Module:
    """Go forward and backward once on series of any length."""
    return learn(config, plan, data, (1, data.draw(st.sampled_from([1, 7, 8]))))


def learn(config: SpacePart, plan: Plan, data: st.DataObject, shape: tuple[int, int]) -> nn.Module:
    """Go forward and backward once on images of a height and width."""
    height, width = shape
    size = max(height, config.smallest_image), max(width, config.smallest_image)
    regularisation = Regularisation(dropout=0.1, drop_path=0.3, auxiliary=data.draw(st.booleans()))
    network = build_network(
        plan, image_shape=(2, *size), num_classes=5, regularisation=regularisation
    )
    network.progress = 0.5
    assert type(network) is imported(plan.network)

    found = [each for each in network.both_logits(torch.randn(3, 2, *size)) if each is not None]
    torch.stack(found).square().sum().backward()  # type: ignore[no-untyped-call]

    assert len(found) == 1 + (regularisation.auxiliary and config.has_cells)
    for logits_BK in found:
        assert logits_BK.shape == (3, 5)
        assert torch.isfinite(logits_BK).all()
    return network


def learn_text(config: SpacePart, plan: Plan, data: st.DataObject) -> nn.Module:
    """Go forward and backward once on a piece of text."""
    length, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    model = build_language_model(plan, num_words=7, training=TextTrainingConfig(init_range=0.5))
    words_TB = torch.randint(7, (length + 1, columns))
    assert type(model) is imported(plan.network)

    loss = model.loss(words_TB[:-1], words_TB[1:], model.initial_state(columns))
    loss.objective.backward()  # type: ignore[no-untyped-call]

    assert torch.isfinite(loss.cross_entropy)
    assert loss.state_BH.shape == model.initial_state(columns).shape
    return model


def learn_translation(config: SpacePart, plan: Plan, data: st.DataObject) -> nn.Module:
    """Go forward and backward once on some sentences."""
    longest, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    training = TranslationTrainingConfig(
        layers=data.draw(st.integers(2, 3)), init_range=0.5, dropout=0.0
    )
    translator = Translator(plan, num_subwords=7, training=training)
    lengths_B = torch.randint(1, longest + 1, (columns,))
    pairs = Pairs(
        torch.randint(7, (longest, columns)),
        lengths_B,
        torch.randint(7, (longest + 1, columns)),
        lengths_B,
    )

    loss = translator.loss(pairs)
    loss.objective.backward()  # type: ignore[no-untyped-call]

    assert torch.isfinite(loss.cross_entropy)
    return translator


TASKS: dict[str, Callable[[SpacePart, Plan, st.DataObject], nn.Module]] = {
    "images": learn_images,
    "series": learn_series,
    "text": learn_text,
    "translation": learn_translation,
}
