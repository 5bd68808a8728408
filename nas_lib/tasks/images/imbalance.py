"""Classes of which there are few images: how much each one weighs, and how often it is drawn.

Letters: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nas_lib.config import ImageChildrenConfig
from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from torch import Generator, Tensor

_MOST_NAMED = 5  # classes in a sentence
_LONGEST_NAME = 40


def check_class_weights(
    children: ImageChildrenConfig, class_names: Sequence[str], *, where: str
) -> None:
    """Refuse weights of classes that there are not.

    Args:
        children: Settings that may have weights by name.
        class_names: The classes.
        where: The section of the settings.

    Raises:
        ConfigError: There is one.
    """
    weights = children.class_weights
    unknown = sorted(set(weights) - set(class_names)) if isinstance(weights, Mapping) else []
    if unknown:
        there = ", ".join(one_line(name, _LONGEST_NAME) for name in class_names[:_MOST_NAMED])
        more = len(class_names) - _MOST_NAMED
        raise ConfigError(
            f"{where}.class_weights has a weight of {one_line(unknown[0], _LONGEST_NAME)}, which "
            f"is none of the classes {there}" + (f" and {more:,} more" if more > 0 else "")
        )


def class_weights(
    children: ImageChildrenConfig, labels_N: Tensor, class_names: Sequence[str]
) -> Tensor | None:
    """Return what the loss of an image of each class is multiplied by, `[K]`; None for nothing.

    The mean over the images of an epoch is 1, so that the loss, and with it the learning rate, mean
    what they did. Balanced weights are in inverse proportion to what an epoch has of a class: of
    one with n of N images N / (K n), and 1 where as many of each are drawn.
    """
    import torch

    weights, num_classes = children.class_weights, len(class_names)
    if weights is None:
        return None
    counts_K = labels_N.bincount(minlength=num_classes).double()
    if children.sampling == "balanced":
        counts_K = (counts_K > 0).double()
    if isinstance(weights, Mapping):
        given = [weights.get(name, 1.0) for name in class_names]
        weights_K = torch.tensor(given, dtype=torch.float64, device=labels_N.device)
    else:
        weights_K = 1 / counts_K.clamp(min=1)
    mean = (weights_K * counts_K).sum() / counts_K.sum()
    return (weights_K / mean).float()


def label_weights(
    children: ImageChildrenConfig, labels_NK: Tensor, label_names: Sequence[str]
) -> Tensor | None:
    """Return what the loss of images without and with a label is multiplied by, `[2, K]`.

    None for nothing. The mean over the images of an epoch is 1 for each label. Balanced, those with
    it weigh as much as those without, of n of N images N / (2 n).
    """
    import torch

    weights = children.class_weights
    if weights is None:
        return None
    num, has_K = len(labels_NK), labels_NK.sum(dim=0, dtype=torch.float64)
    counts_2K = torch.stack([num - has_K, has_K])
    if isinstance(weights, Mapping):
        weights_2K = torch.ones_like(counts_2K)
        given = [weights.get(name, 1.0) for name in label_names]
        weights_2K[1] = torch.tensor(given, dtype=torch.float64, device=labels_NK.device)
    else:
        weights_2K = 1 / counts_2K.clamp(min=1)
    mean_K = (weights_2K * counts_2K).sum(dim=0) / num
    return (weights_2K / mean_K).float()


def balanced_order(labels_N: Tensor, generator: Generator) -> Tensor:
    """Return which images an epoch has, in random order, `[N]`: as many of each class.

    As many as there are images, so that an epoch has its usual steps; where K does not divide N,
    some classes, by chance, have one more. Of the images of a class each is there as often as
    the others, or once more: which, and how often at all, depends on how many they are.

    Args:
        labels_N: The class of each image.
        generator: The only source of randomness; the order comes on its device.
    """
    import torch

    device = generator.device
    labels_N = labels_N.to(device)
    counts = [count for count in labels_N.bincount().tolist() if count]
    by_class = torch.split(labels_N.argsort(stable=True), counts)
    each, left = divmod(len(labels_N), len(counts))
    luck = torch.randperm(len(counts), generator=generator, device=device).tolist()
    drawn = [
        own[_turns(len(own), each + (chance < left), generator)]
        for own, chance in zip(by_class, luck, strict=True)
    ]
    order_N = torch.randperm(len(labels_N), generator=generator, device=device)
    return torch.cat(drawn)[order_N]


def _turns(num: int, wanted: int, generator: Generator) -> Tensor:
    """Return so many of the numbers below `num`: all in random order, all in another one, ..."""
    import torch

    keys = torch.rand(-(-wanted // num), num, generator=generator, device=generator.device)
    return keys.argsort(dim=1).flatten()[:wanted]
