"""Texts: read, numbered and stored."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from allowances import AMPLE
from hypothesis import given
from hypothesis import strategies as st

from nas_lib.config import TextFilesData, TextTaskConfig
from nas_lib.data import BlobInfo, LocalData, Prepared
from nas_lib.errors import CorruptStateError, DataError
from nas_lib.records import from_json, to_json
from nas_lib.tasks.images.batches import load_images
from nas_lib.tasks.text.batches import load_test_text, load_text
from nas_lib.tasks.text.preparation import TextManifest, prepare_text, vocabulary
from nas_lib.tasks.text.readers import read_text

TEXTS = {"train": " the cat sat \n on the mat\n", "valid": "the dog\n", "test": "a cat\n\n sat"}


def write_texts(folder: Path, **texts: str) -> TextTaskConfig:
    for part, text in (TEXTS | texts).items():
        (folder / f"{part}.txt").write_text(text, encoding="utf-8")
    return TextTaskConfig(data=TextFilesData(path=str(folder)))


def manifest_of(found: Prepared) -> TextManifest:
    assert isinstance(found.manifest, TextManifest)
    return found.manifest


def words_of(folder: Path, task: TextTaskConfig) -> dict[str, list[str]]:
    """Return what was stored, as words."""
    found = prepare_text(task, AMPLE)
    search, test = folder / "search.safetensors", folder / "test.safetensors"
    search.write_bytes(found.search_blob)
    test.write_bytes(found.test_blob)
    splits = load_text(search)
    assert splits.train.dtype == torch.int32
    parts = {"train": splits.train, "valid": splits.valid, "test": load_test_text(test)}
    return {
        name: [manifest_of(found).words[index] for index in indices.tolist()]
        for name, indices in parts.items()
    }


class TestTextFiles:
    def test_each_line_ends_with_a_word_and_unknown_words_are_one(self, tmp_path: Path) -> None:
        assert words_of(tmp_path, write_texts(tmp_path)) == {
            "train": ["the", "cat", "sat", "<eos>", "on", "the", "mat", "<eos>"],
            "valid": ["the", "<unk>", "<eos>"],
            "test": ["<unk>", "cat", "<eos>", "<eos>", "sat", "<eos>"],
        }

    def test_the_manifest_says_what_was_prepared(self, tmp_path: Path) -> None:
        found = prepare_text(write_texts(tmp_path), AMPLE)
        manifest = manifest_of(found)
        assert manifest.words == ("<unk>", "<eos>", "the", "cat", "mat", "on", "sat")
        assert (manifest.num_train, manifest.num_valid, manifest.num_test) == (8, 3, 6)
        assert manifest.num_words == 7
        assert manifest.search_blob == BlobInfo.of(found.search_blob)
        assert str(tmp_path) in manifest.source
        assert from_json(TextManifest, to_json(manifest), key="manifest.json") == manifest

    def test_a_shorter_training_text_has_fewer_words(self, tmp_path: Path) -> None:
        task = write_texts(tmp_path).model_copy(update={"max_train": 3})
        assert manifest_of(prepare_text(task, AMPLE)).words == (
            "<unk>",
            "<eos>",
            "cat",
            "sat",
            "the",
        )
        assert prepare_text(task, AMPLE).manifest.num_valid == 3

    @pytest.mark.parametrize("text", ["a a a\n", "a\na\n", "<eos> a", "<unk> <unk>\n"], ids=repr)
    def test_a_training_text_of_one_word_teaches_nothing(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(DataError, match=r"at least 2 different words in train, .* got 1 \('"):
            prepare_text(write_texts(tmp_path, train=text), AMPLE)

    def test_two_words_are_enough_and_one_of_them_may_be_unknown(self, tmp_path: Path) -> None:
        task = write_texts(tmp_path, train="a b a\n").model_copy(update={"max_words": 3})
        assert words_of(tmp_path, task)["train"] == ["a", "<unk>", "a", "<eos>"]

    def test_a_part_whose_words_are_mostly_unknown_is_noted(self, tmp_path: Path) -> None:
        # of `le chien noir <eos>` three in four; of `a cat <eos> <eos> sat <eos>` one in six
        manifest = prepare_text(write_texts(tmp_path, valid="le chien noir\n"), AMPLE).manifest
        assert manifest.notices == ("75% of all words in valid are <unk>, not in the vocabulary",)

    def test_the_content_hash_is_of_the_words_and_not_of_their_place(self, tmp_path: Path) -> None:
        one, same, other = (tmp_path / name for name in ("one", "same", "other"))
        for folder in (one, same, other):
            folder.mkdir()
        tasks = write_texts(one), write_texts(same), write_texts(other, test="a cat\n sat")
        hashes = [prepare_text(task, AMPLE).manifest.content_hash for task in tasks]
        assert hashes[0] == hashes[1] != hashes[2]

    def test_a_line_ends_nowhere_but_at_its_end(self, tmp_path: Path) -> None:
        task = write_texts(tmp_path, train="the\u2028cat\x0csat\r\non")
        assert words_of(tmp_path, task)["train"] == ["the", "cat", "sat", "<eos>", "on", "<eos>"]

    @pytest.mark.parametrize(
        ("name", "data", "message"),
        [
            ("valid.txt", None, r"valid\.txt is not there"),
            ("train.txt", b"", r"train\.txt: expected words, got an empty file"),
            ("test.txt", b" \n\n", r"test\.txt: expected words, got an empty file"),
            (
                "test.txt",
                b"caf\xe9 au lait",
                r"test\.txt: expected text in UTF-8, got e9 at byte 3",
            ),
        ],
    )
    def test_a_bad_file_is_named(
        self, tmp_path: Path, name: str, data: bytes | None, message: str
    ) -> None:
        task = write_texts(tmp_path)
        (tmp_path / name).unlink()
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=message):
            prepare_text(task, AMPLE)

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        task = TextTaskConfig(data=TextFilesData(path=str(tmp_path / "nowhere")))
        with pytest.raises(
            DataError, match="nowhere: expected a folder or an archive, got nothing"
        ):
            prepare_text(task, AMPLE)

    def test_a_training_text_cut_too_short_is_refused(self, tmp_path: Path) -> None:
        task = write_texts(tmp_path).model_copy(update={"max_train": 1})
        with pytest.raises(DataError, match="expected at least 2 words in train, got 1"):
            prepare_text(task, AMPLE)


class TestPydocTopics:
    def test_the_three_parts_are_large_enough_to_learn_from_and_disjoint(self) -> None:
        text = manifest_of(prepare_text(TextTaskConfig(), AMPLE))
        # which text depends on Python's version
        assert text.num_train > 50_000
        assert 3_000 < text.num_valid < text.num_train / 4
        assert 3_000 < text.num_test < text.num_train / 4
        assert 2_000 < text.num_words < 10_000
        assert "Python" in text.source

    def test_topics_are_split_by_name_and_their_words_are_lower_case(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        topics = {f"topic {number}": f"Topic{number} Is,\nhere.\n\nBye" for number in range(200)}
        pretend(monkeypatch, topics=topics, labels={"a": "b"}, __doc__="")
        text = read_text(TextTaskConfig().data, AMPLE)
        parts = [text.train, text.valid, text.test]

        assert sum(map(len, parts)) == 200 * 8  # topic5 is , here . <eos> bye <eos>
        assert text.train[1:8] == ["is", ",", "here", ".", "<eos>", "bye", "<eos>"]
        names = [{word for word in part if word.startswith("topic")} for part in parts]
        assert len(names[0] | names[1] | names[2]) == 200 == sum(map(len, names))
        assert all(10 <= len(part) <= 30 for part in names[1:])

    def test_a_topic_stays_in_its_part_whatever_the_others_are(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        topics = {f"topic {number}": f"t{number} x" for number in range(100)}
        pretend(monkeypatch, topics=topics)
        before = read_text(TextTaskConfig().data, AMPLE).valid
        pretend(monkeypatch, renamed=topics | {f"new {number}": "y y" for number in range(50)})
        after = read_text(TextTaskConfig().data, AMPLE).valid

        assert [word for word in after if word.startswith("t")] == [
            word for word in before if word.startswith("t")
        ]

    def test_a_python_without_topics_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch, topics=[])
        with pytest.raises(DataError, match="expected a dict of topics, got none in this Python"):
            prepare_text(TextTaskConfig(), AMPLE)
        monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
        with pytest.raises(DataError, match=r"comes without pydoc_data\.topics.*use text_files"):
            prepare_text(TextTaskConfig(), AMPLE)


def pretend(monkeypatch: pytest.MonkeyPatch, **content: object) -> None:
    """Let Python's module of topics have this content."""
    module = ModuleType("pydoc_data.topics")
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", module)


@given(
    text=st.lists(st.sampled_from(["a", "b", "c", "d", "<unk>", "<eos>"])),
    max_words=st.integers(2, 8),
)
def test_the_vocabulary_holds_the_most_frequent_words(text: list[str], max_words: int) -> None:
    words = vocabulary(text, max_words)

    assert words[:2] == ("<unk>", "<eos>")
    assert len(words) == len(set(words)) == min(max_words, len({*text, "<unk>", "<eos>"}))
    ranks = [(-text.count(word), word) for word in words[2:]]
    assert ranks == sorted(ranks)
    left_out = set(text) - set(words)
    assert all((-text.count(word), word) > ranks[-1] for word in left_out if ranks)


def test_images_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "search.safetensors"
    path.write_bytes(prepare_text(write_texts(tmp_path), AMPLE).search_blob)
    with pytest.raises(CorruptStateError, match="expected prepared data with train_images"):
        load_images(LocalData(path))
    path.write_bytes(b"{")
    with pytest.raises(CorruptStateError, match="expected prepared data with train and valid"):
        load_text(path)
