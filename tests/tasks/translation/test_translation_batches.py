"""Batches of pairs: which lie side by side, in which order, and what they are filled up with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from allowances import AMPLE
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import pairs, parallel_task, write_parallel
from safetensors.numpy import load, save
from torch import Tensor

from nas_lib.data.subwords import BEGIN, END, PAD, Subwords
from nas_lib.errors import CorruptStateError
from nas_lib.networks.translator import Pairs
from nas_lib.tasks.translation.batches import (
    PairRows,
    Sentences,
    evaluation_batches,
    load_pairs,
    load_test_pairs,
    load_vocabulary,
    num_batches,
    training_batches,
)
from nas_lib.tasks.translation.preparation import TranslationManifest, prepare_translation


def sentences(*rows: list[int]) -> Sentences:
    flat = [each for row in rows for each in row]
    ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
    return Sentences(torch.tensor(flat, dtype=torch.int32), torch.from_numpy(ends))


def numbered(lengths: list[tuple[int, int]]) -> PairRows:
    """Return pairs of which the first subword says which it is, of so many subwords and marks."""
    sources = [[10 + number] * num + [END] for number, (num, _) in enumerate(lengths)]
    targets = [[BEGIN] + [10 + number] * num + [END] for number, (_, num) in enumerate(lengths)]
    return PairRows(sentences(*sources), sentences(*targets))


def numbers_in(batch: Pairs) -> list[int]:
    return (batch.source_TB[0] - 10).tolist()


ROWS = numbered([(1 + 7 * number % 11, 1 + 5 * number % 13) for number in range(50)])
any_rows = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=40).map(
    numbered
)


def test_sentences_are_filled_up_to_the_longest() -> None:
    rows = PairRows(
        sentences([7, END], [8, 8, 9, END], [5, 6, END]),
        sentences([BEGIN, 6, 6, END], [BEGIN, END], [BEGIN, 4, END]),
    )
    batch = rows.side_by_side(torch.tensor([2, 0]))
    assert batch.source_TB.tolist() == [[5, 7], [6, END], [END, PAD]]
    assert batch.source_lengths_B.tolist() == [3, 2]
    assert batch.target_TB.tolist() == [[BEGIN, BEGIN], [4, 6], [END, 6], [PAD, END]]
    assert batch.target_lengths_B.tolist() == [2, 3]  # the beginning is not told
    assert {each.dtype for each in batch} == {torch.int64}


@given(any_rows, st.integers(1, 12), st.integers(0, 3))
@settings(max_examples=40)
def test_an_epoch_has_each_pair_once_in_batches_of_equal_size(
    rows: PairRows, batch_size: int, seed: int
) -> None:
    batches = list(training_batches(rows, batch_size=batch_size, seed=seed))
    sizes = [batch.source_TB.shape[1] for batch in batches]
    assert len(batches) == num_batches(len(rows), batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert sorted(number for batch in batches for number in numbers_in(batch)) == [
        *range(len(rows))
    ]


@given(any_rows, st.integers(1, 12))
@settings(max_examples=40)
def test_a_pair_is_the_same_in_whichever_batch_it_is(rows: PairRows, batch_size: int) -> None:
    for rows_B, batch in evaluation_batches(rows, batch_size=batch_size):
        for at, row in enumerate(rows_B.tolist()):
            assert words(batch.source_TB, at, batch.source_lengths_B) == words_of(rows.source, row)
            assert words(batch.target_TB, at, batch.target_lengths_B + 1) == (
                words_of(rows.target, row)
            )


def words(side_TB: Tensor, at: int, lengths_B: Tensor) -> list[int]:
    """Return one of the sentences, all beyond which is filled up."""
    length = int(lengths_B[at])
    assert side_TB[length:, at].eq(PAD).all()
    return side_TB[:length, at].tolist()


def words_of(side: Sentences, row: int) -> list[int]:
    first, last = [0, *side.ends_N.tolist()][row : row + 2]
    return side.subwords_M[first:last].tolist()


@given(any_rows, st.integers(1, 12))
@settings(max_examples=40)
def test_evaluation_takes_each_pair_once_the_longest_first(rows: PairRows, batch_size: int) -> None:
    batches = list(evaluation_batches(rows, batch_size=batch_size))
    assert sorted(row for rows_B, _ in batches for row in rows_B.tolist()) == [*range(len(rows))]
    for rows_B, batch in batches:
        assert numbers_in(batch) == rows_B.tolist()
    longest = [max(len(batch.source_TB), len(batch.target_TB)) for _, batch in batches]
    assert longest == sorted(longest, reverse=True)


def test_each_epoch_has_an_order_of_its_own_and_a_seed_always_the_same() -> None:
    orders = [
        [numbers_in(batch) for batch in training_batches(ROWS, batch_size=8, seed=seed)]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    together = [{frozenset(batch) for batch in order} for order in orders]
    assert together[0] != together[2]


def test_batches_do_not_come_by_length() -> None:
    # of 8 batches two at a time are sorted together: unmixed, the second would be the longer one
    orders = [list(training_batches(ROWS, batch_size=7, seed=seed)) for seed in range(4)]
    first, second = (
        [max(len(order[at].source_TB), len(order[at].target_TB)) for order in orders]
        for at in (0, 1)
    )
    assert any(one > other for one, other in zip(first, second, strict=True))


def test_sentences_of_similar_length_lie_side_by_side() -> None:
    rng = np.random.default_rng(0)
    lengths = [(int(num), int(num)) for num in rng.integers(1, 60, 2000)]
    batches = list(training_batches(numbered(lengths), batch_size=20, seed=0))
    places = sum(batch.target_TB.numel() for batch in batches)
    filled = sum(int((batch.target_TB == PAD).sum()) for batch in batches)
    # 25 batches are sorted together, 0.4 of each of 59 lengths: each has 3 or 4 of about 30
    assert filled / places < 0.06


# --- what is stored -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TranslationManifest]:
    folder = tmp_path_factory.mktemp("parallel")
    found = prepare_translation(parallel_task(write_parallel(folder / "pairs.tsv")), AMPLE)
    (folder / "search").write_bytes(found.search_blob)
    (folder / "test").write_bytes(found.test_blob)
    assert isinstance(found.manifest, TranslationManifest)
    return folder, found.manifest


def test_what_is_loaded_is_what_was_prepared(stored: tuple[Path, TranslationManifest]) -> None:
    folder, manifest = stored
    splits = load_pairs(folder / "search", manifest)
    test = load_test_pairs(folder / "test", manifest)
    known = dict(pairs(400))
    subwords = Subwords(load_vocabulary(folder / "search"))
    assert load_vocabulary(folder / "test") == subwords.data
    assert (len(splits.train), len(splits.valid), len(test)) == (
        manifest.num_train,
        manifest.num_valid,
        manifest.num_test,
    )
    assert splits.train.references == ()
    for rows in (splits.valid, test):
        for row, reference in enumerate(rows.references):
            source = subwords.decode(words_of(rows.source, row))
            assert known[source] == reference == subwords.decode(words_of(rows.target, row))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("valid.target", lambda found: found[:-1], r"valid\.target to be int32 \[\d+\], got int32"),
        ("valid.source", lambda found: found + 300, "valid.source to be indices below 330"),
        ("valid.source", lambda found: found.astype("i8"), "to be int32 .* got int64"),
        ("train.source_ends", lambda found: found[:-1], "train.source_ends to be int64"),
        ("train.source_ends", lambda found: found[::-1].copy(), "train.source_ends to grow"),
        ("valid.reference_ends", lambda found: found + 1, "valid.references to be uint8"),
        ("valid.references", lambda found: found | 128, "valid.references to be texts in UTF-8"),
        ("valid.target", None, "it has no valid.target"),
    ],
)
def test_what_is_not_as_its_manifest_says_is_refused(
    tmp_path: Path, stored: tuple[Path, TranslationManifest], name: str, change: Any, message: str
) -> None:
    folder, manifest = stored
    arrays = load((folder / "search").read_bytes())
    before = arrays.pop(name)
    if change is not None:
        arrays[name] = change(before)
    (tmp_path / "search").write_bytes(save(arrays))
    with pytest.raises(CorruptStateError, match=message):
        load_pairs(tmp_path / "search", manifest)


def test_another_manifest_is_refused(stored: tuple[Path, TranslationManifest]) -> None:
    folder, manifest = stored
    with pytest.raises(CorruptStateError, match="expected test"):
        load_test_pairs(folder / "test", replace(manifest, num_test=manifest.num_test + 1))
    with pytest.raises(CorruptStateError, match="it has no test"):
        load_test_pairs(folder / "search", manifest)
