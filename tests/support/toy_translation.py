"""Pairs that a translator learns in a second: each word has a translation of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nas_lib.architecture import Architecture
from nas_lib.config import TextRewardConfig, TranslationChildrenConfig, TranslationTrainingConfig
from nas_lib.data import BlobInfo
from nas_lib.data.subwords import BEGIN, END
from nas_lib.records import Child
from nas_lib.spaces import Plan, RnnPlan
from nas_lib.tasks.translation.batches import PairRows, Sentences, TranslationSplits
from nas_lib.tasks.translation.preparation import TranslationManifest
from nas_lib.tasks.translation.scoring import SCORINGS
from nas_lib.tasks.translation.trainer import TranslationTrainer

NUM_SUBWORDS = 12  # four of them are marks
PLAN = RnnPlan.parse("8 units | tanh | relu(0) | tanh(1) | mean of 1,2")
CHILD_ID = "r000-000000-00"

MANIFEST = TranslationManifest(
    content_hash="toy",
    source="toy",
    num_train=60,
    num_valid=21,
    num_test=0,
    search_blob=BlobInfo.of(b""),
    test_blob=BlobInfo.of(b""),
    num_subwords=NUM_SUBWORDS,
    max_length=4,
    num_train_subwords=150,
)


def sentences(*rows: list[int]) -> Sentences:
    """Return sentences of these subwords."""
    subwords_M = torch.tensor([number for row in rows for number in row], dtype=torch.int32)
    return Sentences(subwords_M, torch.tensor([len(row) for row in rows]).cumsum(0))


def toy_pairs(num: int, seed: int, *, shift: int = 1) -> PairRows:
    """Return pairs of one or two words, each translated as the one so many further."""
    generator = np.random.default_rng(seed)
    sources = [generator.integers(8, size=1 + number % 2).tolist() for number in range(num)]
    targets = [[(word + shift) % 8 for word in source] for source in sources]
    return PairRows(
        sentences(*([4 + word for word in row] + [END] for row in sources)),
        sentences(*([BEGIN] + [4 + word for word in row] + [END] for row in targets)),
    )


PAIRS = TranslationSplits(toy_pairs(60, seed=1), toy_pairs(21, seed=2))


def translation_children(**settings: Any) -> TranslationChildrenConfig:
    """Return a short training; settings of `TranslationTrainingConfig` are sorted out."""
    of_translators = TranslationTrainingConfig.model_fields
    names = [name for name in settings if name in of_translators]
    training = {name: settings.pop(name) for name in names}
    defaults: dict[str, Any] = {
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 0.02,
        "translation": TranslationTrainingConfig(**{"init_range": 0.3, **training}),
        "reward": TextRewardConfig(last_epochs=3, power=2, perplexity_constant=6),
        "checkpoint_every_s": 0,
    }
    return TranslationChildrenConfig(**{**defaults, **settings})


def translation_trainer(
    config: TranslationChildrenConfig,
    *,
    pairs: TranslationSplits = PAIRS,
    seed: int = 5,
    plan: Plan = PLAN,
    manifest: TranslationManifest = MANIFEST,
) -> TranslationTrainer:
    """Return the trainer of a child on the CPU, which is judged by its perplexity."""
    child = Child(CHILD_ID, Architecture("enas-rnn", (), str(plan)), seed)
    scoring, device = SCORINGS["perplexity"], torch.device("cpu")
    return TranslationTrainer(child, plan, config, scoring, pairs, b"", manifest, device)
