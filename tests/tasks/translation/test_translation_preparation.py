"""Pairs of sentences: split, numbered and stored."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from allowances import AMPLE
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import VOCABULARY, pairs, parallel_task, write_parallel
from safetensors.numpy import load

from nas_lib.data import BlobInfo, Prepared
from nas_lib.data.subwords import BEGIN, END, Subwords
from nas_lib.errors import DataError, MissingExtraError
from nas_lib.records import from_json, to_json
from nas_lib.tasks.translation.numbering import NumberedSentences
from nas_lib.tasks.translation.preparation import TranslationManifest, prepare_translation
from nas_lib.tasks.translation.raw import Pair, Part, RawPairs, without_shared

GOOD = [f"{here}\t{there}" for here, there in pairs(200, longest=3)]
LONG = " ".join(["ena"] * 41)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parallel(tmp_path_factory.mktemp("parallel") / "pairs.tsv")


@pytest.fixture(scope="module")
def found(path: Path) -> Prepared:
    return prepare_translation(parallel_task(path), AMPLE)


def manifest_of(found: Prepared) -> TranslationManifest:
    assert isinstance(found.manifest, TranslationManifest)
    return found.manifest


def sentences(blob: bytes, name: str) -> list[str]:
    """Return what is stored under a name as sentences, with the marks in figures."""
    arrays = load(blob)
    subwords = Subwords(arrays["subwords"].tobytes())
    rows = np.split(arrays[name], arrays[f"{name}_ends"][:-1])
    marks = [("2" if row[0] == BEGIN else "", "3" if row[-1] == END else "") for row in rows]
    return [
        " ".join([begin, subwords.decode(row), end]).strip()
        for (begin, end), row in zip(marks, rows, strict=True)
    ]


def lines(path: Path, *more: str) -> Path:
    """Write 200 pairs, and these lines after them: from line 201."""
    path.write_text("".join(f"{line}\n" for line in (*GOOD, *more)), encoding="utf-8")
    return path


def test_the_blobs_hold_all_pairs_with_their_marks_and_references(
    path: Path, found: Prepared
) -> None:
    pairs_of = {
        name: list(
            zip(
                sentences(blob, f"{name}.source"),
                sentences(blob, f"{name}.target"),
                strict=True,
            )
        )
        for name, blob in (
            ("train", found.search_blob),
            ("valid", found.search_blob),
            ("test", found.test_blob),
        )
    }
    expected = sorted((f"{here} 3", f"2 {there} 3") for here, there in pairs(400))

    assert sorted(pair for part in pairs_of.values() for pair in part) == expected
    for name, blob in (("valid", found.search_blob), ("test", found.test_blob)):
        arrays = load(blob)
        ends = arrays[f"{name}.reference_ends"]
        written = np.split(arrays[f"{name}.references"], ends[:-1])
        assert [f"2 {each.tobytes().decode()} 3" for each in written] == [
            target for _, target in pairs_of[name]
        ]


def test_a_search_sees_nothing_of_the_test(found: Prepared) -> None:
    assert not [name for name in load(found.search_blob) if name.startswith("test")]
    assert "train.references" not in load(found.search_blob)


def test_the_manifest_says_what_was_prepared(path: Path, found: Prepared) -> None:
    manifest, arrays = manifest_of(found), load(found.search_blob)
    nums = manifest.num_train, manifest.num_valid, manifest.num_test
    assert sum(nums) == 400
    assert 300 < nums[0] < 340
    assert 20 < nums[1] < 60
    assert manifest.source == str(path)
    assert manifest.notices == ()
    assert manifest.num_subwords == VOCABULARY
    assert manifest.num_train_subwords == len(arrays["train.target"]) - nums[0]  # beginnings
    lengths = [
        np.diff(load(blob)[f"{part}.source_ends"], prepend=0).max()
        for part, blob in (("train", found.search_blob), ("test", found.test_blob))
    ]
    assert max(lengths) <= manifest.max_length <= 41
    assert manifest.search_blob == BlobInfo.of(found.search_blob)
    assert from_json(TranslationManifest, to_json(manifest), key="manifest.json") == manifest


def test_the_same_data_elsewhere_are_the_same_content(tmp_path: Path, found: Prepared) -> None:
    again = prepare_translation(parallel_task(write_parallel(tmp_path / "other.tsv.xz")), AMPLE)
    assert again.manifest.content_hash == found.manifest.content_hash
    assert again.search_blob == found.search_blob
    other = write_parallel(tmp_path / "pairs.tsv", count=399)
    changed = prepare_translation(parallel_task(other), AMPLE)
    assert changed.manifest.content_hash != found.manifest.content_hash


def test_fewer_training_pairs_leave_the_others_as_they_are(path: Path, found: Prepared) -> None:
    fewer = prepare_translation(parallel_task(path, max_train=100, vocabulary=310), AMPLE)
    assert fewer.manifest.num_train == 100
    assert (
        sentences(fewer.search_blob, "train.source")
        == (sentences(found.search_blob, "train.source")[:100])
    )
    assert sentences(fewer.test_blob, "test.target") == sentences(found.test_blob, "test.target")


def test_long_sentences_are_told_by_their_lines(tmp_path: Path) -> None:
    path = lines(tmp_path / "pairs.tsv", f"{LONG}\tx", "dov\tla", f"dov\t{LONG}")
    with pytest.raises(DataError) as err:
        prepare_translation(parallel_task(path), AMPLE)
    assert str(err.value) == (
        f"{path}: expected sentences of at most 40 subwords, got 2 lines with a sentence of more "
        "than 40 subwords (lines 201 and 203): set task.max_length to more, or leave them out by "
        "task.on_error: skip"
    )


def test_or_they_are_left_out_and_counted_with_all_that_is_left_out(tmp_path: Path) -> None:
    path = lines(tmp_path / "pairs.tsv", f"{LONG}\tx", "", "dov")
    manifest = prepare_translation(parallel_task(path, on_error="skip"), AMPLE).manifest
    assert manifest.num_train + manifest.num_valid + manifest.num_test == 200
    assert manifest.notices == (
        f"{path}: 1 empty line (line 202) and 1 line without a tab (line 203) were left out",
        f"{path}: 1 line with a sentence of more than 40 subwords (line 201) was left out",
    )


def test_a_sentence_as_long_as_it_may_be_stays(tmp_path: Path) -> None:
    path = lines(tmp_path / "pairs.tsv", f"{LONG.removesuffix(' ena')}\tx")
    assert manifest_of(prepare_translation(parallel_task(path), AMPLE)).max_length == 41


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((1, 1, 1), "expected at least 2 pairs in train, got 1$"),
        ((2, 0, 1), r"expected at least 1 pair in valid, got 0: .* task\.data\.parts leave more"),
        ((2, 1, 0), "expected at least 1 pair in test, got 0"),
    ],
)
def test_each_part_needs_pairs(tmp_path: Path, parts: tuple[int, int, int], message: str) -> None:
    rest = iter(GOOD)
    for name, num in zip(("train", "valid", "test"), parts, strict=True):
        text = "".join(f"{next(rest)}\n" for _ in range(num))
        (tmp_path / f"{name}.tsv").write_text(text or "\n")
    with pytest.raises(DataError, match=message):
        prepare_translation(parallel_task(tmp_path, on_error="skip"), AMPLE)


def test_where_too_few_pairs_are_left_it_is_said_what_was_left_out(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("ena,wi\ndov,la\n")
    with pytest.raises(DataError, match=r"in train, got 0; .*: 2 lines without a tab \(.* out$"):
        prepare_translation(parallel_task(path, on_error="skip"), AMPLE)

    spelled = parallel_task(lines(path), on_error="skip", vocabulary=290, max_length=2)
    with pytest.raises(DataError, match=r"got \d; .* with a sentence of more than 2 subwords"):
        prepare_translation(spelled, AMPLE)


def test_a_vocabulary_that_the_text_has_not_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match=r"pairs\.tsv: .* in 4,000 .*: set task\.vocabulary to"):
        prepare_translation(parallel_task(path, vocabulary=4000), AMPLE)


def test_without_sentencepiece_one_sentence_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kfp-nas\[translation\]'"):
        prepare_translation(parallel_task(path), AMPLE)


# --- the same sentence on two sides ---------------------------------------------------------------


def raw_of(*parts: list[str]) -> RawPairs:
    train, valid, test = (
        Part("pairs.tsv", [Pair(source, "x", line) for line, source in enumerate(part)])
        for part in parts
    )
    return RawPairs("pairs.tsv", train, valid, test)


def sources(raw: RawPairs) -> list[list[str]]:
    return [[pair.source for pair in part.pairs] for part in raw.parts]


def test_the_test_keeps_its_sentences_and_the_others_lose_them() -> None:
    raw = without_shared(raw_of(["a", "b", "b", "c", "d", "d"], ["b", "c", "e"], ["c", "f", "c"]))
    assert sources(raw) == [["a", "d", "d"], ["b", "e"], ["c", "f", "c"]]
    assert raw.notices == (
        "left out, as their sentences are in another part, too: 3 training pairs and "
        "1 validation pair",
    )


any_part = st.lists(st.sampled_from("abcdefgh"), max_size=8)


@given(any_part, any_part, any_part)
def test_no_sentence_is_in_two_parts_and_none_is_lost(
    some: list[str], others: list[str], last: list[str]
) -> None:
    raw = raw_of(some, others, last)
    train, valid, test = sources(without_shared(raw))
    assert len({*train, *valid, *test}) == len({*train}) + len({*valid}) + len({*test})
    assert {*train, *valid, *test} == {*some, *others, *last}
    assert test == last
    assert (without_shared(raw).notices == ()) == ([train, valid] == [some, others])


def test_lines_that_are_in_every_document_leave_nothing_to_train_on(tmp_path: Path) -> None:
    doubled = [f"{name}\t{line}" for name in "abcdefghij" for line in GOOD[:50]]
    (tmp_path / "pairs.tsv").write_text("\n".join(doubled))
    task = parallel_task(
        tmp_path / "pairs.tsv", source=2, target=3, split_by=(1,), parts=3, vocabulary=300
    )
    with pytest.raises(DataError, match="expected at least 2 pairs in train, got 0"):
        prepare_translation(task, AMPLE)


# --- sentences as arrays --------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(4, 9), max_size=4), min_size=1, max_size=6), st.data())
@settings(max_examples=40)
def test_arrays_hold_each_sentence_that_is_kept_between_its_marks(
    numbers: list[list[int]], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(numbers), max_size=len(numbers)))
    whole = NumberedSentences(
        np.array([each for row in numbers for each in row], np.int32),
        np.array([len(row) for row in numbers], np.int64),
    )
    for has_beginning in (False, True):
        arrays = whole.kept(np.array(kept)).arrays("x", has_beginning=has_beginning)
        starts = [0, *arrays["x_ends"].tolist()]
        rows = [arrays["x"][a:b].tolist() for a, b in pairwise(starts)]
        begin = [BEGIN] if has_beginning else []
        assert rows == [
            [*begin, *row, END] for row, is_kept in zip(numbers, kept, strict=True) if is_kept
        ]
        assert arrays["x"].dtype == np.int32
        assert arrays["x_ends"].dtype == np.int64
