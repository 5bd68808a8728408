"""From the user's text to what a search stores: words numbered, hashed and serialised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from nas_lib.config import TextTaskConfig
from nas_lib.data.hashing import content_hash
from nas_lib.data.manifest import BlobInfo, TextManifest
from nas_lib.data.raw_text import END, UNKNOWN, check_text
from nas_lib.data.readers import read_text


@dataclass(frozen=True)
class PreparedText:
    """A text ready for a search; the blobs are safetensors files (see `nas_lib.data.loading`)."""

    manifest: TextManifest
    search_blob: bytes
    test_blob: bytes


def prepare_text(task: TextTaskConfig) -> PreparedText:
    """Read, check, number and serialise a text, as `nas_lib.data.prepare` does."""
    text = read_text(task.data)
    text = replace(text, train=text.train[: task.max_train])
    check_text(text)
    words = vocabulary(text.train, task.max_words)
    search_arrays = {name: _indices(getattr(text, name), words) for name in ("train", "valid")}
    test_arrays = {"test": _indices(text.test, words)}
    search_blob, test_blob = save(search_arrays), save(test_arrays)
    manifest = TextManifest(
        content_hash=content_hash(search_arrays | test_arrays, words),
        source=text.source,
        words=words,
        num_train=len(text.train),
        num_valid=len(text.valid),
        num_test=len(text.test),
        search_blob=BlobInfo.of(search_blob),
        test_blob=BlobInfo.of(test_blob),
    )
    return PreparedText(manifest, search_blob, test_blob)


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
