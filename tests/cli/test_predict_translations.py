"""`nas predict` of a model that translates: as many lines as there were."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nas_command import Nas
from toy_models import figure_model

from nas_lib.models.info import SUBWORDS


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the command think that this process is its own, in a folder with a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    figure_model("figures")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        (b"dov\nnul tri\n", "la\nzo mu\n"),
        (b"dov\n\n  \nnul tri\n\n", "la\n\n\nzo mu\n\n"),  # empty lines, and one of blanks
        (b"dov\nnul tri", "la\nzo mu\n"),  # the last line has no end
        (b"\xef\xbb\xbfdov\r\nnul tri\r\n", "la\nzo mu\n"),  # as Windows writes it
        ("dov\nnul".encode("utf-16"), "la\nzo\n"),  # its mark says so
        (b"\n", "\n"),
        (b"", ""),
    ],
)
def test_each_line_becomes_a_line(nas: Nas, text: bytes, translated: str) -> None:
    Path("a.txt").write_bytes(text)

    assert nas("predict", "figures", "a.txt") == (0, translated, "")


def test_lines_of_several_files_follow_each_other(nas: Nas) -> None:
    Path("a.txt").write_text("dov")
    Path("b.txt").write_text("nul\ntri\n")

    assert nas("predict", "figures", "a.txt", "b.txt")[1] == "la\nzo\nmu\n"


def test_other_forms_say_which_line_it_is(nas: Nas) -> None:
    Path("a.txt").write_text('dov\n\ncaf\u00e9, "nul"\n', encoding="utf-8")

    lines = [
        json.loads(each)
        for each in nas("predict", "figures", "a.txt", "--json")[1].split("\n")[:-1]
    ]
    rows = nas("predict", "figures", "a.txt", "--csv")[1].splitlines()

    assert lines == [
        {"file": "a.txt", "line": 1, "translation": "la"},
        {"file": "a.txt", "line": 2, "translation": ""},
        {"file": "a.txt", "line": 3, "translation": 'caf\u00e9, "nul"'},
    ]
    assert rows == [
        "file,line,translation",
        "a.txt,1,la",
        "a.txt,2,",
        'a.txt,3,"caf\u00e9, ""nul"""',
    ]


def test_standard_input_is_translated(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Given(b"dov\n\nnul"))

    assert nas("predict", "figures", "-") == (0, "la\n\nzo\n", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.txt", "nas: a.txt: expected text in UTF-8, got ff at byte 4\n"),
        ("-", "nas: standard input: expected text in UTF-8: "),
    ],
)
def test_what_is_no_utf_8_is_one_sentence(
    nas: Nas, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    Path("a.txt").write_bytes(b"dov\n\xff\n")
    monkeypatch.setattr(sys, "stdin", _Given(b"dov\n\xff\n"))

    code, output, errors = nas("predict", "figures", name)

    assert (code, output) == (2, "")
    assert errors.startswith(said)
    assert errors.count("\n") == 1


def test_a_file_that_is_no_text_does_not_keep_others_from_being_translated(nas: Nas) -> None:
    Path("a.txt").write_bytes(b"\xff")
    Path("b.txt").write_text("nul\n")

    code, output, errors = nas("predict", "figures", "a.txt", "b.txt", "none.txt")

    assert (code, output) == (2, "zo\n")
    assert errors.splitlines() == [
        "a.txt: expected text in UTF-8, got ff at byte 0",
        "none.txt: expected a file, got nothing",
        "nas: 2 of 3 files cannot be used, as said above",
    ]


def test_sentences_that_are_very_long_are_said_and_translated_all_the_same(nas: Nas) -> None:
    longer = " ".join(["nul"] * 9)
    blanks = " " * 99  # which are no part of a sentence
    Path("a.txt").write_text(f"dov{blanks}\n{longer}\n")
    Path("b.txt").write_text(f"{longer}\n" * 7)

    code, output, errors = nas("predict", "figures", "a.txt", "b.txt")

    translated = " ".join(["zo"] * 9)
    assert (code, output) == (0, f"la\n{translated}\n" + f"{translated}\n" * 7)
    assert errors.splitlines() == [
        "a.txt: 1 line is longer than any sentence of the model's data, of 8 subwords at most (2): "
        "do not rely on the translation",
        "b.txt: 7 lines are longer than any sentence of the model's data, of 8 subwords at most "
        "(1, 2, 3, 4, 5, ...): do not rely on the translation",
    ]


def test_a_vocabulary_that_is_missing_is_told_before_anything_is_read(nas: Nas) -> None:
    (Path("figures") / SUBWORDS).unlink()

    code, _, errors = nas("predict", "figures", "none.txt")

    assert code == 1
    assert errors == (
        f"nas: {Path.cwd()}/figures is damaged: subwords.model is missing; export it anew\n"
    )


def test_it_is_not_served(nas: Nas) -> None:
    assert nas("serve", "figures") == (
        2,
        "",
        f"nas: {Path.cwd()}/figures: expected a model of images, series or texts, got one that "
        "translates, by two graphs: use `nas predict`, or Triton, which serves both of them\n",
    )


class _Given:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.buffer, name)
