"""What people see: the page, and what it asks the server for."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from served import ask, ask_json, served
from toy_models import COLOURS, WORDS, colour_model, word_model

from nas_lib.models import ImageModel, TextModel, open_model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("colours")


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    colour_model(place)
    with served(place) as found:
        yield found


def picture(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    """Return a picture that is mostly of a colour, turned by its EXIF as photos are."""
    image = Image.new("RGB", (9, 5), colour)
    image.paste((120, 120, 120), (0, 0, 4, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    return file.getvalue()


def test_the_page_needs_nothing_from_elsewhere(url: str) -> None:
    status, headers, content = ask(f"{url}/")

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = content.decode()
    assert not re.findall(r"(?:src|href)=|https?:|url\(|@import|innerHTML", page)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; connect-src 'self'")


def test_all_parts_that_its_script_names_are_there(url: str) -> None:
    page = ask(f"{url}/")[2].decode()

    named = {*re.findall(r'part\("(\w+)"\)', page), "picture", "words"}
    assert named == set(re.findall(r'\bid="(\w+)"', page))


def test_it_says_which_model_it_is(url: str) -> None:
    assert ask_json(f"{url}/about") == (
        200,
        {
            "name": "colours",
            "id": "r000-000001-02",
            "kind": "images",
            "num_labels": 3,
            "label": "class",
            "score": "validation accuracy 90.00 %",
            "max_bytes": 64 * 2**20,
        },
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_what_python_says_it_is(
    url: str, place: Path, tmp_path: Path, kind: str
) -> None:
    content = picture((20, 90, 230), kind)
    (tmp_path / "photo").write_bytes(content)

    status, _, answer = ask(f"{url}/predict", content)

    assert status == 200
    model = open_model(str(place), threads=1)
    assert isinstance(model, ImageModel)
    (expected,) = model.predict([tmp_path / "photo"]).top(3)
    found = {each["label"]: each["probability"] for each in json.loads(answer)["best"]}
    assert found == expected
    assert next(iter(found)) == "blue"
    assert len(found) == len(COLOURS)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the picture: expected an image, got a file of no known format"),
        (b"no picture", "the picture: expected an image, got a file of no known format"),
        (picture((1, 2, 3))[:-30], "the picture: expected an image, but it cannot be read: "),
    ],
)
def test_a_file_that_is_no_picture_is_told_in_a_sentence(
    url: str, content: bytes, told: str
) -> None:
    status, _, answer = ask(f"{url}/predict", content)

    assert status == 400
    assert answer.decode().startswith('{"error":"' + told)


def test_more_than_a_picture_has_is_refused(url: str) -> None:
    status, _, answer = ask(f"{url}/predict", bytes(64 * 2**20 + 1))

    assert (status, answer) == (413, b'{"error":"expected at most 64 MiB, got more"}')


def test_of_a_text_it_says_how_well_it_can_be_told_and_how_it_goes_on(tmp_path: Path) -> None:
    word_model(tmp_path)
    text = "the cat sat on the cat"

    with served(tmp_path) as url:
        about = ask_json(f"{url}/about")[1]
        answer = json.loads(ask(f"{url}/predict", text.encode())[2])
        refused = [ask(f"{url}/predict", wrong) for wrong in (b"", b"\xff")]

    model = open_model(str(tmp_path), threads=1)
    assert isinstance(model, TextModel)
    score = model.score(text)
    assert about["kind"] == "text"
    assert about["label"] == "word"
    assert answer["perplexity"] == answer["value"] == score.perplexity
    assert answer["measure"] == "perplexity"
    assert (answer["num_words"], answer["num_unknown"]) == (score.num_words, score.num_unknown)
    assert {each["label"] for each in answer["best"]} == set(WORDS)
    assert [status for status, *_ in refused] == [400, 400]
    assert b"at least 2 words" in refused[0][2]
    assert b"UTF-8" in refused[1][2]
