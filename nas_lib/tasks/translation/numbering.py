"""Pairs as numbers of subwords, one sentence after another: what is stored of them.

Shapes: N pairs, M subwords of all sentences together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.data.subwords import BEGIN, END, Subwords
from nas_lib.tasks.translation.raw import Part

_AT_ONCE: Final = 10_000  # sentences are numbered at a time

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class NumberedSentences:
    """Sentences of one language, without marks.

    Attributes:
        subwords_M: Of all of them.
        lengths_N: How many of them each sentence has.
    """

    subwords_M: npt.NDArray[np.int32]  # noqa: N815
    lengths_N: npt.NDArray[np.int64]  # noqa: N815

    @classmethod
    def of(cls, sentences: Sequence[str], subwords: Subwords) -> NumberedSentences:
        """Number sentences, some at a time: lists of numbers take more memory than arrays."""
        found, lengths = [np.empty(0, np.int32)], []
        for first in range(0, len(sentences), _AT_ONCE):
            encoded = subwords.encode(sentences[first : first + _AT_ONCE])
            found.append(np.fromiter(chain.from_iterable(encoded), np.int32))
            lengths += [len(each) for each in encoded]
        return cls(np.concatenate(found), np.array(lengths, np.int64))

    def kept(self, is_kept_N: Mask) -> NumberedSentences:
        """Return some of them."""
        is_kept_M = np.repeat(is_kept_N, self.lengths_N)
        return NumberedSentences(self.subwords_M[is_kept_M], self.lengths_N[is_kept_N])

    def arrays(self, name: str, *, has_beginning: bool) -> dict[str, npt.NDArray[Any]]:
        """Return them as they are stored, with an end each."""
        ends_N = self.lengths_N.cumsum()
        marked_M = np.insert(self.subwords_M, ends_N, END)
        lengths_N = self.lengths_N + 1
        if has_beginning:
            marked_M = np.insert(marked_M, lengths_N.cumsum() - lengths_N, BEGIN)
            lengths_N = lengths_N + 1
        return {name: marked_M, f"{name}_ends": lengths_N.cumsum()}


@dataclass(frozen=True, eq=False)
class NumberedPart:
    """What there is to train, to validate or to test.

    Attributes:
        part: The pairs.
        source: What is translated, of each.
        target: Its translation.
    """

    part: Part
    source: NumberedSentences
    target: NumberedSentences

    @classmethod
    def of(cls, part: Part, subwords: Subwords) -> NumberedPart:
        """Number the pairs of a part."""
        sides = [pair.source for pair in part.pairs], [pair.target for pair in part.pairs]
        source, target = (NumberedSentences.of(each, subwords) for each in sides)
        return cls(part, source, target)

    def is_long(self, max_length: int) -> Mask:
        """Return of which pairs a sentence has more subwords than that, `[N]`."""
        found: Mask = np.maximum(self.source.lengths_N, self.target.lengths_N) > max_length
        return found

    def kept(self, is_kept_N: Mask) -> NumberedPart:
        """Return some of the pairs."""
        pairs = list(compress(self.part.pairs, is_kept_N.tolist()))
        part = replace(self.part, pairs=pairs)
        return NumberedPart(part, self.source.kept(is_kept_N), self.target.kept(is_kept_N))

    @property
    def longest(self) -> int:
        """Subwords of the longest sentence, its end among them."""
        lengths = (self.source.lengths_N, self.target.lengths_N)
        return 1 + int(max(each.max() for each in lengths))

    @property
    def num_told(self) -> int:
        """Subwords of the translations, their ends among them."""
        return len(self.target.subwords_M) + len(self.target.lengths_N)

    def arrays(self, name: str, *, has_references: bool) -> dict[str, npt.NDArray[Any]]:
        """Return what is stored of the part of this name; see `TranslationManifest`."""
        return {
            **self.source.arrays(f"{name}.source", has_beginning=False),
            **self.target.arrays(f"{name}.target", has_beginning=True),
            **(self._references(name) if has_references else {}),
        }

    def _references(self, name: str) -> dict[str, npt.NDArray[Any]]:
        written = [pair.target.encode() for pair in self.part.pairs]
        ends_N = np.cumsum([len(each) for each in written], dtype=np.int64)
        joined = np.frombuffer(b"".join(written), np.uint8)
        return {f"{name}.references": joined, f"{name}.reference_ends": ends_N}
