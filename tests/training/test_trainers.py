from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from toy_images import IMAGES, MANIFEST, PLAN, children, image_trainer
from toy_text import TEXT, TEXT_PLAN, WORDS, text_children, text_trainer, toy_text
from toy_translation import (
    NUM_SUBWORDS,
    PAIRS,
    toy_pairs,
    translation_children,
    translation_trainer,
)
from toy_translation import PLAN as TRANSLATION_PLAN
from trainer_contract import TrainerContract

from nas_lib.config import AugmentConfig
from nas_lib.networks import LanguageModel, build_language_model, build_network
from nas_lib.networks.translator import Translator
from nas_lib.results.measure import ACCURACY, PERPLEXITY, perplexity
from nas_lib.spaces import MicroPlan, Plan
from nas_lib.spaces.references import LstmPlan
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.trainer import ImageTrainer, evaluate
from nas_lib.tasks.text.trainer import text_loss
from nas_lib.tasks.translation.translating import translation_loss
from nas_lib.training.epoch_trainer import EpochTrainer, Validation

ALTERNATING = AugmentConfig(pad=1, padding="reflect", flip="alternating")
CELLS = MicroPlan.parse(
    "3 cells, 2 filters | normal: sep3(0)+max3(1) | reduction: avg3(0)+identity(1)"
)
NO_DROPOUT = dict.fromkeys(
    ("word_dropout", "embedding_dropout", "input_dropout", "state_dropout", "output_dropout"), 0.0
)


class TestImageTrainer(TrainerContract):
    measure = ACCURACY
    easy = {"epochs": 8}
    good, perfect, loss = 0.9, 1.0, 0.5  # it is log 3 = 1.1 by guessing
    diverging = {"learning_rate": 1e6, "schedule": "constant", "epochs": 50}

    @pytest.fixture(params=["momentum", "plain", "averaged", "rmsprop", "everything random"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        if request.param == "momentum":
            return {"epochs": 8}
        if request.param == "plain":
            return {"epochs": 8, "momentum": 0.0, "nesterov": False}
        if request.param == "averaged":
            return {
                "epochs": 8,
                "min_steps": 8,
                "average_decay": 0.9,
                "augment": ALTERNATING,
            }
        if request.param == "rmsprop":
            return {"epochs": 8, "optimizer": "rmsprop", "nesterov": False, "average_decay": 0.9}
        return {
            "plan": CELLS,
            "epochs": 8,
            "batch_size": 30,
            "dropout": 0.2,
            "drop_path": 0.4,
            "auxiliary_weight": 0.4,
            "clip_norm": 1.0,
            "schedule": "cosine_restarts",
            "first_cycle": 1,
            "augment": AugmentConfig(pad=1, flip=True, cutout=2),
            "mixup": 0.5,
            "label_smoothing": 0.1,
            "class_weights": {"rows": 2.0},
            "sampling": "balanced",
            "norm_epsilon": 0.01,
            "norm_momentum": 0.2,
            "initialisation": "orthogonal",
        }

    def trainer(
        self,
        *,
        seed: int = 5,
        other_valid: bool = False,
        plan: Plan = PLAN,
        **settings: Any,
    ) -> ImageTrainer:
        noise = torch.randn(IMAGES.valid.images.shape, generator=torch.Generator().manual_seed(9))
        nonsense = ImageSplits(IMAGES.train, ImageTensors(noise, IMAGES.valid.labels.flip(0)))
        images = nonsense if other_valid else IMAGES
        return image_trainer(children(**settings), images=images, seed=seed, plan=plan)

    def network(
        self, *, num_outputs: int | None = None, plan: Plan = PLAN, **settings: Any
    ) -> nn.Module:
        num_classes = num_outputs or MANIFEST.num_classes
        return build_network(
            plan,
            image_shape=MANIFEST.image_shape,
            num_classes=num_classes,
            norm_epsilon=settings.get("norm_epsilon"),
        )

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        return cast(ImageTrainer, trainer).kept()

    def validate(self, network: nn.Module) -> Validation:
        return evaluate(network, IMAGES.valid, mean=MANIFEST.mean, std=MANIFEST.std)


class TestTextTrainer(TrainerContract):
    measure = PERPLEXITY
    easy = {"epochs": 12, **NO_DROPOUT}
    # each word has three successors, so no model has less than log 3 = 1.10 for long
    good, perfect, loss = 4.0, 3 * math.exp(-0.05), math.log(4)
    diverging = {"learning_rate": 1e6, "clip_norm": None}

    @pytest.fixture(params=["plain", "momentum", "averaged", "moving average", "an LSTM", "adam"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        settings: dict[str, dict[str, Any]] = {
            "plain": {},
            "momentum": {"momentum": 0.5},
            "averaged": {"average_after": 1},
            "moving average": {"average_decay": 0.9},
            "an LSTM": {"plan": LstmPlan(6)},
            "adam": {"optimizer": "adam", "learning_rate": 0.05},
        }
        return {"epochs": 8, "learning_rate": 8.0, **settings[request.param]}

    def trainer(
        self,
        *,
        seed: int = 5,
        other_valid: bool = False,
        plan: Plan = TEXT_PLAN,
        **settings: Any,
    ) -> EpochTrainer:
        text = replace(TEXT, valid=toy_text(90, seed=9)) if other_valid else TEXT
        return text_trainer(text_children(**settings), text=text, seed=seed, plan=plan)

    def network(
        self, *, num_outputs: int | None = None, plan: Plan = TEXT_PLAN, **settings: Any
    ) -> nn.Module:
        num_words = num_outputs or len(WORDS)
        training = text_children(**settings).text
        return build_language_model(plan, num_words=num_words, training=training)

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        return trainer.best

    def validate(self, network: nn.Module) -> Validation:
        loss = text_loss(cast(LanguageModel, network), TEXT.valid)
        return Validation(loss, perplexity(loss))


class TestTranslationTrainer(TrainerContract):
    measure = PERPLEXITY
    easy = {
        "epochs": 12,
        "batch_size": 8,
        "learning_rate": 0.05,
        "dropout": 0.0,
        "label_smoothing": 0.0,
    }
    # by guessing one of nine subwords, log 9 = 2.2
    good, perfect, loss = 6.0, 1.0, math.log(5)
    diverging = {"optimizer": "sgd", "learning_rate": 1e6, "clip_norm": None}

    @pytest.fixture(params=["plain", "layers of LSTMs, averaged"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        settings: dict[str, dict[str, Any]] = {
            "plain": {},
            "layers of LSTMs, averaged": {
                "plan": LstmPlan(6),
                "layers": 3,
                "optimizer": "sgd",
                "average_decay": 0.9,
            },
        }
        return {"epochs": 8, **settings[request.param]}

    def trainer(
        self,
        *,
        seed: int = 5,
        other_valid: bool = False,
        plan: Plan = TRANSLATION_PLAN,
        **settings: Any,
    ) -> EpochTrainer:
        pairs = replace(PAIRS, valid=toy_pairs(21, seed=9, shift=3)) if other_valid else PAIRS
        config = translation_children(**settings)
        return translation_trainer(config, pairs=pairs, seed=seed, plan=plan)

    def network(
        self, *, num_outputs: int | None = None, plan: Plan = TRANSLATION_PLAN, **settings: Any
    ) -> nn.Module:
        training = translation_children(**settings).translation
        return Translator(plan, num_subwords=num_outputs or NUM_SUBWORDS, training=training)

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        return trainer.best

    def validate(self, network: nn.Module) -> Validation:
        loss = translation_loss(cast(Translator, network), PAIRS.valid)
        return Validation(loss, perplexity(loss))
