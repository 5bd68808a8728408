"""Texts in the forms and under the names in which people have them."""

from __future__ import annotations

import bz2
import gzip
import shutil
import tracemalloc
from pathlib import Path

import pytest
from allowances import AMPLE

from nas_lib.config import TextFilesData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.text.raw import RawText
from nas_lib.tasks.text.readers import read_text
from nas_lib.tasks.text.readers.text_files import _LONGEST_WORD

MIB = 2**20
PARTS = ("train", "valid", "test")


def write(folder: Path, names: tuple[str, ...] = PARTS, **data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in zip(PARTS, names, strict=True):
        suffix = "" if "." in name else ".txt"
        (folder / f"{name}{suffix}").write_bytes(data.get(part, f"a {part}\n".encode()))


def read(path: Path, allowance: Allowance = AMPLE) -> RawText:
    return read_text(TextFilesData(path=str(path)), allowance)


def check_parts(path: Path) -> RawText:
    text = read(path)
    for part in PARTS:
        assert getattr(text, part) == ["a", part, "<eos>"]
    return text


@pytest.mark.parametrize(
    "names",
    [
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
        ("wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"),
        ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
        ("train.txt", "val.txt", "test.txt"),
        ("train.txt", "validation.txt", "test.txt"),
    ],
)
def test_names_under_which_texts_are_published(tmp_path: Path, names: tuple[str, ...]) -> None:
    write(tmp_path, names)
    check_parts(tmp_path)


def test_the_words_of_the_penn_treebank_are_taken_and_not_its_characters(tmp_path: Path) -> None:
    data = tmp_path / "simple-examples" / "data"
    write(data, tuple(f"ptb.{part}.txt" for part in PARTS))
    write(data, tuple(f"ptb.char.{part}.txt" for part in PARTS), train=b"a _ t r a i n\n")
    assert check_parts(tmp_path).source == f"texts in {data}"


@pytest.mark.parametrize(
    ("kind", "suffix"), [("zip", "zip"), ("tar", "tar"), ("gztar", "tar.gz"), ("bztar", "tar.bz2")]
)
def test_archives(tmp_path: Path, kind: str, suffix: str) -> None:
    write(tmp_path / "x" / "wikitext-2", tuple(f"wiki.{part}.tokens" for part in PARTS))
    shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path / "x")
    path = tmp_path / f"packed.{suffix}"
    assert check_parts(path).source == f"texts in {path}: wikitext-2"


def test_packed_texts(tmp_path: Path) -> None:
    names = ("train.txt.gz", "valid.txt", "test.txt.bz2")
    train, test = gzip.compress(b"a train\n"), bz2.compress(b"a test\n")
    write(tmp_path, names, train=train, valid=gzip.compress(b"a valid\n"), test=test)
    check_parts(tmp_path)


def test_two_texts_in_a_folder_are_not_chosen_between(tmp_path: Path) -> None:
    for ending in ("tokens", "raw"):
        write(tmp_path, tuple(f"wiki.{part}.{ending}" for part in PARTS))
    with pytest.raises(DataError, match=r"once, got wiki\.train\.raw, wiki\.train\.tokens with"):
        read(tmp_path)


def test_two_validation_texts_are_not_chosen_between(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "val.txt").write_text("another")
    with pytest.raises(DataError, match=r"one of these files, got val\.txt and valid\.txt"):
        read(tmp_path)


def test_where_a_name_is_wrong_the_nearest_is_told(tmp_path: Path) -> None:
    write(tmp_path, ("train.txt", "dev.txt", "test.txt"))
    with pytest.raises(DataError, match=r"valid\.txt is not there; .* name there is dev\.txt$"):
        read(tmp_path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_a_mark_says_how_a_text_is_encoded_and_is_no_word(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    text = "der Bär ü läuft 🎉\n"
    write(tmp_path, train=(mark + text).encode(encoding))
    assert read(tmp_path).train == [*text.split(), "<eos>"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xef\xbb\xbfab \xff", "expected text in UTF-8, got ff at byte 6"),
        (b"\xff\xfea", "expected text in UTF-16, got 61 at byte 2"),
        (b"\xef\xbb\xbf", "expected words, got an empty file"),
        (b"a " * MIB + b"\xff", "expected text in UTF-8, got ff at byte 2,097,152"),
        ("a b".encode("utf-16-le"), "expected text in UTF-8, got a NUL as character 2: UTF-16 "),
        ("a b".encode("utf-16-be"), "expected text in UTF-8, got a NUL as character 1: UTF-16 "),
        (b"a " * MIB + b"\0", "expected text in UTF-8, got a NUL as character 2,097,153: "),
        (b"a " * MIB + b"\xc3", "expected text in UTF-8, got c3 at byte 2,097,152"),
    ],
)
def test_what_is_not_in_that_encoding_is_told_where(
    tmp_path: Path, data: bytes, message: str
) -> None:
    write(tmp_path, test=data)
    with pytest.raises(DataError, match=f"test.txt: {message}"):
        read(tmp_path)


@pytest.mark.parametrize("line", ["", "\n", " \n", "\r\n"])
@pytest.mark.parametrize("pad", range(3))
def test_a_long_text_has_the_words_it_has_as_a_whole(tmp_path: Path, line: str, pad: int) -> None:
    text = "x" * pad + ("wörter wörter, " * 7 + line) * (MIB // 100)
    write(tmp_path, train=text.encode())
    lines = text.removesuffix("\n").split("\n")
    expected = [word for each in lines for word in (*each.split(), "<eos>")]
    assert read(tmp_path).train == expected


def test_equal_words_take_memory_once(tmp_path: Path) -> None:
    write(tmp_path, train=b"longer-word another-word\n" * 100_000)
    tracemalloc.start()
    text = read(tmp_path)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text.train) == 300_000
    assert size < 300_000 * 8 * 1.5  # a list of pointers, and some room at its end


class TestBounds:
    def test_a_packed_text_larger_than_allowed(self, tmp_path: Path) -> None:
        write(tmp_path, train=gzip.compress(b"a b\n" * 10 * MIB))
        with pytest.raises(DataError, match=r"train\.txt: .* more than the 4 MiB allowed: set"):
            read(tmp_path, Allowance(4 * MIB))

    def test_words_count_too(self, tmp_path: Path) -> None:
        write(tmp_path, train=b"a\n" * (MIB // 2))  # 1 MiB of text, 2**20 words of 8 bytes
        with pytest.raises(DataError, match="with it the data would take 9"):
            read(tmp_path, Allowance(4 * MIB))
        assert len(read(tmp_path, Allowance(10 * MIB)).train) == MIB

    def test_different_words_count_more(self, tmp_path: Path) -> None:
        words = " ".join(map(str, range(50_000)))  # 0.3 MiB, 88 bytes a word
        write(tmp_path, train=words.encode())
        with pytest.raises(DataError, match="with it the data would take 4"):
            read(tmp_path, Allowance(4 * MIB))

    def test_a_letter_without_an_end_is_no_word(self, tmp_path: Path) -> None:
        write(tmp_path, train=gzip.compress(b"x" * (40 * MIB)))
        tracemalloc.start()
        with pytest.raises(DataError, match=r"train\.txt: expected words between blanks, got one"):
            read(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20 * MIB

    def test_a_word_of_almost_a_mebibyte_is_one(self, tmp_path: Path) -> None:
        word = "w" * (_LONGEST_WORD - 1)
        write(tmp_path, train=f"a {word} b".encode())
        assert read(tmp_path).train == ["a", word, "b", "<eos>"]
