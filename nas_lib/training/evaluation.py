"""How well a network does on images, or on a text, that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.data.batches import evaluation_batches
from nas_lib.data.loading import ImageTensors
from nas_lib.data.text_batches import evaluation_text_batches
from nas_lib.networks import LanguageModel

_COLUMNS = 10  # of a text, whose states begin with zeros: the same for all, so that all compare
_PIECE = 35  # words; no result depends on it, but for rounding
_BATCH_SIZE = 64  # more fall out of a CPU's cache: 0.9 times the speed with 128, 0.6 with 512


class Evaluation(NamedTuple):
    """Means over all images."""

    loss: float  # cross-entropy in nats
    accuracy: float  # a fraction in [0, 1]


@torch.inference_mode()
def evaluate(
    network: nn.Module, images: ImageTensors, *, mean: Sequence[float], std: Sequence[float]
) -> Evaluation:
    """Return a network's loss and accuracy; the network is left in evaluation mode.

    Args:
        network: From images to logits, on any device.
        images: All of them are used; they are copied to the network's device.
        mean: Of each channel, as the network was trained with.
        std: Likewise.
    """
    network.eval()
    device = next(network.parameters()).device
    here = images.to(device)
    total_loss = torch.zeros((), dtype=torch.float64, device=device)
    num_right = torch.zeros((), dtype=torch.int64, device=device)
    for x_BCHW, y_B in evaluation_batches(
        here.images, here.labels, batch_size=_BATCH_SIZE, mean=mean, std=std
    ):
        logits_BK = network(x_BCHW.contiguous(memory_format=torch.channels_last))
        total_loss += F.cross_entropy(logits_BK, y_B, reduction="sum")
        num_right += (logits_BK.argmax(dim=1) == y_B).sum()
    num_images = len(images.labels)
    return Evaluation(total_loss.item() / num_images, num_right.item() / num_images)


@torch.inference_mode()
def text_loss(model: LanguageModel, words_N: Tensor) -> float:
    """Return a language model's mean cross-entropy per word, in nats.

    The text is read in ten columns, so that fewer than ten of its last words are left out. The
    model is left in evaluation mode.

    Args:
        model: The model, on any device.
        words_N: Indices of words, `[N]`; they are copied to the model's device.
    """
    model.eval()
    device = next(model.parameters()).device
    pieces = evaluation_text_batches(words_N.to(device), batch_size=_COLUMNS, bptt=_PIECE)
    state_BH = model.initial_state(pieces[0][0].shape[1])
    total_loss = torch.zeros((), dtype=torch.float64, device=device)
    for inputs_TB, targets_TB in pieces:
        loss = model.loss(inputs_TB, targets_TB, state_BH)
        total_loss += len(inputs_TB) * loss.cross_entropy
        state_BH = loss.state_BH
    return total_loss.item() / sum(len(inputs_TB) for inputs_TB, _ in pieces)


def perplexity(loss: float) -> float:
    """Return exp(loss) of a loss in nats, infinite where that is too large for a number."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
