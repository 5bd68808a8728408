import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nas_command import Nas
from PIL import Image
from searches import SUPPORT
from toy_models import COLOUR_INPUTS, COLOURS, WORD_INPUTS, WORDS, colour_model, word_model

from nas_lib.models import ImageModel, TextModel, open_model


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the command think that this process is its own, in a folder with two models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    colour_model("colours")
    word_model("words")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def picture(path: str, colour: int, strength: int = 200) -> None:
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[..., colour] = strength
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pictures() -> list[str]:
    """Write three pictures into a folder, one of them deeper; return their paths in order."""
    paths = ["photos/a.png", "photos/b.png", "photos/deeper/c.png"]
    for number, path in enumerate(paths):
        picture(path, number)
    return paths


def test_a_folder_of_pictures_becomes_a_table(nas: Nas) -> None:
    paths = pictures()

    code, output, errors = nas("predict", "colours", "photos")

    rows = [line.split() for line in output.splitlines() if "photos" in line]
    assert (code, errors) == (0, "")
    assert [row[:2] for row in rows] == [list(pair) for pair in zip(paths, COLOURS, strict=True)]
    # logits 8 x 200 / 255 = 6.27, 0, 0: e^6.27 / (e^6.27 + 2) = 99.6 %
    assert " ".join(rows[0]) == "photos/a.png red 99.6 % green 0.2 %, blue 0.2 %"


def test_each_line_of_json_is_a_file(nas: Nas) -> None:
    paths = pictures()

    code, output, _ = nas("predict", "colours", *paths, "--json", "--top", "2")

    lines = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [line["file"] for line in lines] == paths
    assert [line["label"] for line in lines] == list(COLOURS)
    assert list(lines[1]["probabilities"]) == ["green", "red"]
    assert lines[1]["probability"] == lines[1]["probabilities"]["green"] > 0.99


def test_csv_has_a_column_for_each_of_the_best_classes(nas: Nas) -> None:
    pictures()
    picture('photos/a "quoted", name.png', 2)

    code, output, _ = nas("predict", "colours", "photos", "--csv", "--top", "9")

    rows = list(csv.DictReader(io.StringIO(output)))
    assert code == 0
    assert list(rows[0]) == [
        *("file", "label", "probability", "label_2", "probability_2"),
        *("label_3", "probability_3"),
    ]
    assert [row["label"] for row in rows] == ["blue", *COLOURS]
    assert rows[0]["file"] == 'photos/a "quoted", name.png'


def test_command_and_python_say_the_same(nas: Nas) -> None:
    paths = pictures()
    model = open_model("colours")
    assert isinstance(model, ImageModel)

    _, output, _ = nas("predict", "colours", *paths, "--json")

    found = model.predict(paths)
    for line, top, label in zip(output.splitlines(), found.top(3), found.labels, strict=True):
        assert json.loads(line)["label"] == label
        assert json.loads(line)["probabilities"] == pytest.approx(top, abs=1e-7)


def test_a_file_that_is_no_image_is_told_and_the_others_are_predicted(nas: Nas) -> None:
    pictures()
    Path("photos/b.png").write_text("no picture")

    code, output, errors = nas("predict", "colours", "photos", "none.png", "--csv", "--top", "1")

    assert code == 2
    assert [line.split(",")[1] for line in output.splitlines()] == ["label", "red", "blue"]
    assert errors.splitlines() == [
        "photos/b.png: expected an image, but it cannot be read: it is of no known format",
        "none.png: expected a file, got nothing",
        "nas: 2 of 4 files cannot be used, as said above",
    ]


def test_a_single_file_that_is_no_image_is_one_sentence(nas: Nas) -> None:
    Path("words.txt").write_text("no picture")

    assert nas("predict", "colours", "words.txt") == (
        2,
        "",
        "nas: words.txt: expected an image, got a file of no known format\n",
    )


