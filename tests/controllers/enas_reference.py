"""The equations of the ENAS policy once more, in plain numpy: one architecture, one step.

Written from Pham et al. (2018), section 2, and what its published code adds, to check the torch
code against. `named` gives the policy's parameters by their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from nas_reference import Numbers, sigmoid, softmax
from torch import Tensor

from nas_lib.config import EnasPolicyConfig
from nas_lib.controllers.enas_policy import EnasPolicy
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset


def lstm_layer(
    x: Numbers, h: Numbers, c: Numbers, w_x: Numbers, w_h: Numbers
) -> tuple[Numbers, Numbers]:
    """One step of one layer without biases: input, forget and output gate, candidate."""
    i, f, o, g = np.split(w_x @ x + w_h @ h, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def squash(logit: Any, config: EnasPolicyConfig, constant: float | None) -> Any:
    if config.temperature is not None:
        logit = logit / config.temperature
    return logit if constant is None else constant * np.tanh(logit)


def reference(
    policy: EnasPolicy,
    config: EnasPolicyConfig,
    decisions: Sequence[Decision],
    tokens: Sequence[int],
) -> tuple[float, float, float]:
    """Return log-probability, entropy and penalty, in nats, of one token sequence."""
    weights = {name: value.detach().double().numpy() for name, value in named(policy).items()}
    size = config.hidden_size
    state = [(np.zeros(size), np.zeros(size)) for _ in range(config.num_layers)]
    anchors: dict[str, list[tuple[Numbers, Numbers]]] = {}  # what is attended to, what is given
    x, rest, log_prob, entropy, divergences = weights["start"], list(tokens), 0.0, 0.0, []
    for decision in decisions:
        gives = decision.gives if isinstance(decision, Anchor) else "state"
        if gives == "nothing":
            anchors.setdefault(decision.kind, []).append((np.zeros(size), np.zeros(size)))
            continue
        for layer in range(config.num_layers):
            w_x, w_h = weights[f"lstm.{layer}.input"], weights[f"lstm.{layer}.state"]
            state[layer] = lstm_layer(x, *state[layer], w_x, w_h)
            x = state[layer][0]
        h, kind = x, decision.kind
        mine, rest = rest[: decision.num_tokens], rest[decision.num_tokens :]
        x = weights["start"]
        before = anchors.setdefault(kind, [])
        if isinstance(decision, Choice):
            constant = config.operation_tanh_constant
            logits = squash(
                weights[f"{kind}.head"] @ h,
                config,
                config.tanh_constant if constant is None else constant,
            )
            if len(config.operation_bias) == decision.num_options:
                logits = logits + np.array(config.operation_bias)
            p = softmax(logits)
            log_prob += np.log(p[mine[0]])
            entropy -= sum(p * np.log(p))
            x = weights[f"{kind}.embedding"][mine[0]]
        elif isinstance(decision, Subset) and mine:
            divergence = 0.0
            for anchor, bit in zip(before, mine, strict=True):
                q = attend(weights, kind, anchor[0], h)
                pair = np.array([squash(z, config, config.tanh_constant) for z in (-q, q)])
                p = softmax(pair)
                log_prob += np.log(p[bit])
                entropy -= sum(p * np.log(p))
                prior = np.array([1 - config.skip_prior, config.skip_prior])
                divergence += sum(p * np.log(p / prior))
            divergences.append(divergence)
            chosen = [given for (_, given), bit in zip(before, mine, strict=True) if bit]
            x = sum(chosen, np.zeros(size)) / (1 + len(chosen))
        elif isinstance(decision, Pointer):
            seen = before[-decision.num_anchors :]
            distances = np.arange(len(seen), 0, -1)
            logits = squash(
                np.array([attend(weights, kind, key, h) for key, _ in seen]),
                config,
                config.tanh_constant,
            )
            p = softmax(logits - config.distance_weight * distances**2)
            log_prob += np.log(p[mine[0]])
            entropy -= sum(p * np.log(p))
            _, x = seen[mine[0]]
            if decision.marks:
                x = x / (0.1 + distances[mine[0]])
        if isinstance(decision, Subset | Anchor) or getattr(decision, "marks", False):
            before.append((h, np.zeros(size) if gives == "key" else h))
    divergence = float(np.mean(divergences)) if divergences else 0.0
    return log_prob, entropy, config.skip_weight * divergence


def attend(weights: Mapping[str, Numbers], kind: str, anchor: Numbers, h: Numbers) -> float:
    mixed = np.tanh(weights[f"{kind}.previous"] @ anchor + weights[f"{kind}.current"] @ h)
    return weights[f"{kind}.weigh"][0] @ mixed


def named(policy: EnasPolicy) -> dict[str, Tensor]:
    """The policy's parameters by their place."""
    start, *rows = policy.lstm.rows
    parameters: dict[str, Tensor] = {"start": start}
    for layer in range(len(policy.lstm.weights) // 2):
        parameters[f"lstm.{layer}.input"] = policy.lstm.weights[2 * layer].T
        parameters[f"lstm.{layer}.state"] = policy.lstm.weights[2 * layer + 1].T
    for kind, head in policy.heads.items():  # in the order of their rows
        parameters[f"{kind}.head"] = head
        parameters[f"{kind}.embedding"] = torch.stack(rows[: len(head)])
        rows = rows[len(head) :]
    for kind, attention in policy.attentions.items():
        for name in ("previous", "current", "weigh"):
            parameters[f"{kind}.{name}"] = getattr(attention, name).weight
    return parameters
