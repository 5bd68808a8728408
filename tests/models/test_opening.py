import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_models import COLOURS, colour_model, figure_model, word_model, write_model

from nas_lib.architecture import Architecture
from nas_lib.errors import ConfigError, CorruptStateError, DataError
from nas_lib.models import ImageModel, TextModel, open_model
from nas_lib.models.info import INFO, ONLY, onnx_file
from nas_lib.models.stored import StoredModel
from nas_lib.store import layout
from nas_lib.store.open import open_store

RESNET = Architecture("image-references", (0,), "resnet-20")
ONNX = onnx_file("colours")


def test_a_folder_with_a_model_is_opened_as_what_it_is(tmp_path: Path) -> None:
    info = colour_model(tmp_path / "one")
    word_model(tmp_path / "two")

    model = open_model(str(tmp_path / "one"))

    assert isinstance(model, ImageModel)
    assert model.info == info
    assert model.labels == COLOURS
    assert model.uri == str(tmp_path / "one")
    assert isinstance(open_model(str(tmp_path / "two")), TextModel)


def test_a_model_is_a_line(tmp_path: Path) -> None:
    colour_model(tmp_path)

    model = open_model(str(tmp_path))

    assert repr(model) == "ImageModel(colours, r000-000001-02, 3 labels)"
    assert repr(model.predict(np.zeros((2, 5, 5, 3), np.uint8))) == (
        "Predictions(2 images, 3 classes)"
    )


@pytest.mark.parametrize("place", ["memory://a-search-with-models", "folder"])
def test_of_a_search_it_is_the_newest_winner_of_a_final_training(
    tmp_path: Path, place: str
) -> None:
    uri = place if ":" in place else str(tmp_path / place)
    first, second, child = "final-0123abcd", "final-00000000", "r000-000000-01"
    for number, id in enumerate((first, second, child)):
        colour_model(uri, f"models/{id}", id=id, created_s=1e9 + number)

    assert open_model(uri).info.id == second
    assert open_model(f"{uri}/models/{first}").info.id == first
    assert open_model(f"{uri}/models/{child}").uri == f"{uri}/models/{child}"


def test_of_a_search_without_a_final_training_it_is_the_newest_model(tmp_path: Path) -> None:
    for id, created_s in (("r000-000000-01", 2e9), ("r000-000000-02", 1e9)):
        colour_model(tmp_path, f"models/{id}", id=id, created_s=created_s)

    assert open_model(str(tmp_path)).info.id == "r000-000000-01"


def test_a_known_network_is_not_what_a_search_found(tmp_path: Path) -> None:
    found, known = "r000-000000-01", "final-0123abcd"
    colour_model(tmp_path, f"models/{found}", id=found)
    origin = replace(colour_model(tmp_path, "another").origin, architecture=RESNET)
    colour_model(tmp_path, f"models/{known}", id=known, created_s=2e9, origin=origin)

    assert open_model(str(tmp_path)).info.id == found
    assert open_model(f"{tmp_path}/models/{known}").info.id == known


def test_a_model_that_is_being_written_is_not_there_yet(tmp_path: Path) -> None:
    colour_model(tmp_path, "models/r000-000000-01")
    (tmp_path / "models/r000-000000-01" / INFO).unlink()

    with pytest.raises(ConfigError, match="there is no model at"):
        open_model(str(tmp_path))


def test_a_search_without_models_says_how_to_make_one() -> None:
    open_store("memory://without-models").create(layout.SEARCH, b"{}")

    with pytest.raises(ConfigError) as error:
        open_model("memory://without-models")

    assert str(error.value).startswith(
        "memory://without-models has no model yet: `nas train memory://without-models` trains"
    )
    assert error.value.exit_code == 2


