"""ImageNetwork: what training asks of every network for images.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

from nas_lib.errors import ArchitectureError
from nas_lib.named_objects import imported
from nas_lib.spaces import Plan

T = TypeVar("T")
_AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class Regularisation:
    """What a network does only while it is trained.

    Attributes:
        dropout: Fraction of the features before the classifier that is dropped.
        drop_path: Fraction of the examples for which an edge of the last cell is dropped at the end
            of training. Networks without cells have none.
        auxiliary: Whether a second classifier looks at an earlier cell. Networks without cells have
            none.
    """

    dropout: float = 0.0
    drop_path: float = 0.0
    auxiliary: bool = False


NOTHING = Regularisation()


class ImageNetwork(nn.Module):
    """A network from images `[B, C, H, W]` to logits `[B, K]`.

    Attributes:
        progress: How much of training is over, a fraction; set before each step.
    """

    progress: float = 0.0  # drop-path grows with it (NASNet's ScheduledDropPath)

    def both_logits(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits, and those of the auxiliary classifier, None if there is none.

        That classifier is the submodule `auxiliary`, and without influence on `forward`.
        """
        return self(images_BCHW), None

    def begin(self, images_BCHW: Tensor) -> None:
        """Make first weights that depend on the data, for networks that have such.

        Called once, before the first epoch: one that goes on from a checkpoint has its weights.

        Args:
            images_BCHW: Some hundred training images, standardised and otherwise unchanged.
        """
        return


def build_network(
    plan: Plan,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    regularisation: Regularisation = NOTHING,
    norm_epsilon: float | None = None,
    norm_momentum: float | None = None,
) -> ImageNetwork:
    """Return the network of a plan.

    Its initial weights come from torch's global generator; seed that first.

    Args:
        plan: What to build; it names its network.
        image_shape: Channels, height and width of one input image.
        num_classes: Outputs of the network, one logit each.
        regularisation: What it does only in training.
        norm_epsilon: What every BatchNorm adds to variances; None for as it is.
        norm_momentum: Share that each batch has in its running statistics; likewise.

    Raises:
        ArchitectureError: Its networks are none for images.
    """
    kind = imported(plan.network)
    if not issubclass(kind, ImageNetwork):
        raise ArchitectureError(f"{kind.__name__} is no network for images, got the plan {plan}")
    network: ImageNetwork = kind(
        plan,
        image_channels=image_shape[0],
        num_classes=num_classes,
        regularisation=regularisation,
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eps = module.eps if norm_epsilon is None else norm_epsilon
            module.momentum = module.momentum if norm_momentum is None else norm_momentum
    return network


def without_auxiliary(named: Mapping[str, T]) -> dict[str, T]:
    """Return a network's parameters or state by name, without those of its auxiliary classifier."""
    return {name: x for name, x in named.items() if not name.startswith(f"{_AUXILIARY}.")}
