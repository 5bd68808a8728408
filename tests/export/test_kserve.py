from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from model_infos import IMAGES, TEXT, model_info

from nas_lib.errors import ConfigError
from nas_lib.export.kserve import inference_service, triton_config

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


def test_triton_takes_more_images_at_once_than_it_would_by_itself() -> None:
    assert "\nmax_batch_size: 256\n" in (triton_config(model_info(IMAGES)) or "")
    assert triton_config(model_info(TEXT)) is None
