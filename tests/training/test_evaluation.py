from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nas_lib.data.loading import ImageTensors
from nas_lib.training.evaluation import evaluate


def test_loss_and_accuracy_are_means_over_all_images() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[0.0], [math.log(3)]]))  # logits 0 and log(3) x
        network[1].bias.zero_()
    # standardised (pixel - 1) / 2: 1, for which class 1 has probability 3 / (1 + 3)
    images = ImageTensors(torch.full((400, 1, 1, 1), 3.0), torch.tensor([1] * 300 + [0] * 100))

    loss, accuracy = evaluate(network, images, mean=[1.0], std=[2.0])

    assert accuracy == 0.75
    assert loss == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))


def test_batch_normalisation_uses_its_statistics_and_keeps_them() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten())
    images = ImageTensors(torch.tensor([3.0, 5.0]).reshape(2, 1, 1, 1), torch.tensor([0, 0]))

    evaluate(network, images, mean=[0.0], std=[1.0])

    assert not network.training
    assert network[0].running_mean.tolist() == [0.0]
