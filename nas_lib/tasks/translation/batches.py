"""Batches of pairs of sentences: those of similar length lie side by side.

Shapes: N pairs, M subwords of all sentences together, B pairs of a batch, T subwords of its longest
sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nas_lib.data.subwords import PAD
from nas_lib.data.tensors import check_tensor, load_tensors
from nas_lib.errors import CorruptStateError
from nas_lib.networks.translator import Pairs
from nas_lib.tasks.translation.preparation import TranslationManifest

_POOL: Final = 64  # batches whose pairs are sorted together, at most
_POOLS: Final = (
    4  # at least, where there are so many batches: of one, it is the same pairs together
)

_Numbers = npt.NDArray[np.int64]


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

    @cached_property
    def lengths_N(self) -> Tensor:  # noqa: N802
        """Subwords of each, `[N]`, on the CPU."""
        return self.ends_N.diff(prepend=self.ends_N.new_zeros(1))

    def to(self, device: torch.device | str) -> Sentences:
        """Return the same with their subwords on another device."""
        return replace(self, subwords_M=self.subwords_M.to(device))

    def numbers(self, row: int) -> list[int]:
        """Return the subwords of one of them."""
        end = int(self.ends_N[row])
        found: list[int] = self.subwords_M[end - int(self.lengths_N[row]) : end].tolist()
        return found

    def joined(self, others: Sentences) -> Sentences:
        """Return these and others after them."""
        return Sentences(
            torch.cat([self.subwords_M, others.subwords_M]),
            torch.cat([self.ends_N, others.ends_N + len(self.subwords_M)]),
        )

    def side_by_side(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return some of them, filled up, int64 `[T, B]`, and how long each is, `[B]`."""
        device = self.subwords_M.device
        lengths_B = self.lengths_N[rows_B]
        steps_T1 = torch.arange(int(lengths_B.max()))[:, None]
        is_there_TB = steps_T1 < lengths_B
        places_TB = (self.ends_N[rows_B] - lengths_B + steps_T1).where(is_there_TB, 0)
        found_TB = self.subwords_M[places_TB.to(device)].long()
        return found_TB.where(is_there_TB.to(device), PAD), lengths_B.to(device)


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
        return replace(self, source=self.source.to(device), target=self.target.to(device))

    def joined(self, others: PairRows) -> PairRows:
        """Return these and others after them, to learn from: without references."""
        return PairRows(self.source.joined(others.source), self.target.joined(others.target))

    def side_by_side(self, rows_B: Tensor) -> Pairs:
        """Return some of them as a batch; which ones, int64 `[B]` on the CPU."""
        source_TB, source_lengths_B = self.source.side_by_side(rows_B)
        target_TB, target_lengths_B = self.target.side_by_side(rows_B)
        return Pairs(source_TB, source_lengths_B, target_TB, target_lengths_B - 1)


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
    train = _pairs(path, "train", manifest, manifest.num_train)
    valid = _pairs(path, "valid", manifest, manifest.num_valid)
    return TranslationSplits(train, replace(valid, references=_references(path, "valid", valid)))


def load_test_pairs(path: Path, manifest: TranslationManifest) -> PairRows:
    """Map a test blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob, or not as its manifest says.
    """
    test = _pairs(path, "test", manifest, manifest.num_test)
    return replace(test, references=_references(path, "test", test))


def load_vocabulary(path: Path) -> bytes:
    """Return the vocabulary of either blob's file, for `Subwords`.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    (data,) = load_tensors(path, "subwords")
    return data.numpy().tobytes()


def _pairs(path: Path, part: str, manifest: TranslationManifest, num_pairs: int) -> PairRows:
    source, target = (
        _sentences(path, f"{part}.{side}", num_pairs, below=manifest.num_subwords)
        for side in ("source", "target")
    )
    return PairRows(source, target)


def _sentences(path: Path, name: str, num: int, *, below: int) -> Sentences:
    subwords_M, ends_N = load_tensors(path, name, f"{name}_ends")
    _check_ends(f"{name}_ends", ends_N, num)
    check_tensor(name, subwords_M, ("int32",), (int(ends_N[-1]),), below=below)
    return Sentences(subwords_M, ends_N)


def _references(path: Path, part: str, rows: PairRows) -> tuple[str, ...]:
    name = f"{part}.references"
    written, ends_N = load_tensors(path, name, f"{part}.reference_ends")
    _check_ends(f"{part}.reference_ends", ends_N, len(rows))
    check_tensor(name, written, ("uint8",), (int(ends_N[-1]),))
    data, ends = written.numpy().tobytes(), [0, *ends_N.tolist()]
    try:
        return tuple(data[a:b].decode() for a, b in pairwise(ends))
    except UnicodeDecodeError as err:
        raise CorruptStateError(f"{path}: expected {name} to be texts in UTF-8: {err}") from err


def _check_ends(name: str, ends_N: Tensor, num: int) -> None:
    check_tensor(name, ends_N, ("int64",), (num,))
    if int(ends_N.diff(prepend=ends_N.new_zeros(1)).min()) < 1:
        raise CorruptStateError(
            f"the stored data are not as data/manifest.json says: expected {name} to grow"
        )


def num_batches(num_pairs: int, batch_size: int) -> int:
    """Return how many batches of at most so many pairs there are in an epoch."""
    return -(-num_pairs // batch_size)


def training_batches(rows: PairRows, *, batch_size: int, seed: int) -> Iterator[Pairs]:
    """Yield one epoch: `num_batches`, whose sizes differ by one pair at most.

    Pairs are mixed, those of some batches are sorted by their lengths, and the batches mixed again.

    Args:
        rows: To train on.
        batch_size: Pairs of a batch at most.
        seed: Of their order; another one for each epoch.
    """
    generator = np.random.default_rng(seed)
    mixed_N = generator.permutation(len(rows))
    mixed = np.array_split(mixed_N, num_batches(len(rows), batch_size))
    batches: list[_Numbers] = []
    num = min(_POOL, max(1, len(mixed) // _POOLS))
    for first in range(0, len(mixed), num):
        pool = mixed[first : first + num]
        batches += np.array_split(_sorted(rows, np.concatenate(pool)), len(pool))
    for number in generator.permutation(len(batches)):
        yield rows.side_by_side(torch.from_numpy(batches[number]))


def evaluation_batches(rows: PairRows, *, batch_size: int) -> Iterator[tuple[Tensor, Pairs]]:
    """Yield every pair once, the longest first; with which ones they are, int64 `[B]`, on the CPU.

    Args:
        rows: To score or translate.
        batch_size: Pairs of a batch at most.
    """
    longest_first_N = _sorted(rows, np.arange(len(rows)))[::-1].copy()
    for rows_B in torch.split(torch.from_numpy(longest_first_N), batch_size):
        yield rows_B, rows.side_by_side(rows_B)


def _sorted(rows: PairRows, which_N: _Numbers) -> _Numbers:
    """Return rows by the longer of their sentences, those of equal ones by both together.

    So of all that batches are filled up with, in either language, there is little: on 52,000 pairs
    of manuals a tenth, and by the length of the translation alone a sixth.
    """
    source_N, target_N = (each.lengths_N.numpy()[which_N] for each in (rows.source, rows.target))
    return which_N[np.lexsort((source_N + target_N, np.maximum(source_N, target_N)))]
