"""A batch of CIFAR-10's python version: a pickle, read without running anything that it names.

Numpy's own unpickling is not made for untrusted input. So every name in a pickle stands for an
object that keeps what it is given, and of which the arrays are taken afterwards.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.raw import LabelledImages

_ROW = 3 * 32 * 32
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


def parse_batch(data: bytearray, where: str) -> LabelledImages:
    """Read a pickled `{"data": uint8 [N, 3072], "labels": N integers}`, whichever Python wrote it.

    Args:
        data: The pickle.
        where: What it is called in errors.

    Raises:
        DataError: It holds anything else.
    """
    try:
        found = {_text(key): value for key, value in _load(data).items()}
        _refuse_cifar100(found, where)
        rows, labels = (_numbers(found[key]) for key in ("data", "labels"))
    except DataError:
        raise
    except Exception as err:  # the pickle module's documentation promises no list of its errors
        raise DataError(
            f"{where}: expected a batch of CIFAR-10's python version, use the original: "
            f"{type(err).__name__} {one_line(err, 200)}"
        ) from err
    is_right = rows.dtype == np.uint8 and labels.dtype.kind in "iu" and labels.ndim == 1
    if not is_right or rows.shape != (*labels.shape, _ROW):
        raise DataError(
            f"{where}: was changed and pickled again, use the original: expected uint8 images "
            f"[N, {_ROW}] with N integers, got {rows.dtype} {rows.shape} with {labels.dtype} "
            f"{labels.shape}"
        )
    return LabelledImages(rows.reshape(-1, 3, 32, 32), labels.astype(np.int64))


def _refuse_cifar100(found: dict[str, Any], where: str) -> None:
    if "fine_labels" in found:
        raise DataError(f"{where}: this is a batch of CIFAR-100, expected CIFAR-10")


def _load(data: bytearray) -> dict[Any, Any]:
    """Return what a pickle holds, with inert objects in place of all that it names."""
    num_operations = highest = 0
    for operation, value, _ in pickletools.genops(data):
        num_operations += 1
        highest = max(highest, value or 0) if operation.name in _PUTS else highest
    if highest > num_operations:  # the unpickler takes memory for all numbers up to the highest
        raise pickle.UnpicklingError(f"it names object {highest:,} of {num_operations:,} at most")
    loaded: dict[Any, Any] = _InertUnpickler(io.BytesIO(data), encoding="bytes").load()
    return loaded


class _Inert:
    """Takes the place of an object, and only keeps what it would be made of."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = ()

    def __setstate__(self, state: object) -> None:
        self.state = state

    def value(self) -> Any:
        """Return what it stands for."""
        raise ValueError("a type in place of a value")


class _Encoded(_Inert):
    """Bytes, as Python 3 writes them in older protocols."""

    def value(self) -> bytes:
        text: str = self.args[0]
        return text.encode("latin-1")


class _Dtype(_Inert):
    def value(self) -> np.dtype[Any]:
        name, order = _text(self.args[0]), _text(self.state[1])
        if not re.fullmatch("[iu][1248]", name):
            raise ValueError(f"expected integers, got {name}")
        return np.dtype(name).newbyteorder({"<": "<", ">": ">"}.get(order, "|"))  # type: ignore[arg-type]


class _Array(_Inert):
    def value(self) -> npt.NDArray[Any]:
        _version, shape, dtype, is_fortran, data = self.state
        return _array(data, dtype, shape, is_fortran=is_fortran)


class _Buffer(_Inert):
    """An array, as numpy writes it in the newest protocol."""

    def value(self) -> npt.NDArray[Any]:
        data, dtype, shape, order = self.args
        return _array(data, dtype, shape, is_fortran=_text(order) == "F")


def _array(data: Any, dtype: _Dtype, shape: Any, *, is_fortran: bool) -> npt.NDArray[Any]:
    flat = np.frombuffer(_value(data), dtype.value())
    return flat.reshape(shape, order="F" if is_fortran else "C")


def _numbers(found: Any) -> npt.NDArray[Any]:
    """Return an array or a list of numbers; of lists in lists a few bytes may make gigabytes."""
    value = _value(found)
    if isinstance(value, list | tuple) and any(isinstance(each, list | tuple) for each in value):
        raise ValueError("expected a list of integers, got lists in it")
    return np.asarray(value)


def _value(found: Any) -> Any:
    return found.value() if isinstance(found, _Inert) else found


def _text(found: Any) -> str:
    """Return a name, which is bytes or text depending on the Python that wrote it."""
    value = _value(found)
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


_STAND_INS = {
    ("_codecs", "encode"): _Encoded,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Inert,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _Buffer,
    ("numpy._core.numeric", "_frombuffer"): _Buffer,
}


class _InertUnpickler(pickle.Unpickler):
    """Knows the names in CIFAR-10's files, and lets none of them reach numpy."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in such a file")
        return _STAND_INS[module_name, global_name]
