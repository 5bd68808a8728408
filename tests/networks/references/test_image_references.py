"""What all reference networks for images promise, and what is published of each."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas_lib.networks import Cost, ImageNetwork, Regularisation, build_network, count
from nas_lib.spaces import REFERENCES, ReferencePlan

CIFAR = (3, 32, 32)


def built(
    name: str, image_shape: tuple[int, int, int] = CIFAR, *, num_classes: int = 10
) -> ImageNetwork:
    torch.manual_seed(0)
    return build_network(
        ReferencePlan.parse(name), image_shape=image_shape, num_classes=num_classes
    )


def cost(name: str, *, num_classes: int = 10) -> Cost:
    with torch.device("meta"):  # shapes without numbers
        return count(built(name, num_classes=num_classes), CIFAR)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # He et al. 2016, table 6
        ("resnet-20", 0.27),
        ("resnet-32", 0.46),
        ("resnet-44", 0.66),
        ("resnet-56", 0.85),
        ("resnet-110", 1.7),
        # Huang et al. 2017, table 2
        ("densenet-40-12", 1.0),
        ("densenet-100-12", 7.0),
        ("densenet-100-24", 27.2),
        ("densenet-bc-100-12", 0.8),
        ("densenet-bc-250-24", 15.3),
        ("densenet-bc-190-40", 25.6),
    ],
)
def test_a_network_has_as_many_parameters_as_is_published(name: str, millions: float) -> None:
    published_digits = len(f"{millions}".split(".")[1])

    assert round(cost(name).num_parameters / 1e6, published_digits) == millions


def test_mobilenet_v2_has_as_many_parameters_as_is_published_for_a_thousand_classes() -> None:
    # Sandler et al. 2018, table 4, say 3.4 million; without biases of BatchNorm and classifier it
    # is that, with them 3,504,872, as torchvision counts
    assert cost("mobilenet-v2", num_classes=1000).num_parameters == 3_504_872


def test_a_resnet_20_takes_as_many_multiply_adds_as_is_computed_by_hand() -> None:
    # stem 3 x 9 x 16; 6 convolutions of 16 x 9 x 16; all at 32 x 32 pixels
    at_32 = (432 + 6 * 2304) * 1024
    # 16 x 9 x 32 and 5 of 32 x 9 x 32, at 16 x 16; 32 x 9 x 64 and 5 of 64 x 9 x 64, at 8 x 8
    rest = (4608 + 5 * 9216) * 256 + (18_432 + 5 * 36_864) * 64
    # classifier 64 x 10: 40.6 million, as published (0.041 G)
    assert cost("resnet-20").num_multiply_adds == at_32 + rest + 640


@pytest.mark.parametrize(
    ("name", "petaflops", "epochs"), [("airbench", 0.36, 9.9), ("airbench-96", 4.9, 37)]
)
def test_a_training_of_airbench_takes_as_much_as_is_published(
    name: str, petaflops: float, epochs: float
) -> None:
    # a multiplication and an addition, forward and twice that backward, for 50,000 images
    computed = 2 * 3 * cost(name).num_multiply_adds * 50_000 * epochs

    assert computed == pytest.approx(petaflops * 1e15, rel=0.03)


@pytest.mark.parametrize("name", REFERENCES["images"])
def test_a_network_has_as_many_layers_as_its_plan_says(name: str) -> None:
    with torch.device("meta"):
        network = built(name)

    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    assert len(layers) == ReferencePlan.parse(name).num_layers


@pytest.mark.parametrize(
    "name",
    ["resnet-8", "densenet-10-2", "densenet-bc-16-3", "mobilenet-v2", "plain-cnn", "airbench"],
)
def test_a_network_takes_images_of_any_size(name: str) -> None:
    with torch.device("meta"):
        grey, coloured = built(name, (1, 28, 28)), built(name)

        assert grey(torch.empty(2, 1, 28, 28)).shape == (2, 10)
        for size in ((8, 8), (32, 32), (64, 64), (5, 1)):
            assert coloured(torch.empty(2, 3, *size)).shape == (2, 10)


@pytest.mark.parametrize("name", ["mobilenet-v2", "airbench", "airbench-96"])
def test_every_parameter_of_the_larger_networks_learns(name: str) -> None:
    network = built(name, (1, 8, 8))
    network.begin(torch.randn(9, 1, 8, 8))

    network(torch.randn(3, 1, 8, 8)).square().sum().backward()

    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any()


@pytest.mark.parametrize("name", ["resnet-8", "densenet-10-2", "plain-cnn", "airbench"])
def test_dropout_is_before_the_classifier(name: str) -> None:
    plan = ReferencePlan.parse(name)
    torch.manual_seed(0)
    network = build_network(
        plan, image_shape=(1, 4, 4), num_classes=3, regularisation=Regularisation(dropout=0.5)
    )
    classifier = next(
        each for each in reversed([*network.modules()]) if isinstance(each, nn.Linear)
    )
    taken = []
    classifier.register_forward_hook(lambda _, inputs, __: taken.append(inputs[0]))

    network(torch.randn(64, 1, 4, 4))
    network.eval()(torch.randn(64, 1, 4, 4))

    dropped, not_dropped = ((each == 0).float().mean().item() for each in taken)
    assert not_dropped < 0.7  # by ReLU
    assert dropped == pytest.approx(not_dropped + 0.5 * (1 - not_dropped), abs=0.1)
