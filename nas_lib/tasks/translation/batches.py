"""Batches of pairs of sentences: those of similar length lie side by side.

Shapes: N pairs, M subwords of all sentences together, B pairs of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nas_lib.networks.translator import Pairs
from nas_lib.tasks.translation.preparation import TranslationManifest


@dataclass(frozen=True, eq=False)
class Sentences:
    """Sentences as numbers, one after another.

    Attributes:
        subwords_M: Of all of them, int32, on any device.
        ends_N: Where each ends in there, int64, on the CPU.
    """

    subwords_M: Tensor  # noqa: N815
    ends_N: Tensor  # noqa: N815

    def __len__(self) -> int:
        return len(self.ends_N)

    @property
    def lengths_N(self) -> Tensor:  # noqa: N802
        """Subwords of each, `[N]`, on the CPU."""
        return self.ends_N.diff(prepend=self.ends_N.new_zeros(1))


@dataclass(frozen=True, eq=False)
class PairRows:
    """Pairs of sentences, as they lie in the blobs.

    Attributes:
        source: What is translated.
        target: The translations.
        references: Of validation and test: the translations as they are written.
    """

    source: Sentences
    target: Sentences
    references: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: torch.device | str) -> PairRows:
        """Return the same on another device."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class TranslationSplits:
    """All that a search may see."""

    train: PairRows
    valid: PairRows

    def to(self, device: torch.device | str) -> TranslationSplits:
        """Return the same on another device."""
        return TranslationSplits(self.train.to(device), self.valid.to(device))


def load_pairs(path: Path, manifest: TranslationManifest) -> TranslationSplits:
    """Map a search blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob, or not as its manifest says.
    """
    raise NotImplementedError


def load_test_pairs(path: Path, manifest: TranslationManifest) -> PairRows:
    """Map a test blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob, or not as its manifest says.
    """
    raise NotImplementedError


def load_vocabulary(path: Path) -> bytes:
    """Return the vocabulary of either blob's file, for `Subwords`.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    raise NotImplementedError


def num_batches(num_pairs: int, batch_size: int) -> int:
    """Return how many batches of at most so many pairs there are in an epoch."""
    return -(-num_pairs // batch_size)


def training_batches(rows: PairRows, *, batch_size: int, seed: int) -> Iterator[Pairs]:
    """Yield one epoch: `num_batches`, whose sizes differ by one pair at most.

    Args:
        rows: To train on.
        batch_size: Pairs of a batch at most.
        seed: Of their order; another one for each epoch.
    """
    raise NotImplementedError


def evaluation_batches(rows: PairRows, *, batch_size: int) -> Iterator[tuple[Tensor, Pairs]]:
    """Yield every pair once, the longest first; with which ones they are, int64 `[B]`, on the CPU.

    Args:
        rows: To score or translate.
        batch_size: Pairs of a batch at most.
    """
    raise NotImplementedError
