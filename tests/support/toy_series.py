"""Small series with classes that a network can learn: slow waves, quick ones, and noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.architecture import Architecture
from nas_lib.config import (
    DepthConfig,
    RewardConfig,
    SeriesAugmentConfig,
    SeriesChildrenConfig,
    SeriesCnnSpaceConfig,
    SeriesTaskConfig,
    TsData,
)
from nas_lib.records import Child
from nas_lib.spaces import CnnPlan

CLASSES = ("noise", "quick", "slow")
CHANNELS, STEPS = 2, 16

SERIES_SPACE = SeriesCnnSpaceConfig(
    filter_widths=(1, 3, 4),
    num_filters=(6, 8),
    pool_layers=(2,),
    depth=DepthConfig(start=3, max=3),
)
SERIES_PLAN = CnnPlan.parse(
    "conv 1x3x8/1x1 <- image | max_pool 1x2/1x2 <- 1 | conv 1x4x6/1x1 <- 1,2"
)
SERIES_CHILD = Child(
    "r000-000000-00",
    SERIES_SPACE.build().decode(
        SERIES_SPACE.build().encode(Architecture("series-cnn", (), str(SERIES_PLAN)))
    ),
    seed=5,
)


def toy_series(num: int, seed: int) -> tuple[npt.NDArray[Any], list[str]]:
    """Return series `[N, C, T]` and their classes: waves of any phase, and noise of deviation 1/4.

    The second channel is the first one, ten times as large and around 100.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), num)
    step_T = np.arange(STEPS)
    phase_N1 = rng.uniform(0, 2 * np.pi, (num, 1))
    turns_N1 = np.array([0, 5, 1])[labels][:, None]
    wave_NT = np.sin(2 * np.pi * turns_N1 * step_T / STEPS + phase_N1)
    wave_NT = wave_NT * (labels > 0)[:, None] + rng.normal(0, 0.25, (num, STEPS))
    series = np.stack([wave_NT, 100 + 10 * wave_NT], axis=1).round(4)
    return series, [CLASSES[label] for label in labels]


def ts_text(series: npt.NDArray[Any], labels: list[str]) -> str:
    """Return a .ts file as aeon writes it."""
    lines = [
        "# Series for tests",
        "@problemName toy",
        "@timeStamps false",
        "@missing false",
        f"@univariate {str(series.shape[1] == 1).lower()}",
        f"@dimension {series.shape[1]}",
        "@equalLength true",
        f"@seriesLength {series.shape[2]}",
        f"@classLabel true {' '.join(CLASSES)}",
        "@data",
    ]
    for each, label in zip(series, labels, strict=True):
        lines.append(":".join([*(",".join(map(repr, row.tolist())) for row in each), label]))
    return "\n".join(lines) + "\n"


def write_toy_series(folder: Path, *, seed: int = 1, **data: Any) -> SeriesTaskConfig:
    """Write such series as .ts files: 90 to train on, 45 to hold out, and 60 to test."""
    for part, num, other in (("TRAIN", 135, 0), ("TEST", 60, 2)):
        (folder / f"Toy_{part}.ts").write_text(ts_text(*toy_series(num, seed + other)))
    return SeriesTaskConfig(data=TsData(path=str(folder), **data), valid_fraction=1 / 3)


def series_children(**settings: Any) -> SeriesChildrenConfig:
    """Return a short training with a checkpoint after every epoch, and other settings if wanted."""
    defaults: dict[str, Any] = {
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 0.1,
        "schedule": "cosine",
        "augment": SeriesAugmentConfig(shift=3, noise=0.1, scale=0.2, cutout=2),
        "reward": RewardConfig(last_epochs=3, power=3),
        "checkpoint_every_s": 0,
    }
    return SeriesChildrenConfig(**{**defaults, **settings})
