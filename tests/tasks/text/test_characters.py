"""Texts as characters: read, numbered, laid out in batches and judged."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from allowances import AMPLE
from toy_text import TEXT, TEXT_CHILD, TEXT_MANIFEST, TEXT_PLAN, text_children

from nas_lib.config import PydocTopicsData, TextFilesData, TextTaskConfig
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.text.preparation import TextManifest, prepare_text
from nas_lib.tasks.text.raw import RawText
from nas_lib.tasks.text.readers import SPLITTERS, read_text
from nas_lib.tasks.text.trainer import TextTrainer

MIB = 2**20


def write(folder: Path, **texts: bytes) -> TextTaskConfig:
    for part in ("train", "valid", "test"):
        (folder / f"{part}.txt").write_bytes(texts.get(part, b"a cat\n"))
    return TextTaskConfig(data=TextFilesData(path=str(folder)), level="characters")


def read(task: TextTaskConfig, allowance: Allowance = AMPLE) -> RawText:
    return read_text(task.data, allowance, level=task.level)


def test_every_character_of_a_line_counts_and_its_end_is_one(tmp_path: Path) -> None:
    text = read(write(tmp_path, train=b" a  cat\t\n\nsat"))
    assert text.train == [*" a  cat\t", "<eos>", "<eos>", *"sat", "<eos>"]


def test_line_ends_of_windows_are_those_of_others(tmp_path: Path) -> None:
    lines = "\n".join(["a cat", "", "\u00fcber \U0001f389\rsat", ""])
    windows = read(write(tmp_path, train=lines.replace("\n", "\r\n").encode("utf-8-sig"))).train
    assert windows == read(write(tmp_path, train=lines.encode())).train
    assert windows[-8:] == ["r", " ", "\U0001f389", "\r", "s", "a", "t", "<eos>"]


@pytest.mark.parametrize("pad", range(2))
def test_a_line_may_end_where_a_piece_of_the_file_does(tmp_path: Path, pad: int) -> None:
    line = "x" * (MIB // 2 - 2)
    text = "y" * pad + f"{line}\r\n" * 3  # at pad 1 between the two halves of an end
    found = read(write(tmp_path, train=text.encode())).train
    assert found == SPLITTERS["text_files"](text, "characters")
    assert (len(found), found.count("<eos>")) == (pad + 3 * len(line) + 3, 3)


def test_a_topic_is_in_lower_case_and_its_paragraphs_are_its_lines(tmp_path: Path) -> None:
    assert SPLITTERS["pydoc_topics"]("The *cat*\n   sat.\n\n\nOn\n", "characters") == [
        *"the *cat* sat.",
        "<eos>",
        *"on",
        "<eos>",
    ]


def test_topics_of_python_have_few_characters() -> None:
    task = TextTaskConfig(data=PydocTopicsData(), level="characters")
    manifest = prepare_text(task, AMPLE).manifest
    assert isinstance(manifest, TextManifest)
    assert manifest.num_train > 200_000
    assert 40 < manifest.num_words < 150
    assert {" ", "e", "<eos>"} < set(manifest.words[:6])
    assert manifest.level == "characters"


def test_the_rarest_characters_are_one(tmp_path: Path) -> None:
    task = write(tmp_path, train=b"aab bba\nxy").model_copy(update={"max_words": 5, "max_train": 9})
    manifest = prepare_text(task, AMPLE).manifest
    assert isinstance(manifest, TextManifest)
    assert manifest.words == ("<unk>", "<eos>", "a", "b", " ")
    assert (manifest.num_train, manifest.num_valid) == (9, 6)  # of ten and an end; a cat <eos>


def test_a_text_of_characters_is_other_data_than_one_of_words(tmp_path: Path) -> None:
    task = write(tmp_path, train=b"a b a\n")
    words = prepare_text(task.model_copy(update={"level": "words"}), AMPLE)
    assert prepare_text(task, AMPLE).manifest.content_hash != words.manifest.content_hash


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"train\.txt: expected characters, got an empty file"),
        (b" \r\n\t\n", r"train\.txt: expected characters, got an empty file"),
        (b"aaaa\naa\n", r"at least 2 different characters in train, .*, got 1 \('a'\)"),
        ("ab".encode("utf-16-le"), r"train\.txt: expected text in UTF-8, got a NUL as character 2"),
        (b"caf\xe9", r"train\.txt: expected text in UTF-8, got e9 at byte 3"),
    ],
)
def test_a_text_with_nothing_to_tell_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare_text(write(tmp_path, train=data), AMPLE)


def test_equal_characters_take_memory_once_and_are_counted_so(tmp_path: Path) -> None:
    task = write(tmp_path, train="h\u00e4\u2603\U0001f389\n".encode() * 40_000)
    tracemalloc.start()
    text = read(task)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text.train) == 200_000
    assert size < 200_000 * 8 * 1.5  # pointers, and some room at the end
    with pytest.raises(DataError, match=r"train\.txt: .* more than the 1 MiB allowed"):
        read(task, Allowance(MIB))


def test_who_knows_nothing_needs_as_many_bits_as_tell_the_characters_apart() -> None:
    manifest = replace(TEXT_MANIFEST, level="characters")
    config = text_children(epochs=1, learning_rate=1e-9, init_range=1e-6)
    trainer = TextTrainer(TEXT_CHILD, TEXT_PLAN, config, TEXT, manifest, torch.device("cpu"))

    metrics = trainer.run_epoch()

    assert metrics.score == pytest.approx(3.0, abs=1e-3)  # of eight alike: log2(8)
    assert metrics.valid_loss == pytest.approx(math.log(8), abs=1e-3)
