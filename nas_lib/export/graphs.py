"""From torch modules to ONNX graphs.

What traces a module is torch's older exporter. On our networks it and the newer one, which goes by
`torch.export`, agree with torch alike (to 1e-5 of logits around 10). The older one takes a tenth of
the time (2 s against 15 s of a CPU for 17 cells of the micro space) and folds BatchNorm into
convolutions, and needs no onnxscript. That it is right is measured at each export (`Parity`).
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from nas_lib.errors import ConfigError, NasError, one_line
from nas_lib.export.exporter import OPSET

_MAX_BYTES = 2**31 - 2**20  # of a protobuf message, with room for what is not weights

Array = npt.NDArray[Any]


@torch.inference_mode()
def traced(
    module: nn.Module, example: Sequence[Tensor], *, inputs: Sequence[str], outputs: Sequence[str]
) -> onnx.GraphProto:
    """Return the graph of a module in evaluation mode; the first axis of all tensors is dynamic.

    Raises:
        ConfigError: Its weights are too many for one ONNX file.
        NasError: Torch cannot export it.
    """
    num_bytes = sum(each.numel() * each.element_size() for each in module.state_dict().values())
    if num_bytes > _MAX_BYTES:
        raise ConfigError(
            f"the network has {num_bytes / 2**30:.1f} GiB of weights, and an ONNX file holds 2 GiB "
            "at most"
        )
    file: Any = io.BytesIO()  # which this exporter takes, whatever its annotation says
    torch._C._jit_set_onnx_log_output_stream("stderr")  # the whole graph, where it fails
    with warnings.catch_warnings():  # of itself, and of Python numbers taken from tensors
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module.eval(),
                tuple(example),
                file,
                input_names=inputs,
                output_names=outputs,
                dynamic_axes={name: {0: f"{name}_N"} for name in (*inputs, *outputs)},
                opset_version=OPSET,
                dynamo=False,
            )
        except RuntimeError as err:  # among them all of the exporter's own
            raise NasError(
                f"torch {torch.__version__} cannot export this network: {one_line(err, 300)}"
            ) from err
    return onnx.load_from_string(file.getvalue()).graph


def packed(graph: onnx.GraphProto, *, name: str, task: str, labels: Sequence[str]) -> bytes:
    """Return a graph as an ONNX file that says what its outputs mean."""
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=helper.find_min_ir_version_for([helper.make_opsetid("", OPSET)]),
        producer_name="kfp-nas",
        producer_version=version("kfp-nas"),
    )
    notes = {"name": name, "task": task, "labels": json.dumps(labels, ensure_ascii=False)}
    helper.set_model_props(model, notes)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def constant(name: str, values: Array | Sequence[int]) -> onnx.TensorProto:
    """Return a constant of a graph; whole numbers are int64."""
    return numpy_helper.from_array(np.asarray(values), name)


def value(name: str, dtype: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Return what a graph takes or gives; sizes that have a name are any."""
    return helper.make_tensor_value_info(name, dtype, list(shape))


node = helper.make_node
FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
