"""A small text that a language model learns in a second: eight words, each after three others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas_lib.architecture import Architecture
from nas_lib.config import (
    EnasRnnSpaceConfig,
    HiddenConfig,
    TextChildrenConfig,
    TextFilesData,
    TextRewardConfig,
    TextTaskConfig,
    TextTrainingConfig,
)
from nas_lib.data import BlobInfo
from nas_lib.records import Child
from nas_lib.spaces import Plan, RnnPlan
from nas_lib.tasks.text.batches import TextSplits
from nas_lib.tasks.text.preparation import TextManifest
from nas_lib.tasks.text.trainer import TextTrainer

WORDS = tuple("abcdefgh")


def toy_text(num_words: int, seed: int) -> Tensor:
    """Return words of which each is 1, 2 or 3 further than the one before."""
    steps = np.random.default_rng(seed).integers(1, 4, num_words)
    return torch.from_numpy(steps.cumsum() % len(WORDS)).int()


TEXT = TextSplits(train=toy_text(600, seed=1), valid=toy_text(211, seed=2))

TEXT_MANIFEST = TextManifest(
    content_hash="toy",
    source="toy",
    words=WORDS,
    num_train=600,
    num_valid=211,
    num_test=0,
    search_blob=BlobInfo.of(b""),
    test_blob=BlobInfo.of(b""),
)

NO_DROPOUT = TextTrainingConfig(
    word_dropout=0.0,
    embedding_dropout=0.0,
    input_dropout=0.0,
    state_dropout=0.0,
    output_dropout=0.0,
    slowness_weight=0.0,
    init_range=0.5,
)
"""Nor penalties: networks compute in training what they compute in evaluation."""

TEXT_SPACE = EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=6))
TEXT_PLAN = RnnPlan.parse("6 units | tanh | relu(0) | tanh(1) | mean of 1,2")
TEXT_CHILD = Child(
    "r000-000000-00",
    TEXT_SPACE.build().decode(
        TEXT_SPACE.build().encode(Architecture("enas-rnn", (), str(TEXT_PLAN)))
    ),
    seed=5,
)


def write_toy_text(folder: Path, *, seed: int = 1) -> TextTaskConfig:
    """Write such texts into a folder, of 600, 211 and 151 words; `<eos>` ends each."""
    folder.mkdir(exist_ok=True)
    for number, (part, num_words) in enumerate((("train", 600), ("valid", 211), ("test", 151))):
        words = (WORDS[index] for index in toy_text(num_words, seed + number).tolist())
        (folder / f"{part}.txt").write_text(" ".join(words))
    return TextTaskConfig(data=TextFilesData(path=str(folder)))


def text_children(**settings: Any) -> TextChildrenConfig:
    """Return a short training on text; settings of `TextTrainingConfig` are sorted out."""
    text: dict[str, Any] = {
        "bptt": 10,
        "init_range": 0.3,
        "word_dropout": 0.1,
        "embedding_dropout": 0.1,
        "input_dropout": 0.1,
        "state_dropout": 0.1,
        "output_dropout": 0.1,
        "slowness_weight": 0.01,
    }
    text |= {
        name: settings.pop(name) for name in TextTrainingConfig.model_fields if name in settings
    }
    defaults: dict[str, Any] = {
        "epochs": 5,
        "batch_size": 8,
        "learning_rate": 2.0,
        "momentum": 0.0,
        "nesterov": False,
        "weight_decay": 1e-6,
        "clip_norm": 0.5,
        "text": TextTrainingConfig(**text),
        "reward": TextRewardConfig(last_epochs=3, power=2, perplexity_constant=6),
        "checkpoint_every_s": 0,
    }
    return TextChildrenConfig(**{**defaults, **settings})


def text_trainer(
    config: TextChildrenConfig,
    *,
    text: TextSplits = TEXT,
    seed: int = 5,
    plan: Plan = TEXT_PLAN,
) -> TextTrainer:
    """Return the trainer of a child on the CPU."""
    child = Child(TEXT_CHILD.id, TEXT_CHILD.architecture, seed)
    return TextTrainer(child, plan, config, text, TEXT_MANIFEST, torch.device("cpu"))
