"""Networks for series as graphs that take them as the data are.

All that lies between a series and the network is in the graph: standardisation, by the training
data's means and deviations and, where that is wanted, by each series' own before.

Shapes: N series, C channels, T steps, K classes; the network's images are [N, C, 1, T].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import helper

from nas_lib.config import SeriesTableData
from nas_lib.export.exporter import Exporter, difference, too_different
from nas_lib.export.graphs import FLOAT, Array, constant, node, packed, traced, value
from nas_lib.models.graph import Graphs
from nas_lib.models.info import ONLY, Parity, SeriesInputs
from nas_lib.tasks.images.batches import check_images, load_images, standardised
from nas_lib.tasks.series.fitting import FLAT
from nas_lib.tasks.series.preparation import SeriesManifest

_MIN_AGREEMENT = 0.995
_NUM_SERIES = 400
_COLUMNS: Final = ("label", "series", "time", "split", "group")


class SeriesExporter(Exporter[SeriesManifest]):
    """Series to probabilities of classes."""

    @property
    def inputs(self) -> SeriesInputs:
        """Series as the network's data were."""
        found, data = self._manifest, self._task.data
        is_table = isinstance(data, SeriesTableData)
        named = {name: getattr(data, name) for name in _COLUMNS} if is_table else {}
        return SeriesInputs(
            found.num_channels,
            found.length,
            found.mean,
            found.std,
            data.standardise,
            data.lengths,
            data.missing,
            columns={name: column for name, column in named.items() if column is not None},
            values=data.values if is_table else (),
        )

    @property
    def labels(self) -> Sequence[str]:
        """The classes."""
        return self._manifest.class_names

    def graphs(self) -> dict[str, bytes]:
        """Return the network behind its standardisation, and before a softmax."""
        inputs, is_each = self.inputs, self.inputs.standardise == "each"
        pixels_NC1T = torch.zeros(2, inputs.channels, 1, inputs.length)
        network = traced(self._network, [pixels_NC1T], inputs=["pixels"], outputs=["logits"])
        mean_C1, std_C1 = (
            np.array(each, np.float32)[:, None] for each in (inputs.mean, inputs.std)
        )
        classes: list[int | str] = ["N", len(self.labels)]
        shape: list[int | str] = ["N", inputs.channels, inputs.length]
        given: dict[str, Any] = {"mean": mean_C1, "std": std_C1, "height": [2], "time": [2]}
        if is_each:
            given |= {name: np.float32(each) for name, each in _FLAT.items()}
        graph = helper.make_graph(
            [
                *(_standardised_by_itself() if is_each else []),
                node("Sub", ["alike" if is_each else "series", "mean"], ["centred"]),
                node("Div", ["centred", "std"], ["standardised"]),
                node("Unsqueeze", ["standardised", "height"], ["pixels"]),
                *network.node,
                node("Softmax", ["logits"], ["probabilities"], axis=1),
            ],
            self.name,
            [value("series", FLOAT, shape)],
            [value(name, FLOAT, classes) for name in ("logits", "probabilities")],
            [*network.initializer, *(constant(name, each) for name, each in given.items())],
        )
        return {ONLY: packed(graph, name=self.name, task="series", labels=self.labels)}

    def parity(self, graphs: Graphs) -> Parity:
        """Measure it on series as they are stored, and at other scales where that is all one."""
        series_NCT = self._valid
        found = np.concatenate([graphs[ONLY].run({"series": each})["logits"] for each in self._raw])
        wanted = self._logits(series_NCT)
        scaled = ", each of them at a scale of its own" if self._is_each else ""
        return Parity(
            len(series_NCT),
            difference(found, wanted),
            float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean()),
            f"logits and labels of {len(series_NCT):,} validation series{scaled}",
        )

    def misfit(self, parity: Parity) -> str:
        """Say which of the two is missed."""
        different = too_different(parity)
        if different or parity.agreement >= _MIN_AGREEMENT:
            return different
        return (
            f"the graph and torch should say the same of {_MIN_AGREEMENT:.1%} of the series at "
            f"least, and do so of {parity.agreement:.1%}"
        )

    def timed(self, graphs: Graphs) -> tuple[Callable[[], object], int]:
        """Return one series."""
        return partial(graphs[ONLY].run, {"series": self._valid[:1]}), 1

    @property
    def _is_each(self) -> bool:
        return self.inputs.standardise == "each"

    @cached_property
    def _valid(self) -> Array:
        """Validation series, `[N, C, T]`; of many some, evenly spread."""
        found = self._manifest
        valid = check_images("valid", load_images(self._data).valid, found, found.num_valid)
        num = min(len(valid.images), _NUM_SERIES)
        chosen = torch.linspace(0, len(valid.images) - 1, num).long()
        return valid.images[chosen][:, :, 0].contiguous().numpy()

    @property
    def _raw(self) -> Iterator[Array]:
        """Yield them one by one, so that what is standardised by itself may be anything before."""
        for number, series_CT in enumerate(self._valid):
            scale, offset = (1 + number % 5, number % 7 - 3) if self._is_each else (1, 0)
            yield (np.float32(scale) * series_CT + np.float32(offset))[None]

    @torch.inference_mode()
    def _logits(self, series_NCT: Array) -> Array:
        """Return what torch says of series as they are stored."""
        images_NC1T = torch.from_numpy(series_NCT)[:, :, None]
        pixels_NC1T = standardised(images_NC1T, self._manifest.mean, self._manifest.std)
        logits_NK: torch.Tensor = self._network(pixels_NC1T)
        return logits_NK.numpy()


_FLAT: Final = {"share": FLAT, "one": 1.0, "zero": 0.0}


def _standardised_by_itself() -> list[onnx.NodeProto]:
    """Return what makes `alike` of series, as `nas_lib/tasks/series/fitting.py` has it."""
    return [
        node("ReduceMean", ["series", "time"], ["own_mean"]),
        node("Sub", ["series", "own_mean"], ["deviations"]),
        node("Mul", ["deviations", "deviations"], ["squares"]),
        node("ReduceMean", ["squares", "time"], ["variance"]),
        node("Sqrt", ["variance"], ["own_std"]),
        node("Abs", ["series"], ["sizes"]),
        node("ReduceMax", ["sizes", "time"], ["largest"]),
        node("Mul", ["largest", "share"], ["least"]),
        node("LessOrEqual", ["own_std", "least"], ["is_flat"]),
        node("Where", ["is_flat", "one", "own_std"], ["divisor"]),
        node("Div", ["deviations", "divisor"], ["quotients"]),
        node("Where", ["is_flat", "zero", "quotients"], ["alike"]),
    ]
