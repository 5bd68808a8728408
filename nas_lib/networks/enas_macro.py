"""Networks of the macro space, trained from scratch (ENAS's code, "fixed" architectures).

Each layer applies its operation to the previous output; all but the first then join the result with
the outputs they skip to, by 1x1 convolution of all these in depth. ReLU comes before convolutions.
Where height and width are halved, the channels double, and every output that a later layer takes is
reduced by a factorised reduction of its own. What the code gets wrong or leaves open:

- Separable convolutions are separable (the code trains full ones).
- Pooling, which the code lacks here, follows a 1x1 convolution as in its search.
- Reductions of outputs that no later layer takes are left out.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import (
    ConvNorm,
    FactorisedReduction,
    Head,
    Output,
    Pool,
    SeparableConvNorm,
)
from nas_lib.spaces.enas_macro import MacroOperation, MacroPlan, pools_after


class MacroNetwork(ImageNetwork):
    """The stem, the layers with the reductions between them, and a linear classifier."""

    def __init__(
        self,
        plan: MacroPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self._skips = [layer.skips for layer in plan.layers]
        filters = plan.filters
        self.stem = ConvNorm(image_channels, filters, window=3)
        self.layers = nn.ModuleList()
        # Section 2.3: after each of the first two thirds, half the size and twice the channels.
        self.reductions = nn.ModuleDict()  # by the layer before them, from 0
        for number, layer in enumerate(plan.layers):
            self.layers.append(
                _Layer(layer.operation, filters, num_skips=len(layer.skips), is_first=number == 0)
            )
            if number in pools_after(len(plan.layers)):
                self.reductions[str(number)] = _Reductions(self._taken_after(number), filters)
                filters *= 2  # in networks of their own only: shared weights keep theirs
        self.head = Head(filters, num_classes, dropout=regularisation.dropout)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        outputs = {0: Output(self.stem(images_BCHW))}  # by number: 0 the stem, i layer i
        for number, (skips, layer) in enumerate(zip(self._skips, self.layers, strict=True)):
            outputs[number + 1] = layer(outputs[number], [outputs[skip] for skip in skips])
            if str(number) in self.reductions:  # all outputs have the same size at any time
                outputs = self.reductions[str(number)](outputs)
        logits_BK: Tensor = self.head(outputs[len(self.layers)].raw)
        return logits_BK

    def _taken_after(self, number: int) -> list[int]:
        """Return the outputs up to a layer's (from 0) that later layers take, ascending."""
        # The next layer takes this layer's output whatever it skips to.
        later = {skip for skips in self._skips[number + 1 :] for skip in skips}
        return sorted(skip for skip in {*later, number + 1} if skip <= number + 1)


class _Layer(nn.Module):
    """An operation on the previous output, joined with what else the layer takes."""

    def __init__(
        self, operation: MacroOperation, filters: int, *, num_skips: int, is_first: bool
    ) -> None:
        super().__init__()
        self.narrow = ConvNorm(filters, filters)
        self.operation = _operation(operation, filters)
        # Shared weights add what is skipped to; here a 1x1 convolution weighs it, as in the code.
        self.join = None if is_first else ConvNorm((1 + num_skips) * filters, filters)

    def forward(self, last: Output, skipped: list[Output]) -> Output:
        x_BCHW: Tensor = self.operation(self.narrow(last.active))  # [B, filters, H, W]
        if self.join is None:
            return Output(x_BCHW)
        joined = [*(output.active for output in skipped), F.relu(x_BCHW)]
        # [B, (1 + num_skips) x filters, H, W] to [B, filters, H, W]
        return Output(self.join(torch.cat(joined, dim=1)))


class _Reductions(nn.Module):
    """Half the size of outputs, each by weights of its own."""

    def __init__(self, numbers: Iterable[int], filters: int) -> None:
        super().__init__()
        self.of = nn.ModuleDict(
            {str(number): FactorisedReduction(filters, 2 * filters) for number in numbers}
        )

    def forward(self, outputs: dict[int, Output]) -> dict[int, Output]:
        return {
            int(number): Output(reduction(outputs[int(number)].raw))
            for number, reduction in self.of.items()
        }


def _operation(operation: MacroOperation, filters: int) -> nn.Module:
    """Return the second half of a layer's operation, after the 1x1 convolution."""
    match operation:
        case "avg3" | "max3":
            return Pool(operation)
        case "conv3" | "conv5":
            return nn.Sequential(nn.ReLU(), ConvNorm(filters, filters, window=int(operation[-1])))
        case "sep3" | "sep5":
            window = int(operation[-1])
            return nn.Sequential(nn.ReLU(), SeparableConvNorm(filters, filters, window=window))
