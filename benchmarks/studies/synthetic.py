"""Problems to choose controllers by: seven families of tables, each with as many as one likes.

A number says all of a problem: its size, how much tokens matter and how they act together. Every
architecture is tabulated, with a residual of its own that no other one tells of (0.15 to 0.8 of
the spread of the rest), on a scale like that of accuracies: up to 0.95, saturating, and up to 15 %
fail, near 0.1. How large residuals are was chosen so that evolution and local search have about
the regret that they have on published tables.

Even numbers were tuned on, odd ones held out. So what is drawn, and in which order, must stay.

Letters in names: C architectures, W tokens of one; N, O, H and others as each family says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.studies.table import Table, Tokens, Values
from nas_lib.controllers.mutation import token_limits
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset

_AT_ONCE = 200_000  # architectures; sums of floats depend on it in their last bits
_FEWEST, _MOST = 8e3, 6e5  # architectures, where a family has sizes to choose from

Raw = Callable[[Tokens], Values]
"""What a family says of architectures `[C, W]`, in units of its own."""


def interactions(number: int) -> Table:
    """N choices of O options; what each is worth depends on two to four others: an NK landscape."""
    rng = np.random.default_rng(1000 + number)
    num_others = int(rng.integers(2, 5))
    num, options = _size(rng, (6, 14), (2, 7))
    seen = [
        np.r_[i, rng.choice([j for j in range(num) if j != i], num_others, replace=False)]
        for i in range(num)
    ]
    worth = [rng.normal(size=(options,) * (num_others + 1)) for _ in range(num)]
    weight = rng.gamma(2, 1, size=num)

    def raw(tokens_CW: Tokens) -> Values:
        return _sum(weight[i] * worth[i][tuple(tokens_CW[:, seen[i]].T)] for i in range(num))

    return _tabulated(f"nk-{number}", _choices(num, options), raw, rng, noise=0.005)


def sizes(number: int) -> Table:
    """Widths of N layers, of 8 steps: each has a best one, and neighbours should not jump."""
    rng = np.random.default_rng(2000 + number)
    num, options = int(rng.integers(5, 7)), 8
    weight, best = rng.gamma(2, 1, size=num), rng.uniform(4, 9, size=num)
    balance = rng.uniform(0, 1.0)
    rng.uniform(0.3, 1.0)  # drawn for what was given up
    rough = rng.normal(size=(num, options)) * 0.25
    pairs = rng.normal(size=(num, num)) * 0.05

    def raw(tokens_CW: Tokens) -> Values:
        widths = tokens_CW.astype(float)
        fits = (weight * (1 - ((widths - best) / 8) ** 2)).sum(1)
        jumps = -balance * (np.diff(widths, axis=1) ** 2).mean(1) / 8
        bumps = _sum(rough[i][tokens_CW[:, i]] * weight[i] for i in range(num)) * 0.3
        centred = (widths - 3.5) / 4
        together = np.einsum("ni,ij,nj->n", centred, pairs, centred) * 2
        return np.asarray(fits + jumps + bumps + together)

    return _tabulated(f"sizes-{number}", _choices(num, options), raw, rng, noise=0.004)


def settings(number: int) -> Table:
    """Settings of a training: few matter much, some are kinds and some degrees, in pairs too."""
    rng = np.random.default_rng(3000 + number)
    num = int(rng.integers(6, 10))
    options = rng.integers(2, 7, size=num)
    while not _FEWEST <= np.prod(options) <= _MOST:
        options = rng.integers(2, 7, size=num)
    is_kind = rng.random(num) < 0.35
    worth = [rng.normal(size=each) for each in options]
    best = [rng.uniform(-0.2, 1.2) for _ in options]
    weight = rng.gamma(0.8, 1.3, size=num)
    rng.normal(size=(num, num))  # drawn for what was given up
    pairs = [tuple(rng.choice(num, 2, replace=False)) for _ in range(num)]
    together = [rng.normal(size=(options[a], options[b])) * 0.6 for a, b in pairs]
    rng.integers(num)  # likewise

    def alone(i: int, tokens_C: Tokens) -> Values:
        degree = tokens_C / max(options[i] - 1, 1)
        own = worth[i][tokens_C] if is_kind[i] else -3 * np.abs(degree - best[i]) ** 1.5
        return np.asarray(weight[i] * own)

    def raw(tokens_CW: Tokens) -> Values:
        total = _sum(alone(i, tokens_CW[:, i]) for i in range(num))
        for (a, b), worth_of_both in zip(pairs, together, strict=True):
            both = worth_of_both[tokens_CW[:, a], tokens_CW[:, b]]
            total = total + np.sqrt(weight[a] * weight[b]) * both
        return total

    decisions = [Choice(f"h{i}", int(each)) for i, each in enumerate(options)]
    return _tabulated(f"hpo-{number}", decisions, raw, rng, noise=0.006)


def cells(number: int) -> Table:
    """Cells as in NAS-Bench-201: an operation on each edge, through which features flow."""
    rng = np.random.default_rng(4000 + number)
    nodes = int(rng.integers(4, 6))
    edges = [(a, b) for b in range(1, nodes) for a in range(b)]
    options = int(rng.integers(4, 7)) if nodes == 4 else 3
    width = 5
    operations = rng.normal(size=(options, width, width)) * 0.7
    operations[0], operations[1] = 0, np.eye(width)  # nothing, and what comes as it is
    gain = rng.uniform(0.3, 1.2, size=options)
    out, first = rng.normal(size=width), rng.normal(size=width)
    targets = rng.normal(size=(3, width))
    cost = rng.uniform(0, 0.1, size=options)
    scale = rng.uniform(0.5, 1.3, size=len(edges))

    def into(node: int, tokens_CW: Tokens, features: Sequence[Values]) -> Values:
        total: Values = np.zeros(1)
        for edge, (start, end) in enumerate(edges):
            if end == node:
                chosen = tokens_CW[:, edge]
                matrices = operations[chosen] * gain[chosen][:, None, None] * scale[edge]
                total = total + np.einsum("ni,nij->nj", features[start], matrices)
        return np.asarray(np.tanh(total) * 1.5)

    def raw(tokens_CW: Tokens) -> Values:
        features = [np.tile(first, (len(tokens_CW), 1))]
        for node in range(1, nodes):
            features.append(into(node, tokens_CW, features))
        last = features[-1]
        off = 0.3 * np.abs(last @ out)
        return np.asarray((last @ targets.T).max(1) - off - cost[tokens_CW].sum(1))

    decisions = [Choice(f"e{i}", options) for i in range(len(edges))]
    return _tabulated(f"cells-{number}", decisions, raw, rng, noise=0.004)


def recurrent(number: int) -> Table:
    """Recurrent cells as ENAS has them: of each node a function, and an earlier one to point at.

    Functions and their pairs matter, and the form of the tree: its depth and its leaves.
    """
    rng = np.random.default_rng(5000 + number)
    nodes, functions = 5, int(rng.integers(3, 6))
    decisions: list[Decision] = [Anchor("node"), Choice("fn", functions)]
    for node in range(1, nodes):
        decisions += [Pointer("node", node, marks=True), Choice("fn", functions)]
    alone = rng.normal(size=(nodes, functions))
    after = rng.normal(size=(functions, functions)) * 1.0
    depth_weight, best_depth = rng.uniform(0.2, 1.5), rng.uniform(1.5, nodes - 1)
    pointed = rng.normal(size=(nodes, nodes)) * 0.4

    def raw(tokens_CW: Tokens) -> Values:
        chosen = np.concatenate([tokens_CW[:, :1], tokens_CW[:, 2::2]], 1)
        parents = tokens_CW[:, 1::2]
        rows = np.arange(len(tokens_CW))
        depth, is_used = np.zeros((len(rows), nodes)), np.zeros((len(rows), nodes), bool)
        total = alone[0][chosen[:, 0]].copy()
        for node in range(1, nodes):
            parent = parents[:, node - 1]
            depth[:, node] = depth[rows, parent] + 1
            is_used[rows, parent] = True
            own = alone[node][chosen[:, node]]
            pair = after[chosen[rows, parent], chosen[:, node]]
            total = total + own + pair + pointed[node][parent]
        leaves = (~is_used).sum(1)
        deep = depth_weight * (depth.max(1) - best_depth) ** 2
        return np.asarray(total - deep - 0.3 * np.abs(leaves - 2))

    return _tabulated(f"rnn-{number}", decisions, raw, rng, noise=0.005)


def layered(number: int) -> Table:
    """Three layers as in the paper's space of convolutions, with skip connections.

    A layer wants certain properties, neighbours that both fit earn more, and connections are
    judged as a set, by its Jaccard index with a wanted one.
    """
    rng = np.random.default_rng(6000 + number)
    layers = 3
    decisions: list[Decision] = []
    for layer in range(layers):
        decisions += [Choice("height", 4), Choice("width", 4), Choice("filters", 4)]
        decisions.append(Subset("skip", layer))
    first = [sum(3 + before for before in range(layer)) for layer in range(layers)]
    wanted = rng.integers(0, 4, size=(layers, 3))
    skips = [rng.random(layer) < 0.45 for layer in range(layers)]
    weight = rng.gamma(3, 1, size=(layers, 3))
    weight /= weight.sum()
    together = rng.normal(size=(layers, 4, 4)) * 0.1

    def raw(tokens_CW: Tokens) -> Values:
        total: Values = np.zeros(1)
        fits: list[Values] = []
        shared, either = np.zeros(len(tokens_CW)), np.zeros(len(tokens_CW))
        for layer in range(layers):
            own = tokens_CW[:, first[layer] : first[layer] + 3]
            fit = 1 - np.abs(own - wanted[layer]) / 3
            fits.append(fit.prod(1))
            width_before = tokens_CW[:, first[layer - 1] + 1]  # of the first layer, the last one's
            pair = together[layer][own[:, 0], width_before] / layers
            total = total + (weight[layer] * fit).sum(1) + pair
            if layer:
                bits = tokens_CW[:, first[layer] + 3 : first[layer] + 3 + layer].astype(bool)
                shared += (bits & skips[layer]).sum(1)
                either += (bits | skips[layer]).sum(1)
        neighbours = np.mean([one * next_ for one, next_ in pairwise(fits)], axis=0)
        jaccard = 0.4 * shared / np.maximum(either, 1)
        return np.asarray(0.4 * total + 0.4 * neighbours + jaccard)

    return _tabulated(f"layered-{number}", decisions, raw, rng, noise=0.005)


def smooth(number: int) -> Table:
    """N choices of O options, embedded; a random network of one hidden layer H judges their sum."""
    rng = np.random.default_rng(7000 + number)
    num, options = _size(rng, (6, 12), (2, 6))
    hidden = 24
    strength = rng.normal(size=(num, options, hidden)) / np.sqrt(num)
    embedded = strength * rng.gamma(1.5, 1, size=(num, 1, 1))
    bias = rng.normal(size=hidden) * 0.3
    out = rng.normal(size=hidden)

    def raw(tokens_CW: Tokens) -> Values:
        inputs = _sum(embedded[i][tokens_CW[:, i]] for i in range(num))
        return np.asarray(np.tanh(inputs * 0.8 + bias) @ out)

    return _tabulated(f"mlp-{number}", _choices(num, options), raw, rng, noise=0.005)


FAMILIES: dict[str, Callable[[int], Table]] = {
    "nk": interactions,
    "sizes": sizes,
    "hpo": settings,
    "cells": cells,
    "rnn": recurrent,
    "layered": layered,
    "mlp": smooth,
}


def synthetic(name: str) -> Table:
    """Return the problem of this name, as `nk-0`."""
    family, number = name.split("-")
    return FAMILIES[family](int(number))


def _sum(parts: Iterable[Values]) -> Values:
    """Return the sum of arrays, from the first to the last."""
    return np.asarray(sum(parts))


def _choices(num: int, options: int) -> list[Decision]:
    return [Choice(f"c{i}", options) for i in range(num)]


def _size(
    rng: np.random.Generator, choices: tuple[int, int], options: tuple[int, int]
) -> tuple[int, int]:
    """Return how many choices of how many options, each below its second bound."""
    while True:
        num, each = int(rng.integers(*choices)), int(rng.integers(*options))
        if _FEWEST <= float(each) ** num <= _MOST:
            return num, each


def _tabulated(
    name: str, decisions: Sequence[Decision], raw: Raw, rng: np.random.Generator, *, noise: float
) -> Table:
    """Return the table of all architectures, with residuals, on the scale of an accuracy."""
    limits = tuple(token_limits(decisions).tolist())
    num = int(np.prod(limits))
    values = np.empty(num)
    for start in range(0, num, _AT_ONCE):
        places = np.arange(start, min(num, start + _AT_ONCE))
        values[places] = raw(np.array(np.unravel_index(places, limits)).T)
    residual = np.exp(rng.uniform(np.log(0.15), np.log(0.8)))
    values = (values - values.mean()) / values.std()
    values += residual * rng.normal(size=num)
    truth = _as_accuracies(values, rng).reshape(limits)
    return Table(name, tuple(decisions), truth, noise=noise)


def _as_accuracies(values: Values, rng: np.random.Generator) -> Values:
    """Return values on a scale that saturates; the worst of them fail."""
    bend, share_failed = rng.uniform(0.5, 3.0), rng.uniform(0, 0.15)
    low, high = np.quantile(values, 0.02), values.max()
    height = (values - low) / (high - low)
    good = 0.95 - 0.35 * np.exp(-bend * np.clip(height, -0.5, None))
    failed = 0.1 + 0.05 * np.clip(height, 0, 1)
    return np.where(height < np.quantile(height, share_failed), failed, good)
