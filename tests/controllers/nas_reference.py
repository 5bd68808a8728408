"""The policy's equations once more, in plain numpy: one architecture, one step, no batching.

Written from Zoph & Le (2017), sections 3.1 and 3.3, and the LSTM's textbook equations, to check the
torch code against. `weights` are the policy's parameters by their place, in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nas_lib.controllers.nas_policy import NasPolicy
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Subset

Numbers = npt.NDArray[np.float64]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Numbers) -> Numbers:
    return np.exp(x) / np.exp(x).sum()


def lstm_layer(
    x: Numbers, h: Numbers, c: Numbers, w_x: Numbers, w_h: Numbers, b_x: Numbers, b_h: Numbers
) -> tuple[Numbers, Numbers]:
    """One step of one layer; torch stacks the gates in the order input, forget, cell, output."""
    i, f, g, o = np.split(w_x @ x + b_x + w_h @ h + b_h, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def attention(weights: Mapping[str, Numbers], kind: str, anchor: Numbers, h: Numbers) -> float:
    mixed = np.tanh(
        weights[f"{kind}.attention.previous.weight"] @ anchor
        + weights[f"{kind}.attention.current.weight"] @ h
    )
    return weights[f"{kind}.attention.weigh.weight"][0] @ mixed


def reference(
    policy: NasPolicy, decisions: Sequence[Decision], tokens: Sequence[int]
) -> tuple[float, float]:
    """Return log-probability and entropy, in nats, of one token sequence."""
    weights = {name: value.detach().double().numpy() for name, value in named(policy).items()}
    size = len(weights["start"])
    layers = policy.lstm.num_layers
    state = [(np.zeros(size), np.zeros(size)) for _ in range(layers)]
    anchors: dict[str, list[Numbers]] = {}
    x, rest, log_prob, entropy = weights["start"], list(tokens), 0.0, 0.0
    for decision in decisions:
        for layer in range(layers):
            names = [f"lstm.{n}_l{layer}" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            state[layer] = lstm_layer(x, *state[layer], *(weights[name] for name in names))
            x = state[layer][0]
        h, kind = x, decision.kind
        mine, rest = rest[: decision.num_tokens], rest[decision.num_tokens :]
        if isinstance(decision, Choice):
            p = softmax(weights[f"{kind}.head.weight"] @ h + weights[f"{kind}.head.bias"])
            log_prob += np.log(p[mine[0]])
            entropy -= sum(p * np.log(p))
            x = weights[f"{kind}.embedding.weight"][mine[0]]
        elif isinstance(decision, Subset):
            x = weights[f"{kind}.decided"].copy()
            for j, bit in enumerate(mine):
                p = sigmoid(attention(weights, kind, anchors[kind][j], h))
                log_prob += np.log(p if bit else 1 - p)
                entropy -= p * np.log(p) + (1 - p) * np.log(1 - p)
                if bit:
                    x += weights[f"{kind}.embedding.weight"][j] / sum(mine)
        elif isinstance(decision, Anchor):
            x = weights[f"{kind}.embedding.weight"][0]
        else:
            seen = anchors[kind][-decision.num_anchors :]
            p = softmax(np.array([attention(weights, kind, anchor, h) for anchor in seen]))
            log_prob += np.log(p[mine[0]])
            entropy -= sum(p * np.log(p))
            x = weights[f"{kind}.embedding.weight"][mine[0]]
        if isinstance(decision, Subset | Anchor) or getattr(decision, "marks", False):
            anchors.setdefault(kind, []).append(h)
    return log_prob, entropy


def named(policy: NasPolicy) -> dict[str, Tensor]:
    """The policy's parameters, those of a kind under the kind's name."""
    parameters: dict[str, Tensor] = {"start": policy.start}
    parameters |= {f"lstm.{name}": value for name, value in policy.lstm.named_parameters()}
    for kind, module in policy.heads.items():
        parameters |= {f"{kind}.{name}": value for name, value in module.named_parameters()}
    return parameters
