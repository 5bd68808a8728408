"""Prepared data as torch tensors that lie in the file, not in the process's own memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nas_lib.data.copies import LocalData
from nas_lib.data.read_ahead import announce
from nas_lib.errors import CorruptStateError, one_line


class MappedRows:
    """Rows that lie in several files; only those are read that are asked for.

    They stay there, and what is asked for comes to a device.
    """

    def __init__(self, parts: Sequence[Tensor], device: torch.device | str = "cpu") -> None:
        """Take rows of one shape and type.

        Args:
            parts: Some of the rows each, in order, on the CPU.
            device: Where rows are wanted.
        """
        self._parts, self.device = tuple(parts), torch.device(device)
        self._ends = torch.tensor([len(part) for part in self._parts]).cumsum(0)
        self.shape = torch.Size((int(self._ends[-1]), *self._parts[0].shape[1:]))
        self.dtype = self._parts[0].dtype

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """Return a copy of these rows, on the device."""
        if isinstance(index, slice):
            index = torch.arange(*index.indices(len(self)))
        index = index.cpu()
        which = torch.searchsorted(self._ends, index, right=True)
        found = torch.empty((len(index), *self.shape[1:]), dtype=self.dtype)
        wanted = []
        for number in sorted(set(which.tolist())):
            is_here = which == number
            part = self._parts[number]
            wanted.append((is_here, part, index[is_here] - (self._ends[number] - len(part))))
        for _, part, rows in wanted:
            _announce(part, rows)
        for is_here, part, rows in wanted:
            found[is_here] = part[rows]
        return found.to(self.device)

    def to(self, device: torch.device | str) -> MappedRows:
        """Return the same rows, wanted on another device."""
        return MappedRows(self._parts, device)

    def __add__(self, others: MappedRows) -> MappedRows:
        """Return these rows and others."""
        return MappedRows(self._parts + others._parts, self.device)


def _announce(part: Tensor, rows: Tensor) -> None:
    """Let the disk be asked for all of these rows before the first of them is waited for."""
    row_bytes = part.stride(0) * part.element_size()
    for row in rows.tolist():
        announce(part.data_ptr() + row * row_bytes, row_bytes)


TensorRows = Tensor | MappedRows
"""Rows on one device, or in files."""
R = TypeVar("R", bound=TensorRows)


def joined(some: TensorRows, others: TensorRows) -> TensorRows:
    """Return the rows of both, one after the other."""
    if isinstance(some, Tensor) and isinstance(others, Tensor):
        return torch.cat([some, others])
    return _mapped(some) + _mapped(others)


def _mapped(rows: TensorRows) -> MappedRows:
    return rows if isinstance(rows, MappedRows) else MappedRows([rows.cpu()], rows.device)


def load_rows(data: LocalData, *names: str) -> tuple[TensorRows, ...]:
    """Map rows of these names into memory, whether they lie in the blob or in shards.

    Pages are read when they are used, and shared by processes.

    Raises:
        CorruptStateError: A file is damaged, or there are none of that name.
    """
    shards = [_loaded(path, names) for path in data.shards]
    found: dict[str, TensorRows] = dict(_loaded(data.blob, names))
    for name in names:
        parts = [shard[name] for shard in shards if name in shard]
        if len({(part.dtype, part.shape[1:]) for part in parts}) > 1:
            raise CorruptStateError(
                f"{data.shards[0]}: expected all shards with {name} to be alike"
            )
        if parts:
            found[name] = MappedRows(parts)
    return tuple(_named(found, data.blob, names))


def load_tensors(path: Path, *names: str) -> tuple[Tensor, ...]:
    """Map a blob's file into memory, and return its tensors of these names; as `load_rows`."""
    return tuple(_named(_loaded(path, names), path, names))


def _loaded(path: Path, names: Sequence[str]) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as err:
        raise _other(path, names, one_line(err)) from err


def _named(tensors: Mapping[str, R], path: Path, names: Sequence[str]) -> Iterator[R]:
    for name in names:
        if name not in tensors:
            raise _other(path, names, f"it has no {name}")
        yield tensors[name]


def _other(path: Path, names: Sequence[str], why: str) -> CorruptStateError:
    return CorruptStateError(f"{path}: expected prepared data with {' and '.join(names)}: {why}")


def check_tensor(
    name: str, found: TensorRows, dtypes: tuple[str, ...], shape: tuple[int, ...], *, below: int = 0
) -> None:
    """Refuse prepared data that are not as their manifest says.

    Args:
        name: Of the tensor.
        found: The tensor.
        dtypes: Its type is one of these.
        shape: Its shape.
        below: Its numbers are indices below this, if it is above 0.

    Raises:
        CorruptStateError: They are not.
    """
    dtype = str(found.dtype).removeprefix("torch.")
    wrong = ""
    if dtype not in dtypes or tuple(found.shape) != shape:
        wrong = f"{' or '.join(dtypes)} {list(shape)}, got {dtype} {list(found.shape)}"
    elif below and isinstance(found, Tensor) and found.numel():
        lowest, highest = int(found.min()), int(found.max())
        if lowest < 0 or highest >= below:
            wrong = f"indices below {below}, got {lowest} to {highest}"
    if wrong:
        raise CorruptStateError(
            f"the stored data are not as data/manifest.json says: expected {name} to be {wrong}"
        )
