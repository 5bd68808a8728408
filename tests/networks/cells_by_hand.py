"""One step of any recurrent layer in NumPy, by the formulas of its cell.

Letters: I values of an input, H units, S values of a state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from trees_by_hand import APPLIED, step_of

from nas_lib.networks.enas_rnn import EnasRnnLayer
from nas_lib.networks.nas_rnn import NasRnnLayer
from nas_lib.networks.recurrent import RecurrentLayer
from nas_lib.networks.references.gru import GruLayer
from nas_lib.networks.references.lstm import LstmLayer
from nas_lib.spaces import NasRnnPlan, Plan, RnnPlan
from nas_lib.spaces.references import GruPlan, LstmPlan

Array = NDArray[np.float64]
Step = Callable[[Any, Array, Array], tuple[Array, Array]]
"""Of a layer, what it takes, `[I]`, and the state, `[S]`: its output, `[H]`, and the state."""

TREE = NasRnnPlan.parse(
    "1 layer, 3 units | add tanh | mul relu | max sin | add sigmoid | mul identity | add tanh | "
    "max tanh | inject add relu into 4 | memory of 5"
).tree


def plan_of(cell: str, hidden: int) -> Plan:
    """Return a plan of one of the cells here; not all nodes do the same."""
    match cell:
        case "tree":
            return NasRnnPlan(1, hidden, TREE)
        case "enas":
            text = "tanh | relu(0) | identity(1) | sigmoid(0) | mean of 2,3"
            return RnnPlan.parse(f"{hidden} units | {text}")
        case "lstm":
            return LstmPlan(hidden)
    return GruPlan(hidden)


CELLS = ("tree", "enas", "lstm", "gru")


def numpy_of(weight: Any) -> Array:
    """Return a tensor's values."""
    found: Array = weight.detach().double().numpy()
    return found


def step_by_hand(layer: RecurrentLayer, x_I: Array, state_S: Array) -> tuple[Array, Array]:
    """Return the output and the state after one step."""
    return _STEPS[type(layer)](layer, x_I, state_S)


def _tree(layer: NasRnnLayer, x_I: Array, state_S: Array) -> tuple[Array, Array]:
    tree, (last_H, memory_H) = layer.cell.tree, np.split(state_S, 2)
    leaves = (x_I @ numpy_of(layer.cell.from_input), last_H @ numpy_of(layer.cell.from_output))
    of_word, of_last = (np.split(each, tree.base) for each in leaves)
    output_H, memory_H = step_of(tree)(of_word, of_last, memory_H)
    return output_H, np.concatenate([output_H, memory_H])


def _enas(layer: EnasRnnLayer, x_I: Array, state_S: Array) -> tuple[Array, Array]:
    states: list[Array] = []
    for node, weight in zip(layer.plan.nodes, layer.weights, strict=True):
        taken_H = state_S if node.previous is None else states[node.previous]
        fed = np.concatenate([x_I, state_S]) if node.previous is None else taken_H
        h, c = np.split(fed @ numpy_of(weight), 2)
        gate = APPLIED["sigmoid"](c)
        states.append(gate * APPLIED[node.function](h) + (1 - gate) * taken_H)
    mean_H = np.mean([states[number] for number in layer.plan.outputs], axis=0)
    return mean_H, mean_H


def _lstm(layer: LstmLayer, x_I: Array, state_S: Array) -> tuple[Array, Array]:
    h, c = np.split(state_S, 2)
    gates = numpy_of(layer.from_input) @ x_I + numpy_of(layer.from_output) @ h
    i, f, g, o = np.split(gates + numpy_of(layer.bias), 4)
    sigmoid, tanh = APPLIED["sigmoid"], np.tanh
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return h, np.concatenate([h, c])


def _gru(layer: GruLayer, x_I: Array, h: Array) -> tuple[Array, Array]:
    of_word = numpy_of(layer.from_input) @ x_I + numpy_of(layer.bias)
    (r, z, n), (r_last, z_last, n_last) = (
        np.split(each, 3) for each in (of_word, numpy_of(layer.from_output) @ h)
    )
    sigmoid = APPLIED["sigmoid"]
    proposed = np.tanh(n + sigmoid(r + r_last) * n_last)
    z = sigmoid(z + z_last)
    h = (1 - z) * proposed + z * h
    return h, h


_STEPS: dict[type[RecurrentLayer], Step] = {
    NasRnnLayer: _tree,
    EnasRnnLayer: _enas,
    LstmLayer: _lstm,
    GruLayer: _gru,
}