def test_what_else_lies_in_a_folder_is_left_out(nas: Nas) -> None:
    pictures()
    Path("photos/notes.txt").write_text("on these pictures")
    Path("photos/.hidden.png").write_text("of a system")
    np.save("photos/mask.npy", np.zeros(3))

    code, output, errors = nas("predict", "colours", "photos", "--csv")

    assert code == 0
    assert len(output.splitlines()) == 1 + 3
    assert errors == "left out, being no images: 2 files\n"


def test_folders_without_pictures_are_refused(nas: Nas) -> None:
    Path("empty").mkdir()
    Path("texts").mkdir()
    Path("texts/notes.txt").write_text("no pictures here")

    assert nas("predict", "colours", "empty")[::2] == (
        2,
        "nas: empty: expected files in this folder, got none\n",
    )
    assert nas("predict", "colours", "texts")[::2] == (
        2,
        "nas: expected images, got none among 1 file\n",
    )


def test_an_array_of_images_has_an_answer_for_each(nas: Nas) -> None:
    images = np.zeros((70, 5, 5, 3), np.uint8)
    images[np.arange(70), :, :, np.arange(70) % 3] = 99
    np.save("images.npy", images)
    np.savez("images.npz", x=images[:2], y=np.arange(2))
    np.savez("two.npz", one=images, two=images)
    Path("damaged.npy").write_bytes(Path("images.npy").read_bytes()[:50])
    arrays = ["images.npy", "images.npz", "two.npz", "damaged.npy"]

    code, output, errors = nas("predict", "colours", *arrays, "--csv", "--top", "1")

    rows = list(csv.DictReader(io.StringIO(output)))
    assert code == 2
    assert [row["label"] for row in rows] == [COLOURS[index % 3] for index in (*range(70), 0, 1)]
    assert [row["file"] for row in rows][68:] == [
        *("images.npy[68]", "images.npy[69]", "images.npz[0]", "images.npz[1]")
    ]
    assert errors.splitlines()[0] == (
        "two.npz: expected one array of images [N, H, W, 3], got one [70, 5, 5, 3] uint8, "
        "two [70, 5, 5, 3] uint8"
    )
    assert errors.splitlines()[1].startswith("damaged.npy: expected an array as numpy stores it: ")


def test_an_array_of_something_else_is_told_by_its_name(nas: Nas) -> None:
    np.save("floats.npy", np.zeros((2, 5, 5, 3)))

    assert nas("predict", "colours", "floats.npy")[2] == (
        "nas: floats.npy: expected images as uint8 [N, H, W, 3], got float64 [2, 5, 5, 3]\n"
    )


def test_a_model_that_takes_no_pictures_says_so_once(nas: Nas) -> None:
    inputs = replace(COLOUR_INPUTS, dtype="float32", mean=(0.0,) * 3, std=(1.0,) * 3)
    colour_model("floats", inputs=inputs)
    pictures()
    np.save("floats.npy", np.full((2, 5, 5, 3), [-1.0, 0.0, 1.0]))

    code, _, errors = nas("predict", "floats", "photos")

    assert code == 2
    assert errors.startswith("nas: this model learned from numbers that are no fractions of 1, and")
    assert errors.count("\n") == 1
    assert nas("predict", "floats", "floats.npy", "--csv")[1].count("blue") == 2


