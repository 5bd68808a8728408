"""A made-up parallel corpus, learnt in seconds: numbers, spelled in two made-up languages.

The second language says the last figure first, and one word more after an even number.
"""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import Any

import numpy as np

from nas_lib.config import ParallelTextData, TranslationTaskConfig

HERE = ("nul", "ena", "dov", "tri", "kat", "pen", "sis", "sep", "okt", "non")
THERE = ("zo", "wi", "la", "mu", "fe", "ga", "ri", "ho", "bu", "ki")
EVEN = "pa"
VOCABULARY = 330
"""Subwords that any corpus of these has."""


def pair(figures: str) -> tuple[str, str]:
    """Return a number in both languages."""
    here = " ".join(HERE[int(figure)] for figure in figures)
    there = [THERE[int(figure)] for figure in reversed(figures)]
    return here, " ".join(there if int(figures) % 2 else [*there, EVEN])


def pairs(count: int, *, seed: int = 1, longest: int = 4) -> list[tuple[str, str]]:
    """Return different numbers of up to so many figures, in both languages."""
    numbers = np.random.default_rng(seed).permutation(10**longest)[:count]
    return [pair(str(number)) for number in numbers.tolist()]


def write_parallel(path: Path, count: int = 400, *, seed: int = 1, longest: int = 4) -> Path:
    """Write a file of them, packed where it is called so; `parts: 10` leaves a tenth for each."""
    text = "".join(f"{here}\t{there}\n" for here, there in pairs(count, seed=seed, longest=longest))
    data = text.encode()
    path.write_bytes(lzma.compress(data) if path.suffix == ".xz" else data)
    return path


def parallel_task(path: Path, **settings: Any) -> TranslationTaskConfig:
    """Return the task of such a file; settings of `ParallelTextData` are sorted out."""
    data = {name: settings.pop(name) for name in ParallelTextData.model_fields if name in settings}
    return TranslationTaskConfig(
        data=ParallelTextData(**{"path": str(path), "parts": 10, **data}),
        **{"vocabulary": VOCABULARY, "max_length": 40, **settings},
    )
