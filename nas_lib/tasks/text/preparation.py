"""From the user's text to what a search stores: tokens numbered, hashed and serialised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import TextLevel, TextTaskConfig
from nas_lib.data import Manifest, Prepared, prepared
from nas_lib.data.allowance import Allowance
from nas_lib.records import STRICT
from nas_lib.tasks.text.raw import END, UNKNOWN, check_text
from nas_lib.tasks.text.readers import read_text
from nas_lib.tasks.text.scoring import SCORINGS, Scoring

_UNKNOWN = 0  # the index of `<unk>`


@checked_dataclass(frozen=True, config=STRICT)
class TextManifest(Manifest):
    """What was prepared of a text; its examples are words, or characters.

    Attributes:
        words: The vocabulary, in the order of the indices.
        level: What it is made of.
    """

    words: tuple[str, ...]
    level: TextLevel = "words"

    @property
    def num_words(self) -> int:
        """Different words or characters."""
        return len(self.words)

    @property
    def scoring(self) -> Scoring:
        """What a score of it is."""
        return SCORINGS[self.level]


def prepare_text(task: TextTaskConfig, allowance: Allowance) -> Prepared:
    """Read, check, number and serialise a text: a pure function of data and settings.

    Args:
        task: What the data are.
        allowance: How much memory they may take unpacked.

    Raises:
        DataError: The data is missing, damaged, not what its format promises, too small, or
            larger than allowed.
    """
    text = read_text(task.data, allowance, level=task.level)
    text = replace(text, train=text.train[: task.max_train])
    check_text(text, SCORINGS[task.level].token)
    words = vocabulary(text.train, task.max_words)
    numbered = {name: _indices(getattr(text, name), words) for name in ("train", "valid", "test")}
    manifest = partial(
        TextManifest,
        source=text.source,
        words=words,
        level=task.level,
        num_train=len(text.train),
        num_valid=len(text.valid),
        num_test=len(text.test),
        notices=(*text.notices, *_of_strangers(numbered, SCORINGS[task.level].token)),
    )
    return prepared(
        manifest,
        search={name: numbered[name] for name in ("train", "valid")},
        test={"test": numbered["test"]},
        names=words,
    )


def _of_strangers(numbered: Mapping[str, npt.NDArray[np.int32]], token: str) -> Iterator[str]:
    """Yield a sentence on each part of which more is unknown than known."""
    for name, indices in numbered.items():
        share = float((indices == _UNKNOWN).mean())
        if share > 0.5:
            yield f"{share:.0%} of all {token}s in {name} are {UNKNOWN}, not in the vocabulary"


def vocabulary(text: Sequence[str], max_words: int) -> tuple[str, ...]:
    """Return the different words, the most frequent first, of equally frequent ones as they sort.

    `<unk>` and `<eos>` are always in it, before the others.

    Args:
        text: Words to train on.
        max_words: How many there may be, those two included.
    """
    counts = Counter(text)
    ranked = sorted(counts.keys() - {UNKNOWN, END}, key=lambda word: (-counts[word], word))
    return (UNKNOWN, END, *ranked[: max_words - 2])  # `_UNKNOWN` is the first


def _indices(text: Sequence[str], words: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return each word's index, that of `<unk>` for one that is not in the vocabulary, `[N]`."""
    index = {word: number for number, word in enumerate(words)}
    return np.fromiter((index.get(word, _UNKNOWN) for word in text), np.int32, len(text))
