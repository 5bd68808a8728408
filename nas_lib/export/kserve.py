"""What Triton and KServe have to be told of a model, besides its network.

KServe copies what lies at a model's address into a pod of Triton, which takes each folder there
for a model: `<name>/1/model.onnx`. Files beside that folder it passes over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from nas_lib.errors import ConfigError, one_line
from nas_lib.models import ModelInfo
from nas_lib.models.info import (
    DECODER,
    ENCODER,
    ONLY,
    ImageInputs,
    SeriesInputs,
    TextInputs,
    TranslationInputs,
    graph_folder,
)

MAX_BATCH: Final = 256
"""Images or series that Triton takes at once: by itself it would take 4."""

_FETCHED: Final = ("s3://", "gs://", "pvc://", "hdfs://", "webhdfs://", "https://", "http://")
_AZURE: Final = re.compile(r"az://([^/]+)/(.+)")

_HEAD: Final = """\
# kubectl apply --namespace NAMESPACE --filename THIS FILE
# Triton answers at {addresses}. A store that wants to know who reads it is told by a
# service account: name it under spec.predictor as serviceAccountName.
"""

_INT64: Final = "TYPE_INT64"
_FP32: Final = "TYPE_FP32"
_UNBATCHED: Final = """\
# As all axes that come first are of any size, Triton would take them for one, of batches.
backend: "onnxruntime"
max_batch_size: 0
"""

_VALUES: Final = """\
# Triton knows no tensor without an axis beside that of the batch: it answers [N, 1].
output [
  { name: "values" data_type: TYPE_FP32 dims: [ 1 ] reshape: { shape: [ ] } }
]
"""

_Tensors = Mapping[str, tuple[str, Sequence[int]]]
"""What a graph takes or gives: Triton's name of the type, and of each axis its size, or -1."""


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
    names = (graph_folder(info.name, graph) for graph in info.inputs.graphs)
    addresses = " and ".join(f"/v2/models/{name}/infer" for name in names)
    return _HEAD.format(addresses=addresses) + yaml.safe_dump(service, sort_keys=False, width=1000)


def triton_configs(info: ModelInfo) -> dict[str, str]:
    """Return what Triton would not find out from the networks, or take for something else.

    By where it looks for that: beside each of them.
    """
    inputs, num_labels = info.inputs, len(info.labels)
    if isinstance(inputs, ImageInputs | SeriesInputs):
        more = _VALUES if info.target == "number" else ""
        head = f"# All else Triton finds in the network.\nmax_batch_size: {MAX_BATCH}\n"
        told = {ONLY: head + more}
    elif isinstance(inputs, TextInputs):
        told = {ONLY: _of_texts(inputs.state_size, num_labels)}
    else:
        told = _of_translations(inputs, num_labels)
    return {f"{graph_folder(info.name, graph)}/config.pbtxt": text for graph, text in told.items()}


def _of_texts(size: int, num_words: int) -> str:
    return _unbatched(
        {"words": (_INT64, [-1, -1]), "state": (_FP32, [-1, size])},
        {
            "logits": (_FP32, [-1, -1, num_words]),
            "next_state": (_FP32, [-1, size]),
            "states": (_FP32, [-1, -1, size]),
        },
    )


def _of_translations(inputs: TranslationInputs, num_subwords: int) -> dict[str, str]:
    size, values = inputs.state_size, (_FP32, [-1, inputs.hidden])
    return {
        ENCODER: _unbatched({"source": (_INT64, [-1])}, {"values": values}),
        DECODER: _unbatched(
            {"last": (_INT64, [-1]), "state": (_FP32, [-1, size]), "values": values},
            {"logits": (_FP32, [-1, num_subwords]), "next_state": (_FP32, [-1, size])},
        ),
    }


def _unbatched(inputs: _Tensors, outputs: _Tensors) -> str:
    """Return what Triton has to know of a network of which no axis is that of a batch."""
    return "".join([_UNBATCHED, *_listed("input", inputs), *_listed("output", outputs)])


def _listed(what: str, tensors: _Tensors) -> Iterator[str]:
    rows = [
        f'  {{ name: "{name}" data_type: {kind} dims: [ {", ".join(map(str, dims))} ] }}'
        for name, (kind, dims) in tensors.items()
    ]
    yield f"{what} [\n" + ",\n".join(rows) + "\n]\n"


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
