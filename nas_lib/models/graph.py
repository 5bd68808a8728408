"""Graph: an ONNX network, run by onnxruntime, which is imported once one is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.errors import CorruptStateError, DataError, MachineError, MissingExtraError, one_line

Arrays = Mapping[str, npt.NDArray[Any]]

_DTYPES = {  # of tensors that numpy has, by ONNX's names
    "tensor(bool)": "bool",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
}


@dataclass(frozen=True)
class TensorSpec:
    """What a graph takes or gives.

    Attributes:
        name: The tensor's.
        dtype: As numpy calls it.
        shape: Of each axis its size, None for any.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def check(self, found: npt.NDArray[Any]) -> None:
        """Refuse an array that is none such.

        Raises:
            DataError: It has another type or shape.
        """
        fits = len(found.shape) == len(self.shape) and all(
            want in (None, size) for want, size in zip(self.shape, found.shape, strict=True)
        )
        if found.dtype != self.dtype or not fits:
            raise DataError(f"{self.name}: expected {self}, got {found.dtype} {list(found.shape)}")

    def __str__(self) -> str:
        sizes = ("any" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} [{', '.join(sizes)}]"


class Graph:
    """A network as it is handed on; the same inputs give the same outputs."""

    def __init__(self, data: bytes, *, where: str, threads: int) -> None:
        """Load a graph.

        Args:
            data: The ONNX file.
            where: It lies, for errors.
            threads: To compute with.

        Raises:
            ConfigError: There is no onnxruntime.
            CorruptStateError: It is no graph that this onnxruntime can run.
        """
        runtime = _onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is an error is raised, too
        self._where = where
        try:
            self._session = runtime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as err:  # it has a class for each of its codes, and no common one
            raise CorruptStateError(
                f"{one_line(where)}: onnxruntime {runtime.__version__} cannot load this network: "
                f"{one_line(err, 300)}"
            ) from err

    @cached_property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it takes."""
        return tuple(map(_spec, self._session.get_inputs()))

    @cached_property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives."""
        return tuple(map(_spec, self._session.get_outputs()))

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Return all outputs by their names.

        Args:
            inputs: All inputs by their names.

        Raises:
            DataError: They are not what the graph takes.
            MachineError: It cannot be computed here, mostly for want of memory.
        """
        wanted = {spec.name: spec for spec in self.inputs}
        if wanted.keys() != inputs.keys():
            raise DataError(
                f"expected the inputs {', '.join(wanted)}, got {one_line(', '.join(inputs), 100)}"
            )
        for name, array in inputs.items():
            wanted[name].check(array)
        names = [spec.name for spec in self.outputs]
        given = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        try:
            return dict(zip(names, self._session.run(names, given), strict=True))
        except Exception as err:  # as above
            raise MachineError(
                f"{one_line(self._where)}: onnxruntime cannot compute this: {one_line(err, 300)}"
            ) from err


Graphs = Mapping[str, Graph]
"""Those of a model, by their names."""


def import_onnxruntime() -> Any:
    """Return onnxruntime, which tells nobody of the models that are used.

    Its builds for Linux tell Microsoft since 1.29, unless this is set before it is loaded, and keep
    a number of the machine in its user's cache. Who sets it to something else has said so.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def _onnxruntime() -> Any:
    try:
        return import_onnxruntime()
    except ModuleNotFoundError as err:
        raise MissingExtraError("using a model needs onnxruntime", "models", err) from err
    except ImportError as err:  # of its libraries
        raise MachineError(f"onnxruntime cannot be loaded here: {one_line(err, 300)}") from err


def _spec(node: Any) -> TensorSpec:
    sizes = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(node.name, _DTYPES.get(node.type, node.type), sizes)
