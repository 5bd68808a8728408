"""What Triton and KServe have to be told of a model, besides its network.

KServe copies what lies at a model's address into a pod of Triton, which takes each folder there
for a model: `<name>/1/model.onnx`. Files beside that folder it passes over.
"""

from __future__ import annotations

import os
import re
from typing import Any, Final

import yaml

from nas_lib.errors import ConfigError, one_line
from nas_lib.models import ModelInfo
from nas_lib.models.info import ImageInputs

MAX_BATCH: Final = 256
"""Images that Triton takes at once: by itself it would take 4."""

_FETCHED: Final = ("s3://", "gs://", "pvc://", "hdfs://", "webhdfs://", "https://", "http://")
_AZURE: Final = re.compile(r"az://([^/]+)/(.+)")

_HEAD: Final = """\
# kubectl apply --namespace NAMESPACE --filename THIS FILE
# Triton answers at /v2/models/{name}/infer. A store that wants to know who reads it is told by a
# service account: name it under spec.predictor as serviceAccountName.
"""

_TEXTS: Final = """\
# As all axes that come first are of any size, Triton would take them for one, of batches.
backend: "onnxruntime"
max_batch_size: 0
input [
  {{ name: "words" data_type: TYPE_INT64 dims: [ -1, -1 ] }},
  {{ name: "state" data_type: TYPE_FP32 dims: [ -1, {size} ] }}
]
output [
  {{ name: "logits" data_type: TYPE_FP32 dims: [ -1, -1, {num_words} ] }},
  {{ name: "next_state" data_type: TYPE_FP32 dims: [ -1, {size} ] }},
  {{ name: "states" data_type: TYPE_FP32 dims: [ -1, -1, {size} ] }}
]
"""


def inference_service(info: ModelInfo, storage_uri: str) -> str:
    """Return the InferenceService by which KServe serves a model, as YAML.

    Args:
        info: What is known of the model.
        storage_uri: Where it lies: the address of the folder with `model.json`.

    Raises:
        ConfigError: KServe cannot fetch it from there.
    """
    model = {
        "modelFormat": {"name": "onnx"},
        "protocolVersion": "v2",
        "runtime": "kserve-tritonserver",  # by the format alone it might be another one, too
        "storageUri": _fetched_from(storage_uri),
    }
    service: dict[str, Any] = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": _service_name(info.name)},
        "spec": {"predictor": {"model": model}},
    }
    return _HEAD.format(name=info.name) + yaml.safe_dump(service, sort_keys=False, width=1000)


def triton_config(info: ModelInfo) -> str:
    """Return what Triton would not find out from the network, or take for something else."""
    if isinstance(info.inputs, ImageInputs):
        return f"# All else Triton finds in the network.\nmax_batch_size: {MAX_BATCH}\n"
    return _TEXTS.format(size=info.inputs.state_size, num_words=len(info.labels))


def triton_config_file(name: str) -> str:
    """Return where `triton_config` lies in a model of this name."""
    return f"{name}/config.pbtxt"


def _service_name(name: str) -> str:
    """Return a search's name as that of a service, which begins with a letter."""
    return name if name[0].isalpha() else f"nas-{name}"


def _fetched_from(uri: str) -> str:
    if azure := _AZURE.fullmatch(uri):
        account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
        if not account:
            raise ConfigError(
                f"{one_line(uri)}: KServe wants to know the account, and "
                "AZURE_STORAGE_ACCOUNT_NAME is not set"
            )
        return f"https://{account}.blob.core.windows.net/{azure[1]}/{azure[2]}"
    if not uri.startswith(_FETCHED):
        raise ConfigError(
            f"KServe cannot fetch a model from {one_line(uri)}: expected an address that begins "
            f"with {', '.join(_FETCHED[:2])}, az:// or pvc://; copy the model to such a place"
        )
    return uri
