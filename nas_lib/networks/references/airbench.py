"""The networks of airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU").

As in airbench94 and airbench96 of KellerJordan/cifar10-airbench:

- A 2x2 convolution without padding whitens patches of the images. Its weights are the eigenvectors
  of the patches' second moments, each divided by the root of its eigenvalue plus 5e-4, and their
  negatives: 24 for colours. They come from some training images (5000 there) and are fixed; only
  its bias is learnt.
- Three groups: a 3x3 convolution, the maxima of 2x2 pixels (an odd last row or column is left out),
  BatchNorm, GELU, and one more convolution with BatchNorm and GELU; of airbench96 two, which are
  added to what the first of them takes. Then the maximum over all pixels, of 3x3 in a 32x32 image.
- Convolutions begin as the identity of as many channels as they take, the further filters as
  torch's do. BatchNorm has no scale, and of airbench94 a momentum of 0.4. Its epsilon is torch's,
  not 1e-12: by that a channel that is the same all over a batch, as small images have them, would
  multiply gradients by a million.
- The classifier has no bias, and its logits are divided by 9.
- Biases of BatchNorm learn 64 times as fast as weights, with the same decay. Under one rate for all
  a bias is eight times its parameter, which is the same: 8 for the gradient, and 8 for the step.

Left to the recipe, which is not the network: that whitening's bias is frozen after three epochs of
ten, and weights are pulled towards their average (lookahead).

Shapes: B images, C channels, H x W pixels, P values of a patch, K classes.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.references.parts import halved_by_maximum
from nas_lib.spaces.references import AirbenchPlan

_WINDOW = 2  # of patches that are whitened
_IMAGES_AT_ONCE = 250
_EPSILON = 5e-4  # of eigenvalues
_FILTERS = {94: (64, 256, 256), 96: (128, 384, 512)}
_MOMENTUM = {94: 0.4, 96: 0.1}
_SHIFT_SCALE = 8.0
_LOGIT_SCALE = 1 / 9


class Airbench(ImageNetwork):
    """Whitening, three groups of convolutions, and a linear classifier."""

    def __init__(
        self,
        plan: AirbenchPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self._dropout = regularisation.dropout
        self.whitening = Whitening(image_channels)
        self.groups = nn.Sequential()
        channels = self.whitening.out_channels
        for filters in _FILTERS[plan.percent]:
            self.groups.append(_Group(channels, filters, plan))
            channels = filters
        self.linear = nn.Linear(channels, num_classes, bias=False)

    def begin(self, images_BCHW: Tensor) -> None:
        """Fit the whitening to standardised training images."""
        self.whitening.fit(images_BCHW)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        features_BCHW = self.groups(F.gelu(self.whitening(images_BCHW)))
        largest_BC = F.dropout(features_BCHW.amax(dim=(2, 3)), self._dropout, self.training)
        logits_BK: Tensor = self.linear(largest_BC) * _LOGIT_SCALE
        return logits_BK


class Whitening(nn.Conv2d):
    """Patches in a basis in which their values are uncorrelated; weights that nobody learns.

    Before they are fitted it gives each value of a patch, and its negative.
    """

    weight: Tensor

    def __init__(self, image_channels: int) -> None:
        num_values = image_channels * _WINDOW**2
        super().__init__(image_channels, 2 * num_values, _WINDOW)
        assert self.bias is not None
        nn.init.zeros_(self.bias)
        del self.weight  # a buffer is stored like it, and neither learnt nor counted
        self.register_buffer("weight", self._filters(torch.eye(num_values)))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(_with_a_patch(x_BCHW))

    @torch.no_grad()
    def fit(self, images_BCHW: Tensor) -> None:
        """Take the weights from these images."""
        basis_PP = whitening_basis(_with_a_patch(images_BCHW))
        self.weight.copy_(self._filters(basis_PP))

    def _filters(self, basis_PP: Tensor) -> Tensor:
        return torch.cat([basis_PP, -basis_PP]).view(-1, self.in_channels, _WINDOW, _WINDOW)


class _Group(nn.Module):
    """Convolutions after the first of which the size is halved."""

    def __init__(self, in_channels: int, filters: int, plan: AirbenchPlan) -> None:
        super().__init__()
        self._adds_input = plan.percent == 96
        momentum = _MOMENTUM[plan.percent]
        num_convs = 3 if self._adds_input else 2
        widths = (in_channels, *(filters,) * num_convs)
        self.convs = nn.ModuleList(
            _identity_convolution(before, after) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(_ShiftNorm(filters, momentum) for _ in range(num_convs))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = F.gelu(self.norms[0](halved_by_maximum(self.convs[0](x_BCHW))))
        y_BCHW = x_BCHW
        for conv, norm in zip(self.convs[1:-1], self.norms[1:-1], strict=True):
            y_BCHW = F.gelu(norm(conv(y_BCHW)))
        y_BCHW = self.norms[-1](self.convs[-1](y_BCHW))
        return F.gelu(y_BCHW + x_BCHW if self._adds_input else y_BCHW)


class _ShiftNorm(nn.BatchNorm2d):
    """BatchNorm without a scale, whose bias learns faster than weights."""

    def __init__(self, num_features: int, momentum: float) -> None:
        super().__init__(num_features, momentum=momentum, affine=False)
        self.shift = nn.Parameter(torch.zeros(num_features))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        assert self.momentum is not None
        return F.batch_norm(
            x_BCHW,
            self.running_mean,
            self.running_var,
            bias=_SHIFT_SCALE * self.shift,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )


def _identity_convolution(in_channels: int, filters: int) -> nn.Conv2d:
    """Return a 3x3 convolution whose first filters pass on what they take."""
    conv = nn.Conv2d(in_channels, filters, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:in_channels])
    return conv


def _with_a_patch(x_BCHW: Tensor) -> Tensor:
    """Return the images, with zeros for a row or column that even one patch needs."""
    missing = [max(0, _WINDOW - size) for size in x_BCHW.shape[2:]]
    return F.pad(x_BCHW, (0, missing[1], 0, missing[0])) if any(missing) else x_BCHW


@torch.no_grad()
def whitening_basis(images_BCHW: Tensor) -> Tensor:
    """Return a basis in which patches have as good as unit second moments, `[P, P]`.

    Its rows are the eigenvectors of the patches' second moments, the largest first, each divided by
    the root of its eigenvalue.
    """
    num_values = images_BCHW.shape[1] * _WINDOW**2
    moments_PP = torch.zeros(num_values, num_values, dtype=torch.float64)
    num_patches = 0
    # some at a time: their patches are four times as large as they
    for first in range(0, len(images_BCHW), _IMAGES_AT_ONCE):
        some_BCHW = images_BCHW[first : first + _IMAGES_AT_ONCE]
        patches_PN = F.unfold(some_BCHW, _WINDOW).transpose(0, 1).flatten(1)
        moments_PP += (patches_PN @ patches_PN.t()).double().cpu()
        num_patches += patches_PN.shape[1]
    values_P, vectors_PP = torch.linalg.eigh(moments_PP / num_patches)  # columns, ascending
    basis_PP: Tensor = (vectors_PP / (values_P + _EPSILON).sqrt()).flip(1).t()
    return basis_PP
