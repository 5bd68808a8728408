"""Translators in NumPy, a sentence and a subword at a time: nothing is filled up or batched.

Letters: T subwords of a source, U of a target with its beginning, H units, V subwords of the
vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from cells_by_hand import Array, numpy_of, step_by_hand
from torch import nn

from nas_lib.networks.translator import Translator

Words = Sequence[int]


class Told(NamedTuple):
    """What a pair comes to: of each subword to be told."""

    logits: Array  # [U - 1, V]
    losses: Array  # [U - 1], in nats
    smoothed: Array  # [U - 1], by smoothed targets


def encoded_by_hand(translator: Translator, source: Words) -> list[Array]:
    """Return what the decoder looks at, `[H]` for each subword."""
    embedding = numpy_of(translator.embedding)
    forward, backward = translator.both_ways
    there = _run(forward, [embedding[word] for word in source])
    back = _run(backward, [embedding[word] for word in reversed(source)])[::-1]
    taken = [np.concatenate(pair) for pair in zip(there, back, strict=True)]
    for number, layer in enumerate(translator.encoder, start=2):
        made = _run(layer, taken)
        is_residual = number > 2  # from the third layer on
        taken = (
            [one + other for one, other in zip(made, taken, strict=True)] if is_residual else made
        )
    return taken


def told_by_hand(translator: Translator, source: Words, target: Words, smoothing: float) -> Told:
    """Return what a translator says of a pair; the target has its beginning and its end."""
    encoded = encoded_by_hand(translator, source)
    embedding = numpy_of(translator.embedding)
    states = [np.zeros(layer.state_size) for layer in translator.decoder]
    logits = []
    for word in target[:-1]:
        x, context = embedding[word], np.zeros(0)
        for number, layer in enumerate(translator.decoder, start=1):
            made, states[number - 1] = step_by_hand(
                layer, np.concatenate([x, context]), states[number - 1]
            )
            x = made + x if number > 2 else made
            if number == 1:
                context = _context(x, encoded, numpy_of(translator.asking))
        told = np.concatenate([x, context]) @ numpy_of(translator.telling)
        logits.append(embedding @ told)
    return _told(np.stack(logits), target[1:], smoothing)


def _told(logits: Array, told: Words, smoothing: float) -> Told:
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    of_target = log_probabilities[range(len(told)), told]
    smoothed = (1 - smoothing) * of_target + smoothing * log_probabilities.mean(axis=1)
    return Told(logits, -of_target, -smoothed)


def _context(asking: Array, values: Sequence[Array], weight: Array) -> Array:
    scores = np.array([asking @ weight @ value for value in values])
    shares = np.exp(scores) / np.exp(scores).sum()
    return np.sum([share * value for share, value in zip(shares, values, strict=True)], axis=0)


def _run(layer: nn.Module, taken: Sequence[Array]) -> list[Array]:
    reader: Any = layer
    outputs, state = [], np.zeros(reader.state_size)
    for x in taken:
        output, state = step_by_hand(reader, x, state)
        outputs.append(output)
    return outputs
