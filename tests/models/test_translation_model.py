from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from re import escape
from typing import Any

import pytest
from toy_models import FIGURE_INPUTS, figure_model, figure_subwords

from nas_lib.errors import CorruptStateError, DataError, MissingExtraError
from nas_lib.models import TranslationModel, open_model
from nas_lib.models.info import DECODER, ENCODER, SUBWORDS


@pytest.fixture
def model(tmp_path: Path) -> TranslationModel:
    figure_model(tmp_path)
    return opened(tmp_path)


def opened(place: Path) -> TranslationModel:
    model = open_model(str(place), threads=1)
    assert isinstance(model, TranslationModel)
    return model


def test_a_sentence_is_translated(model: TranslationModel) -> None:
    found = model.translate("dov nul tri")

    assert (found.text, found.num_subwords, found.is_longer) == ("la zo mu", 4, False)


@pytest.mark.parametrize("sentence", ["", " ", "\t\r\n"])
def test_what_is_blank_is_nothing_in_any_language(model: TranslationModel, sentence: str) -> None:
    assert model.translate(sentence).text == ""


def test_blanks_around_a_sentence_say_nothing(model: TranslationModel) -> None:
    assert model.translate("  dov nul\r\n").text == "la zo"


def test_a_word_that_training_never_saw_is_spelled(model: TranslationModel) -> None:
    assert model.translate("caf\u00e9 dov").text == "caf\u00e9 la"


def test_a_translation_is_one_line_whatever_is_told(model: TranslationModel) -> None:
    assert model.translate("dov\r\n\n nul").text.split() == ["la", "zo"]
    assert "\n" not in model.translate("dov\n nul").text


def test_a_sentence_that_is_longer_than_those_of_training_is_translated_too(
    model: TranslationModel,
) -> None:
    sentence = " ".join(["nul"] * 7)  # and the end: 8 subwords
    longer = " ".join(["nul"] * 30)

    assert not model.translate(sentence).is_longer
    found = model.translate(longer)
    assert found.is_longer
    assert found.text.split() == ["zo"] * 30


def test_a_model_has_two_graphs_and_a_vocabulary(model: TranslationModel) -> None:
    assert [*model.graphs] == [ENCODER, DECODER]
    assert model.subwords.pieces == model.labels == figure_subwords().pieces
    assert [*model.info.onnx.values()] == [
        "figures-encoder/1/model.onnx",
        "figures-decoder/1/model.onnx",
    ]


def test_a_beam_of_one_is_enough_for_a_network_that_is_sure(tmp_path: Path) -> None:
    figure_model(tmp_path, inputs=replace(FIGURE_INPUTS, beam=1))

    assert opened(tmp_path).translate("dov").text == "la"


@pytest.mark.parametrize(("given", "got"), [(["dov"], '["dov"]'), ("a \udcff", r'"a \udcff"')])
def test_what_is_no_text_is_refused(model: TranslationModel, given: Any, got: str) -> None:
    with pytest.raises(DataError, match=f"^expected a sentence, one at a time, got {escape(got)}$"):
        model.translate(given)


def test_a_vocabulary_that_is_none_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure_subwords(), "data", b"none")
    figure_model(tmp_path)

    with pytest.raises(CorruptStateError, match=rf"{SUBWORDS} is damaged: expected a vocabulary"):
        opened(tmp_path).load()


def test_without_sentencepiece_it_says_what_to_install(
    model: TranslationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'kfp-nas\[translation\]'"):
        model.load()