def test_another_model_of_a_search_says_which_there_are(tmp_path: Path) -> None:
    colour_model(tmp_path, "models/final-0123abcd")

    with pytest.raises(ConfigError, match=r"no model at .*: .* has final-0123abcd$"):
        open_model(str(tmp_path / "models/r000-000000-01"))


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_where_there_is_no_model_it_says_what_was_expected(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file")

    with pytest.raises(ConfigError, match=r"there is no model at .*: expected a folder that"):
        open_model(str(tmp_path / name))


@pytest.mark.parametrize("version", [0, 2])
def test_a_model_of_another_format_is_refused(tmp_path: Path, version: int) -> None:
    colour_model(tmp_path, format_version=version)

    with pytest.raises(CorruptStateError, match=f"in format {version}, this release .* format 1"):
        open_model(str(tmp_path))


def test_a_damaged_description_is_refused(tmp_path: Path) -> None:
    colour_model(tmp_path)
    text = (tmp_path / INFO).read_text()
    (tmp_path / INFO).write_text(text.replace('"red"', '"rad"'))

    with pytest.raises(CorruptStateError, match=r"model\.json is damaged"):
        open_model(str(tmp_path))


def test_a_network_that_was_changed_is_refused_when_it_is_used(tmp_path: Path) -> None:
    colour_model(tmp_path)
    data = bytearray((tmp_path / ONNX).read_bytes())
    data[-1] ^= 1
    (tmp_path / ONNX).write_bytes(data)

    with pytest.raises(CorruptStateError, match=r"model\.onnx is damaged: expected the .* bytes"):
        open_model(str(tmp_path)).predict(np.zeros((5, 5, 3), np.uint8))


def test_a_network_that_was_added_to_is_told_with_its_place(tmp_path: Path) -> None:
    colour_model(tmp_path)
    with (tmp_path / ONNX).open("ab") as file:
        file.write(b"x")

    with pytest.raises(CorruptStateError, match=f"{tmp_path}/.*onnx is damaged: .* got more; exp"):
        open_model(str(tmp_path)).graph  # noqa: B018


def test_a_network_that_is_missing_is_told(tmp_path: Path) -> None:
    colour_model(tmp_path)
    (tmp_path / ONNX).unlink()

    with pytest.raises(CorruptStateError, match=r"is damaged: colours/1/model\.onnx is missing"):
        open_model(str(tmp_path)).graph  # noqa: B018


def test_what_onnxruntime_cannot_load_is_one_sentence(tmp_path: Path) -> None:
    info = colour_model(tmp_path)
    write_model(str(tmp_path), "", info, {ONLY: b"no graph at all"})

    with pytest.raises(CorruptStateError, match=r"onnxruntime [\d.]+ cannot load this network: ."):
        open_model(str(tmp_path)).graph  # noqa: B018


def test_a_graph_says_what_it_takes_and_refuses_all_else(tmp_path: Path) -> None:
    colour_model(tmp_path)
    graph = open_model(str(tmp_path)).graph

    assert [str(spec) for spec in graph.inputs] == ["uint8 [any, any, any, 3]"]
    assert [spec.name for spec in graph.outputs] == ["logits", "probabilities"]
    image = np.zeros((1, 5, 5, 3), np.uint8)
    with pytest.raises(DataError, match="expected the inputs images, got pictures"):
        graph.run({"pictures": image})
    for wrong in (image.astype(np.int8), image[..., :2], image[0]):
        with pytest.raises(DataError, match=r"images: expected uint8 \[any, any, any, 3\], got"):
            graph.run({"images": wrong})


def test_without_onnxruntime_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colour_model(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(ConfigError, match=r"needs onnxruntime: pip install 'kfp-nas\[models\]'"):
        open_model(str(tmp_path)).graph  # noqa: B018


_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["onnx"] = None
import numpy as np
from nas_lib.models import open_model
print(open_model(sys.argv[1]).predict(np.full((5, 5, 3), [9, 200, 9], np.uint8)).labels[0])
for place in sys.argv[2:]:
    print(open_model(place).translate("dov nul").text)
"""


def test_a_model_needs_neither_torch_nor_onnx(tmp_path: Path) -> None:
    places = [str(tmp_path / name) for name in ("colours", "figures")]
    colour_model(places[0])
    figure_model(places[1])

    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH, *places], capture_output=True, text=True
    )

    assert ended.stdout == "green\nla zo\n", ended.stderr


def test_nobody_is_told_that_a_model_is_used(tmp_path: Path) -> None:
    """Unless told not to, onnxruntime makes a number for this machine, under which it reports."""
    colour_model(tmp_path / "model")
    (tmp_path / "home").mkdir()
    switches = ("ORT_DISABLE_TELEMETRY", "CI", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in switches}

    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        env={**environment, "HOME": str(tmp_path / "home")},
    )

    assert (ended.stdout, ended.stderr) == ("green\n", "")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_copy_of_a_model_is_the_same_model(tmp_path: Path) -> None:
    info = colour_model("memory://a-search-with-a-model", "models/r000-000000-01")
    stored = StoredModel.find(open_store("memory://a-search-with-a-model"), "models/r000-000000-01")
    assert stored is not None

    stored.copy_to(tmp_path / "copy")

    copied = open_model(str(tmp_path / "copy"))
    assert copied.info == info
    assert {path: stored.read(path) for path in info.files} == {
        path: (tmp_path / "copy" / path).read_bytes() for path in info.files
    }
