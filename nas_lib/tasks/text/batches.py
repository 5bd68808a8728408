"""Batches of a text: it is laid out in columns, which are read side by side, a piece at a time.

Shapes: N words in the text, B columns, T words of a piece, R words of a column.

A column is a stretch of the text, and the next word of its last one is the first of the next
column: each word but the first is a target exactly once, and of the last ones fewer than B are left
over, as the columns are of equal length: (N - 1) mod B.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nas_lib.data.tensors import check_tensor, load_tensors
from nas_lib.tasks.text.preparation import TextManifest

Piece = tuple[Tensor, Tensor]
"""Words and the words that follow them, both int64 `[T, B]`."""

_HALF = 0.05  # of all pieces are drawn around half of bptt (Merity et al. 2018, section 4.1)
_DEVIATION = 5.0
_SHORTEST = 5


@dataclass(frozen=True, eq=False)
class TextSplits:
    """All the text that a search may see: indices of words (int32), `[N]` and `[M]`."""

    train: Tensor
    valid: Tensor

    def to(self, device: torch.device | str) -> TextSplits:
        """Return the same on another device."""
        return TextSplits(self.train.to(device), self.valid.to(device))


def load_text(path: Path) -> TextSplits:
    """Map a search blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    return TextSplits(*load_tensors(path, "train", "valid"))


def load_test_text(path: Path) -> Tensor:
    """Map a test blob's file into memory; return the indices of its words (int32), `[N]`.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    (test,) = load_tensors(path, "test")
    return test


def check_text(part: str, found: Tensor, manifest: TextManifest, num_words: int) -> Tensor:
    """Return a text that is as its manifest says.

    Raises:
        CorruptStateError: It is not.
    """
    check_tensor(part, found, ("int32",), (num_words,), below=manifest.num_words)
    return found


def text_batches(
    words_N: Tensor, *, batch_size: int, bptt: int, random_lengths: bool, seed: int
) -> list[Piece]:
    """Return one epoch: pieces of all columns, in order, so that a state can be carried over.

    A step's learning rate is to be multiplied by T / bptt, so that each word counts alike.

    Args:
        words_N: Indices of words, at least two, of any integer type, on any device.
        batch_size: Columns; a text of fewer words than that has fewer.
        bptt: Words of a piece; the last one may have fewer.
        random_lengths: Draw each piece's length: normal with deviation 5 around bptt, or in one of
            20 around half of it, and at least 5.
        seed: Of the lengths; another one for each epoch.
    """
    num_columns = min(batch_size, len(words_N) - 1)
    num_rows = (len(words_N) - 1) // num_columns
    lengths = piece_lengths(num_rows, bptt=bptt, random_lengths=random_lengths, seed=seed)
    inputs_RB, targets_RB = (
        words_N[first : first + num_rows * num_columns].view(num_columns, num_rows).T.long()
        for first in (0, 1)
    )
    pieces = (torch.split(words_RB.contiguous(), lengths) for words_RB in (inputs_RB, targets_RB))
    return list(zip(*pieces, strict=True))


def evaluation_text_batches(words_N: Tensor, *, batch_size: int, bptt: int) -> list[Piece]:
    """Return pieces of exactly bptt words, the last one of what is left; as `text_batches`."""
    return text_batches(words_N, batch_size=batch_size, bptt=bptt, random_lengths=False, seed=0)


def piece_lengths(num_rows: int, *, bptt: int, random_lengths: bool, seed: int) -> list[int]:
    """Return the lengths of pieces that make up a column; arguments as in `text_batches`."""
    generator = np.random.default_rng(seed)
    lengths: list[int] = []
    left = num_rows
    while left:
        length = _random_length(bptt, generator) if random_lengths else bptt
        lengths.append(min(length, left))
        left -= lengths[-1]
    return lengths


def _random_length(bptt: int, generator: np.random.Generator) -> int:
    centre = bptt / 2 if generator.random() < _HALF else bptt
    return max(_SHORTEST, round(generator.normal(centre, _DEVIATION)))