def test_standard_input_may_be_a_picture(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    picture("a.png", 2)

    with Path("a.png").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, output, _ = nas("predict", "colours", "-", "--csv", "--top", "1")

    assert code == 0
    assert output.splitlines()[1].startswith("-,blue,0.99")


def test_texts_get_their_perplexity(nas: Nas) -> None:
    Path("a.txt").write_text("the cat sat\nthe dog sat\n")
    Path("b.txt").write_bytes(b"\xff\xfe\xfd")
    Path("c.txt").write_text("\n")
    model = open_model("words")
    assert isinstance(model, TextModel)
    expected = model.score("the cat sat\nthe dog sat\n")

    code, output, errors = nas("predict", "words", "a.txt", "b.txt", "c.txt", "--json")

    assert code == 2
    assert json.loads(output) == {
        "file": "a.txt",
        "words": 8,
        "unknown": 1,
        "perplexity": pytest.approx(expected.perplexity),
    }
    assert errors.splitlines()[0].startswith("b.txt: expected text in UTF-16, got ")
    assert errors.splitlines()[1] == "c.txt: expected a text of at least 2 words, got 1"
    assert nas("predict", "words", "a.txt", "--csv")[1].splitlines() == [
        "file,words,unknown,perplexity",
        f"a.txt,8,1,{expected.perplexity}",
    ]
    assert "a.txt       8         1" in nas("predict", "words", "a.txt")[1]


def test_a_perplexity_that_is_no_number_is_null(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextModel, "_loss", lambda *_: 1000.0)
    Path("a.txt").write_text(" ".join(WORDS))

    assert json.loads(nas("predict", "words", "a.txt", "--json")[1])["perplexity"] is None


def test_names_and_labels_steer_no_terminal(nas: Nas) -> None:
    colour_model("odd", labels=("\x1b[2Jred", "green", "blue"))
    picture("a\x1b[2J.png", 0)

    for form in ([], ["--csv"], ["--json"]):
        _, output, errors = nas("predict", "odd", "a\x1b[2J.png", "b\x1b[2J.png", *form)

        assert "\x1b" not in output + errors
        assert "99.6 %" in output or "0.996" in output


def test_both_forms_at_once_are_refused(nas: Nas) -> None:
    code, _, errors = nas("predict", "colours", "a.png", "--json", "--csv")

    assert code == 2
    assert "--json and --csv are two forms: choose one" in errors


def test_what_is_wrong_with_the_model_comes_before_the_files(nas: Nas) -> None:
    Path("colours/colours/1/model.onnx").write_bytes(b"")

    code, _, errors = nas("predict", "colours", "none.png")

    assert code == 1
    assert errors.startswith(f"nas: {Path.cwd()}/colours/colours/1/model.onnx is damaged: ")
    assert errors.count("\n") == 1


_ENDLESS = """
import itertools, sys
from nas_lib.cli import main
from nas_lib.models import bulk
sys.modules["torch"] = None
def endless(model, files, *, top, stdin):
    for number in itertools.count():
        yield bulk.Answer(0, f"{number}.png", {"red": 1.0})
bulk.predict_files = endless
main()
"""


def test_it_ends_once_nobody_reads_and_needs_no_torch() -> None:
    command = [sys.executable, "-c", _ENDLESS, "predict", "colours", "a.png", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])}
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["label"] == "red"
        process.stdout.close()

        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == ""


def test_texts_of_characters_get_their_bits(nas: Nas) -> None:
    letters = ("<unk>", "<eos>", "a", "b", " ")
    word_model("letters", inputs=replace(WORD_INPUTS, level="characters"), labels=letters)
    Path("a.txt").write_bytes(b"\xef\xbb\xbfa bc\r\n")
    Path("b.txt").write_bytes(b"")
    model = open_model("letters")
    assert isinstance(model, TextModel)
    expected = model.score("a bc\n")
    assert expected.value == pytest.approx(np.log2(expected.perplexity))

    code, output, errors = nas("predict", "letters", "a.txt", "b.txt", "--json")

    assert (code, errors.splitlines()[0]) == (
        2,
        "b.txt: expected a text of at least 2 characters, got 1",
    )
    assert json.loads(output) == {
        "file": "a.txt",
        "characters": 5,
        "unknown": 1,
        "bits_per_character": pytest.approx(expected.value),
    }
    header = nas("predict", "letters", "a.txt", "--csv")[1].splitlines()[0]
    assert header == "file,characters,unknown,bits_per_character"
    assert "Bits per character" in nas("predict", "letters", "a.txt")[1]
