import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import STATE, WORD_INPUTS, WORDS, probabilities, word_model, word_weights

from nas_lib.data.allowance import Allowance
from nas_lib.data.file_sets import open_files
from nas_lib.errors import DataError
from nas_lib.models import TextModel, open_model, text_model
from nas_lib.tasks.text.readers import SPLITTERS
from nas_lib.tasks.text.readers.text_files import tokens_of_file
from nas_lib.tasks.text.scoring import SCORINGS


@pytest.fixture
def model(tmp_path: Path) -> TextModel:
    return model_of(tmp_path)


def model_of(folder: Path, **inputs: object) -> TextModel:
    word_model(folder, inputs=replace(WORD_INPUTS, **inputs))
    model = open_model(str(folder), threads=1)
    assert isinstance(model, TextModel)
    return model


def losses(words: list[int]) -> list[float]:
    """The cross-entropy of each word but the first, by numpy, one word after the other."""
    words_VS, states_SS, logits_SV = word_weights()
    state, found = np.zeros(STATE, np.float32), []
    for word, target in itertools.pairwise(words):
        state = np.tanh(words_VS[word] + state @ states_SS)
        found.append(-math.log(probabilities((state @ logits_SV).astype(np.float64))[target]))
    return found


def text_of(words: list[int]) -> str:
    """A text of these words; `<eos>` is the end of a line."""
    return "".join("\n" if word == 1 else f" {WORDS[word]}" for word in words)


def test_words_are_split_as_the_reader_of_the_training_text_does(tmp_path: Path) -> None:
    plain = model_of(tmp_path / "plain")
    topics = model_of(tmp_path / "topics", words="pydoc_topics")

    # <unk> <eos> the cat sat; `The` and `sat.` are others
    assert plain.words("the cat\nThe  cat sat.\n").tolist() == [2, 3, 1, 0, 3, 0, 1]
    assert plain.words("the cat").tolist() == [2, 3, 1]
    assert topics.words("The cat\nsat.\n\nthe").tolist() == [2, 3, 4, 0, 1, 2, 1]


@given(text=st.text(st.sampled_from("ab \t\r\n"), min_size=1).filter(str.strip))
@settings(max_examples=50, deadline=None)
def test_a_text_is_split_as_the_file_that_holds_it(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("text")
    (folder / "a.txt").write_bytes(text.encode())

    with open_files(str(folder), Allowance(2**20)) as (file,):
        for level in SCORINGS:
            assert tokens_of_file(file, {}, level) == SPLITTERS["text_files"](text, level)


@pytest.mark.parametrize("num_words", [2, 3, 5, 6, 11, 40])
def test_a_short_text_is_read_in_one_go(model: TextModel, num_words: int) -> None:
    words = [2 + index % 3 for index in range(num_words - 1)] + [1]  # pieces of 4 words

    found = model.score(text_of(words))

    assert found.num_words == num_words
    assert math.log(found.perplexity) == pytest.approx(np.mean(losses(words)), abs=1e-6)


def test_a_long_text_is_read_in_ten_columns_as_children_are_judged(model: TextModel) -> None:
    words = np.random.default_rng(1).integers(1, 5, 133).tolist()
    words[-1] = 1
    rows = [words[13 * column : 13 * column + 14] for column in range(10)]  # (133 - 1) // 10 = 13

    loss = math.log(model.perplexity(text_of(words)))

    assert loss == pytest.approx(np.mean([losses(row) for row in rows]), abs=1e-6)


def test_a_large_vocabulary_is_read_in_fewer_columns_at_once(
    model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(np.random.default_rng(2).integers(1, 5, 100).tolist())
    whole = model.perplexity(text)

    monkeypatch.setattr(text_model, "_MOST_LOGITS", 3 * 4 * 5)  # three columns of 4 x 5 logits

    assert model.perplexity(text) == pytest.approx(whole, rel=1e-6)


def test_unknown_words_are_counted(model: TextModel) -> None:
    assert model.score("the dog sat\non the cat\n").num_unknown == 2


def test_the_next_word_comes_with_its_probability(model: TextModel) -> None:
    words_VS, states_SS, logits_SV = word_weights()
    state = np.zeros(STATE)
    for word in (2, 3, 4, 2, 3):  # two pieces: the state is carried over
        state = np.tanh(words_VS[word] + state @ states_SS)

    found = model.predict("the cat sat the cat")

    np.testing.assert_allclose(found.probabilities[0], probabilities(state @ logits_SV), atol=1e-6)
    assert found.labels[0] == WORDS[found.probabilities[0].argmax()]
    ended = model.predict("the cat sat the cat\n").probabilities  # by <eos>, a word more
    assert not np.allclose(ended, found.probabilities)


def test_a_text_without_words_is_refused(model: TextModel) -> None:
    with pytest.raises(DataError, match="expected a text of at least 2 words, got 1"):
        model.score("")
    with pytest.raises(DataError, match="expected a text of at least 1 word, got none"):
        model.predict(" ")
    with pytest.raises(DataError, match="expected a text, one at a time, got"):
        model.predict(["a", "b"])
