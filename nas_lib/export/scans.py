"""Recurrent layers in graphs: one step of a layer is traced, and a Scan does it for all steps.

A layer's own loop would be traced at the length of an example, and a graph be as long as that.

Letters: T time steps, B sequences side by side, I values of an input, H units, S values of a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import onnx
import torch
from onnx import compose, helper
from torch import Tensor, nn

from nas_lib.export.graphs import FLOAT, node, traced, value
from nas_lib.networks.recurrent import RecurrentLayer

_DOMAIN: Final = "kfp_nas"
_INPUTS: Final = ["x", "before"]
_OUTPUTS: Final = ["output", "after"]


def scanned(
    module: nn.Module, example: Sequence[Tensor], *, inputs: Sequence[str], outputs: Sequence[str]
) -> onnx.GraphProto:
    """Return the graph of a module as `traced` does, with a Scan for each recurrent layer in it.

    Raises:
        ConfigError: Its weights are too many for one ONNX file.
        NasError: Torch cannot export it.
    """
    layers = [each for each in module.modules() if isinstance(each, RecurrentLayer)]
    with ExitStack() as stack:
        for number, layer in enumerate(layers):
            stack.enter_context(_as_one_node(layer, number))
        graph = traced(module, example, inputs=inputs, outputs=outputs)
    nodes = [*graph.node]
    del graph.node[:]
    for each in nodes:
        if each.domain == _DOMAIN:
            number = helper.get_node_attr_value(each, "number")
            scan, weights = _scan(layers[number], each, prefix=f"layer{number}.")
            graph.node.append(scan)
            graph.initializer.extend(weights)
        else:
            graph.node.append(each)
    return graph


class _Layer(torch.autograd.Function):
    """A layer, in a graph that is traced a node of its own."""

    @staticmethod
    def forward(
        ctx: Any, x_TBI: Tensor, state_BS: Tensor, layer: RecurrentLayer, number: int
    ) -> tuple[Tensor, Tensor]:
        # zeros: torch would trace, to no end, what the layer computes with weights from outside
        return x_TBI.new_zeros(*x_TBI.shape[:2], layer.hidden), torch.zeros_like(state_BS)

    @staticmethod
    def symbolic(g: Any, x_TBI: Any, state_BS: Any, layer: RecurrentLayer, number: int) -> Any:
        node = g.op(f"{_DOMAIN}::Layer", x_TBI, state_BS, number_i=number, outputs=2)
        output_TBH, after_BS = node
        output_TBH.setType(x_TBI.type().with_sizes([None, None, layer.hidden]))
        after_BS.setType(state_BS.type().with_sizes([None, layer.state_size]))
        return node


@contextmanager
def _as_one_node(layer: RecurrentLayer, number: int) -> Iterator[None]:
    def forward(x_TBI: Tensor, state_BS: Tensor) -> Any:
        return _Layer.apply(x_TBI, state_BS, layer, number)  # type: ignore[no-untyped-call]

    layer.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        del layer.forward


def _scan(
    layer: RecurrentLayer, stand_in: onnx.NodeProto, *, prefix: str
) -> tuple[onnx.NodeProto, Sequence[onnx.TensorProto]]:
    """Return what takes the place of a layer's node, and the weights that it knows from outside.

    Args:
        layer: The layer.
        stand_in: Its node.
        prefix: Of all names in its body.
    """
    example = [torch.zeros(2, layer.inputs), torch.zeros(2, layer.state_size)]
    step = traced(_Step(layer), example, inputs=_INPUTS, outputs=_OUTPUTS)
    compose.add_prefix_graph(step, prefix, inplace=True)
    x, before, output, after = (prefix + name for name in (*_INPUTS, *_OUTPUTS))
    body = helper.make_graph(
        [*step.node],
        "step",
        [
            value(before, FLOAT, ["B", layer.state_size]),
            value(x, FLOAT, ["B", layer.inputs]),
        ],
        [
            value(after, FLOAT, ["B", layer.state_size]),
            value(output, FLOAT, ["B", layer.hidden]),
        ],
    )
    taken, state = stand_in.input
    made, last = stand_in.output
    scan = node(
        "Scan", [state, taken], [last or f"{prefix}last", made], body=body, num_scan_inputs=1
    )
    return scan, step.initializer


class _Step(nn.Module):
    """A layer that takes one step."""

    def __init__(self, layer: RecurrentLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x_BI: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        output_1BH, state_BS = self.layer(x_BI[None], state_BS)
        return output_1BH[0], state_BS
