from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tritonclient
import yaml
from google.protobuf import text_format
from model_infos import IMAGES, TRANSLATION, model_info
from toy_models import figure_model, word_model

from nas_lib.errors import ConfigError
from nas_lib.export.kserve import inference_service, triton_configs
from nas_lib.models import ModelInfo, open_model
from nas_lib.models.info import DECODER, ENCODER, ONLY

_SCHEMA = yaml.safe_load(
    Path(__file__).with_name("inference_service_schema.yaml").read_text(encoding="ascii")
)
_URI = "s3://mlpipeline/nas/digits/models/final-0123abcd"


def _model(text: str) -> dict[str, Any]:
    service = yaml.safe_load(text)
    jsonschema.validate(service, _SCHEMA)
    return service["spec"]["predictor"]["model"]


def test_an_inference_service_is_what_kserve_takes() -> None:
    text = inference_service(model_info(), _URI)

    assert _model(text) == {
        "modelFormat": {"name": "onnx"},
        "protocolVersion": "v2",
        "runtime": "kserve-tritonserver",
        "storageUri": _URI,
    }
    assert yaml.safe_load(text)["metadata"]["name"] == "digits"
    assert text.isascii()


def test_the_schema_refuses_what_kserve_does_not_know() -> None:
    text = inference_service(model_info(), _URI)

    with pytest.raises(jsonschema.ValidationError):
        _model(text.replace("storageUri", "storageURI"))


def test_a_service_begins_with_a_letter_where_the_search_does_not() -> None:
    text = inference_service(dataclasses.replace(model_info(), name="7-segments"), _URI)

    assert _model(text)
    assert yaml.safe_load(text)["metadata"]["name"] == "nas-7-segments"
    assert "/v2/models/7-segments/infer" in text  # Triton calls it as its folder


def test_each_graph_of_a_translator_is_a_model_of_its_own_to_triton() -> None:
    text = inference_service(model_info(TRANSLATION), _URI)

    assert _model(text)
    assert "at /v2/models/digits-encoder/infer and /v2/models/digits-decoder/infer." in text


@pytest.mark.parametrize("uri", ["gs://bucket/models/1", "pvc://claim/models/1"])
def test_what_kserve_fetches_is_named_as_it_is(uri: str) -> None:
    assert _model(inference_service(model_info(), uri))["storageUri"] == uri


def test_azure_is_named_as_kserve_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "ours")

    model = _model(inference_service(model_info(), "az://box/nas/models/1"))

    assert model["storageUri"] == "https://ours.blob.core.windows.net/box/nas/models/1"


def test_without_its_account_azure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(ConfigError, match=r"^az://box/1: .* AZURE_STORAGE_ACCOUNT_NAME is not set"):
        inference_service(model_info(), "az://box/1")


@pytest.mark.parametrize("uri", ["runs/digits/models/1", "/data/models/1", "memory://digits"])
def test_what_kserve_cannot_fetch_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match=f"^KServe cannot fetch a model from {uri}: expected"):
        inference_service(model_info(), uri)


# --- what Triton is told -------------------------------------------------------------------------


def parsed(config: str) -> Any:
    """Return a config.pbtxt as Triton reads it, by the schema that its client has."""
    folder = Path(next(iter(tritonclient.__path__)))
    found = spec_from_file_location("model_config_pb2", folder / "grpc" / "model_config_pb2.py")
    assert found is not None
    assert found.loader is not None
    schema = module_from_spec(found)
    found.loader.exec_module(schema)  # as a module of tritonclient.grpc it would ask for grpc
    return text_format.Parse(config, schema.ModelConfig())


def test_triton_takes_more_images_at_once_than_it_would_by_itself() -> None:
    assert parsed(triton_configs(model_info(IMAGES))["digits/config.pbtxt"]).max_batch_size == 256


@pytest.mark.parametrize(
    ("write", "folder", "name"),
    [
        (word_model, "words", ONLY),
        (figure_model, "figures-encoder", ENCODER),
        (figure_model, "figures-decoder", DECODER),
    ],
)
def test_where_nothing_is_of_batches_triton_is_told_all_that_a_network_takes_and_gives(
    write: Callable[[Path], ModelInfo], folder: str, name: str, tmp_path: Path
) -> None:
    info = write(tmp_path)
    graph = open_model(str(tmp_path), threads=1).graphs[name]

    config = parsed(triton_configs(info)[f"{folder}/config.pbtxt"])

    assert info.onnx[name] == f"{folder}/1/model.onnx"
    assert config.max_batch_size == 0  # so that the first axis is none of batches
    types = config.DESCRIPTOR.file.enum_types_by_name["DataType"].values_by_number
    known_as = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}
    for told, there in ((config.input, graph.inputs), (config.output, graph.outputs)):
        assert {each.name: (types[each.data_type].name, [*each.dims]) for each in told} == {
            spec.name: (known_as[spec.dtype], [size or -1 for size in spec.shape]) for spec in there
        }
