"""How well a network does on images that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from nas_lib.data.batches import evaluation_batches
from nas_lib.data.loading import ImageTensors

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
