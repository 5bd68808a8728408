from __future__ import annotations

from statistics import fmean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas_lib.tasks.text.batches import evaluation_text_batches, piece_lengths, text_batches


def columns(pieces: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and targets `[R, B]`, put together again."""
    inputs, targets = zip(*pieces, strict=True)
    return torch.cat(inputs), torch.cat(targets)


def test_a_text_is_read_column_by_column_and_its_last_words_are_left_over() -> None:
    words = torch.arange(13, dtype=torch.int32)
    (first, second) = text_batches(words, batch_size=3, bptt=3, random_lengths=False, seed=0)
    # (13 - 1) // 3 = 4 words in a column, of which 3 and then 1 are in a piece
    assert first[0].tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10]]
    assert first[1].tolist() == [[1, 5, 9], [2, 6, 10], [3, 7, 11]]
    assert (second[0].tolist(), second[1].tolist()) == ([[3, 7, 11]], [[4, 8, 12]])
    assert first[0].dtype == first[1].dtype == torch.int64


@given(
    num_words=st.integers(2, 300),
    batch_size=st.integers(1, 40),
    bptt=st.integers(1, 50),
    random_lengths=st.booleans(),
    seed=st.integers(0, 2**63),
)
def test_each_word_is_a_target_once_and_follows_its_input(
    num_words: int, batch_size: int, bptt: int, random_lengths: bool, seed: int
) -> None:
    words = torch.arange(num_words)
    inputs, targets = columns(
        text_batches(
            words, batch_size=batch_size, bptt=bptt, random_lengths=random_lengths, seed=seed
        )
    )
    num_columns = min(batch_size, num_words - 1)
    left_over = (num_words - 1) % num_columns
    assert inputs.shape[1] == num_columns
    assert targets.T.flatten().tolist() == list(range(1, num_words - left_over))
    assert torch.equal(inputs + 1, targets)


@given(num_words=st.integers(2, 200), batch_size=st.integers(1, 12), bptt=st.integers(1, 30))
def test_an_evaluation_has_pieces_of_equal_length_but_the_last(
    num_words: int, batch_size: int, bptt: int
) -> None:
    words = torch.arange(num_words)
    lengths = [
        len(inputs)
        for inputs, _ in evaluation_text_batches(words, batch_size=batch_size, bptt=bptt)
    ]
    assert all(length == bptt for length in lengths[:-1])
    assert 1 <= lengths[-1] <= bptt


def test_random_lengths_are_about_bptt_and_sometimes_half_of_it() -> None:
    lengths = piece_lengths(100_000, bptt=35, random_lengths=True, seed=3)[:-1]
    short = [length for length in lengths if length < 26]  # 1.8 deviations from either centre
    # 0.95 x 35 + 0.05 x 17.5 = 34.1; of the long ones 3.6 % are below 26, of the short ones 95.5 %
    assert fmean(lengths) == pytest.approx(34.1, abs=0.5)
    assert len(short) / len(lengths) == pytest.approx(0.95 * 0.036 + 0.05 * 0.955, abs=0.02)
    assert min(piece_lengths(10_000, bptt=5, random_lengths=True, seed=3)[:-1]) == 5


def test_lengths_come_from_the_seed() -> None:
    one, same, other = (
        piece_lengths(1000, bptt=35, random_lengths=True, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same != other
