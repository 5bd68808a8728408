import json
import re
import zlib
from pathlib import Path

import pytest
from model_infos import CHILD, IMAGES, TEXT, TRANSLATION, model_info

from nas_lib.errors import CorruptStateError
from nas_lib.models.info import ImageInputs, TextInputs, pack_info, parse_info
from nas_lib.records import Speed, to_json
from nas_lib.store import SearchStore, layout


@pytest.mark.parametrize("inputs", [IMAGES, TEXT, TRANSLATION])
def test_a_description_is_read_as_it_was_written(inputs: ImageInputs | TextInputs) -> None:
    info = model_info(inputs)

    assert parse_info(pack_info(info), where="model.json") == info


def test_a_description_is_json_that_people_can_read() -> None:
    text = pack_info(model_info()).decode()

    assert json.loads(text)["labels"] == ["0", "one\nand two", "caf\u00e9"]
    assert '\n  "name": "digits",\n' in text


@pytest.mark.parametrize(
    "data", [b"", b"{}", pack_info(model_info()).replace(b"digits", b"dogits")]
)
def test_a_description_that_was_changed_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptStateError, match=r"a/model\.json is damaged: expected the descr"):
        parse_info(data, where="a/model.json")


def _forged(before: str, after: str) -> bytes:
    text = re.sub(before, after, pack_info(model_info()).decode().split("\n", 2)[2]).encode()
    return b'{\n  "crc32": "%08x",\n' % zlib.crc32(text) + text


@pytest.mark.parametrize(("version", "told"), [(2, "use a newer release"), (0, "export it anew")])
def test_a_model_in_another_format_is_refused_in_one_sentence(version: int, told: str) -> None:
    with pytest.raises(CorruptStateError) as error:
        parse_info(
            _forged('"format_version": 1', f'"format_version": {version}'), where="model.json"
        )

    assert str(error.value) == (
        f"model.json is of a model in format {version}, this release of kfp-nas reads format 1: "
        f"{told}"
    )


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ('"num_train": 70', '"num_train": -1', "data.num_train: Input should be greater than"),
        ('"name": "digits"', '"name": "../x"', "name: lower-case letters"),
        ('"kind": "images"', '"kind": "sounds"', "inputs: Input tag 'sounds'"),
    ],
)
def test_a_description_that_cannot_be_is_refused(before: str, after: str, wrong: str) -> None:
    with pytest.raises(CorruptStateError, match=wrong):
        parse_info(_forged(before, after), where="model.json")


def test_how_fast_another_child_is_is_refused(tmp_path: Path) -> None:
    store = SearchStore.open(str(tmp_path))
    speed = model_info().speed
    assert speed is not None
    assert store.settle(layout.child_speed(CHILD), speed) == speed

    other = layout.child_speed("r000-000001-03")
    with pytest.raises(CorruptStateError, match=f"it is of child {CHILD}"):
        store.parse(Speed, to_json(speed), key=other)
