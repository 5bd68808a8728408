"""From the user's text to what a search stores: words numbered, hashed and serialised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import TextTaskConfig
from nas_lib.data import Manifest, Prepared, prepared
from nas_lib.data.allowance import Allowance
from nas_lib.records import STRICT
from nas_lib.tasks.text.raw import END, UNKNOWN, check_text
from nas_lib.tasks.text.readers import read_text


@checked_dataclass(frozen=True, config=STRICT)
class TextManifest(Manifest):
    """What was prepared of a text; its examples are words.

    Attributes:
        words: The vocabulary, in the order of the words' indices.
    """

    words: tuple[str, ...]

    @property
    def num_words(self) -> int:
        """Different words."""
        return len(self.words)


def prepare_text(task: TextTaskConfig, allowance: Allowance) -> Prepared:
    """Read, check, number and serialise a text: a pure function of data and settings.

    Args:
        task: What the data are.
        allowance: How much memory they may take unpacked.

    Raises:
        DataError: The data is missing, damaged, not what its format promises, too small, or
            larger than allowed.
    """
    text = read_text(task.data, allowance)
    text = replace(text, train=text.train[: task.max_train])
    check_text(text)
    words = vocabulary(text.train, task.max_words)
    manifest = partial(
        TextManifest,
        source=text.source,
        words=words,
        num_train=len(text.train),
        num_valid=len(text.valid),
        num_test=len(text.test),
        notices=text.notices,
    )
    return prepared(
        manifest,
        search={name: _indices(getattr(text, name), words) for name in ("train", "valid")},
        test={"test": _indices(text.test, words)},
        names=words,
    )


def vocabulary(text: Sequence[str], max_words: int) -> tuple[str, ...]:
    """Return the different words, the most frequent first, of equally frequent ones as they sort.

    `<unk>` and `<eos>` are always in it, before the others.

    Args:
        text: Words to train on.
        max_words: How many there may be, those two included.
    """
    counts = Counter(text)
    ranked = sorted(counts.keys() - {UNKNOWN, END}, key=lambda word: (-counts[word], word))
    return (UNKNOWN, END, *ranked[: max_words - 2])


def _indices(text: Sequence[str], words: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return each word's index, that of `<unk>` for one that is not in the vocabulary, `[N]`."""
    index = {word: number for number, word in enumerate(words)}
    unknown = index[UNKNOWN]
    return np.fromiter((index.get(word, unknown) for word in text), np.int32, len(text))
