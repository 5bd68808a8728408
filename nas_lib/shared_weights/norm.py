"""BatchNorm under weights that many architectures share.

Averages over all architectures fit none of them, so an architecture is judged with statistics of
its own. Every call of a network is told which statistics it goes by; only training changes what
the network remembers.

Shapes: B images, C channels, H x W pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BatchNormMode = Literal["refit", "batch", "running"]
"""Whose statistics an architecture is judged with; the settings say what each is."""

_EPSILON = 1e-5  # of the code of ENAS for images, and torch's
_MOMENTUM = 0.1  # its decay is 0.9


class Moments(NamedTuple):
    """Mean and variance of each channel, both `[C]`."""

    mean: Tensor
    variance: Tensor


class Norm(nn.Module):
    """BatchNorm with a scale and a shift for each channel.

    Attributes:
        epsilon: Is added to variances.
        momentum: A training batch's weight in the running averages.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(
        self, num_channels: int, *, epsilon: float = _EPSILON, momentum: float = _MOMENTUM
    ) -> None:
        super().__init__()
        self.epsilon, self.momentum = epsilon, momentum
        self.scale = nn.Parameter(torch.ones(num_channels))
        self.shift = nn.Parameter(torch.zeros(num_channels))
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_variance", torch.ones(num_channels))

    @property
    def running(self) -> Moments:
        """The running averages over all architectures; changing them changes the network."""
        return Moments(self.running_mean, self.running_variance)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        given = statistics.given(self)
        if given is not None:  # the same for all images, so batches do not matter
            return F.batch_norm(x_BCHW, *given, self.scale, self.shift, eps=self.epsilon)
        # else each channel by its own mean and variance over B, H and W
        kept, weight = statistics.kept(self)
        if kept is None:
            return self._by_own_moments(x_BCHW, None)
        # Momentum 1 below makes torch write the batch's own moments into these, [C] each.
        batch = Moments(torch.zeros_like(self.running_mean), torch.zeros_like(self.running_mean))
        out_BCHW = self._by_own_moments(x_BCHW, batch)
        with torch.no_grad():
            for kept_C, batch_C in zip(kept, batch, strict=True):
                # An architecture that overflows must not spoil what all have in common.
                kept_C.lerp_(torch.where(torch.isfinite(batch_C), batch_C, kept_C), weight)
        return out_BCHW

    def _by_own_moments(self, x_BCHW: Tensor, moments: Moments | None) -> Tensor:
        """Normalise by the batch's own moments, and write them into these."""
        mean_C, variance_C = moments or (None, None)
        return F.batch_norm(
            x_BCHW,
            mean_C,
            variance_C,
            self.scale,
            self.shift,
            training=True,
            momentum=1.0,
            eps=self.epsilon,
        )

    def affine(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Return the factor and the summand, both `[C]`, that these moments make of BatchNorm."""
        # (x - mean) / deviation * scale + shift = factor * x + summand
        factor_C = self.scale * (moments.variance + self.epsilon).rsqrt()
        return factor_C, self.shift - moments.mean * factor_C


class Statistics(Protocol):
    """Where all `Norm`s get their moments from in one call of a network."""

    def given(self, norm: Norm) -> Moments | None:
        """Return what to normalise with, or None: with the moments of the batch itself."""
        ...

    def kept(self, norm: Norm) -> tuple[Moments | None, float]:
        """Return where the batch's moments are averaged in, and with which weight."""
        ...


class Training:
    """The batch's own moments, which the running averages take in."""

    def given(self, norm: Norm) -> Moments | None:
        return None

    def kept(self, norm: Norm) -> tuple[Moments | None, float]:
        return norm.running, norm.momentum


class Running:
    """The running averages over all architectures."""

    def given(self, norm: Norm) -> Moments | None:
        return norm.running

    def kept(self, norm: Norm) -> tuple[Moments | None, float]:
        return None, 0.0


class OfBatch:
    """The batch's own moments, which nothing remembers."""

    def given(self, norm: Norm) -> Moments | None:
        return None

    def kept(self, norm: Norm) -> tuple[Moments | None, float]:
        return None, 0.0


class Fitting:
    """The batch's own moments, which go into means: every `Norm`'s over each time it is used.

    Attributes:
        moments: Those means, of every `Norm` that was used.
    """

    def __init__(self) -> None:
        self.moments: dict[Norm, Moments] = {}
        self._num_uses: Counter[Norm] = Counter()

    def given(self, norm: Norm) -> Moments | None:
        return None

    def kept(self, norm: Norm) -> tuple[Moments | None, float]:
        # Weights 1, 1/2, 1/3, ... make a running average the plain mean of all uses.
        if norm not in self.moments:
            zeros_C = torch.zeros_like(norm.scale)
            self.moments[norm] = Moments(zeros_C, zeros_C.clone())
        self._num_uses[norm] += 1
        return self.moments[norm], 1 / self._num_uses[norm]


@dataclass(frozen=True)
class Fitted:
    """Moments that were fitted to one architecture."""

    moments: dict[Norm, Moments]

    def given(self, norm: Norm) -> Moments | None:
        return self.moments[norm]

    def kept(self, norm: Norm) -> tuple[Moments | None, float]:
        return None, 0.0


def statistics_of(mode: BatchNormMode, refit: Callable[[], Statistics]) -> Statistics:
    """Return what an architecture is judged with in this mode.

    Args:
        mode: As the settings have it.
        refit: Fits moments to the architecture; called only where they are wanted.
    """
    makers: dict[BatchNormMode, Callable[[], Statistics]] = {
        "refit": refit,
        "batch": OfBatch,
        "running": Running,
    }
    return makers[mode]()
