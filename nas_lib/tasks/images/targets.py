"""What is told of images, a class, labels or a number: nobody else asks which of them.

Each knows its scores, its loss, what is stored of it, and what a test comes to.

Letters: N images, B of them in a batch, K classes or labels; of a number K is 1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import numpy.typing as npt

from nas_lib.config import ImageChildrenConfig, ImageTarget
from nas_lib.config.tasks import ImageScore
from nas_lib.errors import DataError, one_line
from nas_lib.records import LabelReading
from nas_lib.tasks.images.imbalance import class_weights, label_weights
from nas_lib.tasks.images.label_scoring import LABEL_SCORINGS, average_precisions, counts_of
from nas_lib.tasks.images.number_scoring import NUMBER_SCORINGS, metrics_of
from nas_lib.tasks.images.raw import RawImages, Targets
from nas_lib.tasks.images.scoring import SCORINGS, Scoring, Scorings, other_metrics
from nas_lib.tasks.trained import Tested

if TYPE_CHECKING:
    from torch import Tensor

    from nas_lib.tasks.images.batches import ImageTensors
    from nas_lib.tasks.images.preparation import ImageManifest

_LEAST_DEVIATION: Final = 1e-5
_MOST_PAIRS: Final = 2000  # of a number as it is and as it was told: what a chart has room for


class Target(ABC):
    """What is told of an image.

    Attributes:
        scorings: Its scores.
        dtype: Of what is stored of it, as torch calls it.
    """

    scorings: ClassVar[Scorings]
    dtype: ClassVar[str]

    def shape(self, num_outputs: int) -> tuple[int, ...]:
        """Return the shape of what is stored of one image."""
        return ()

    def below(self, num_outputs: int) -> int:
        """Return what all that is stored is below, 0 where it may be anything."""
        return 0

    def scale(self, raw: RawImages, train: Targets) -> tuple[float, float]:
        """Return mean and deviation that are taken out of numbers before they are stored.

        Args:
            raw: What was read.
            train: What is told of the images to train on.

        Raises:
            DataError: There is nothing to learn in them.
        """
        return 0.0, 1.0

    def stored(self, labels: Targets, scale: tuple[float, float]) -> Targets:
        """Return what is stored of images."""
        return labels

    @abstractmethod
    def describe(self, manifest: ImageManifest) -> str:
        """Say in a few words what there is to tell, after `images of 8x8x1`."""

    @abstractmethod
    def weights(
        self, children: ImageChildrenConfig, labels: Tensor, names: Sequence[str]
    ) -> Tensor | None:
        """Return what the loss weighs, as `loss` takes it; None for nothing."""

    @abstractmethod
    def loss(
        self, outputs_BK: Tensor, targets: Tensor, *, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Return the mean loss of a batch, a scalar.

        Args:
            outputs_BK: What a network says.
            targets: What is right; where images were mixed, shares of it.
            weights: As `weights` has them.
            smoothing: Share of each target that all classes have in equal parts.
        """

    @abstractmethod
    def total_loss(self, outputs_BK: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of the losses of a batch's images, without weights."""

    @abstractmethod
    def tested(
        self, score: ImageScore, outputs_NK: Tensor, images: ImageTensors, manifest: ImageManifest
    ) -> Tested:
        """Return what the outputs for test images come to."""

    def scoring(self, score: ImageScore) -> Scoring:
        """Return the score of this name."""
        return self.scorings[score]


class ClassTarget(Target):
    """One class of several."""

    scorings = SCORINGS
    dtype = "int64"

    def below(self, num_outputs: int) -> int:
        """Return the number of classes."""
        return num_outputs

    def describe(self, manifest: ImageManifest) -> str:
        """Say how many classes there are."""
        return f"in {manifest.num_classes:,} classes"

    def weights(
        self, children: ImageChildrenConfig, labels: Tensor, names: Sequence[str]
    ) -> Tensor | None:
        """Return a weight for each class, `[K]`."""
        return class_weights(children, labels, names)

    def loss(
        self, outputs_BK: Tensor, targets: Tensor, *, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Return the mean cross-entropy."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs_BK, targets, weight=weights, label_smoothing=smoothing)

    def total_loss(self, outputs_BK: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of cross-entropies."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs_BK, targets, reduction="sum")

    def tested(
        self, score: ImageScore, outputs_NK: Tensor, images: ImageTensors, manifest: ImageManifest
    ) -> Tested:
        """Return what was taken for what, and the surest mistakes."""
        from nas_lib.tasks.images.mistakes import surest_mistakes

        classes_N = outputs_NK.argmax(dim=1).tolist()
        pairs = Counter(zip(images.labels.tolist(), classes_N, strict=True))
        return Tested(
            self.scoring(score).of(outputs_NK, images.labels),
            tuple((*pair, pairs[pair]) for pair in sorted(pairs)),
            tuple(other_metrics(score, outputs_NK, images.labels)),
            mistakes=surest_mistakes(outputs_NK, images),
        )


class LabelsTarget(Target):
    """Any number of labels."""

    scorings = LABEL_SCORINGS
    dtype = "uint8"

    def shape(self, num_outputs: int) -> tuple[int, ...]:
        """Return that of one 0 or 1 for each label."""
        return (num_outputs,)

    def below(self, num_outputs: int) -> int:
        """Return 2: a label is there or not."""
        return 2

    def describe(self, manifest: ImageManifest) -> str:
        """Say how many labels there are."""
        return f"with up to {manifest.num_classes:,} labels each"

    def weights(
        self, children: ImageChildrenConfig, labels: Tensor, names: Sequence[str]
    ) -> Tensor | None:
        """Return what the absence of each label weighs, and its presence, `[2, K]`."""
        return label_weights(children, labels, names)

    def loss(
        self, outputs_BK: Tensor, targets: Tensor, *, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Return the binary cross-entropy, the sum over labels and the mean over images.

        By their mean the gradient would shrink with their number, and the usual rate be too low.
        """
        from torch.nn.functional import binary_cross_entropy_with_logits

        there_BK = targets.to(outputs_BK.dtype)
        if smoothing:
            there_BK = there_BK * (1 - smoothing) + smoothing / 2
        absent_K, present_K = (None, None) if weights is None else weights
        mean = binary_cross_entropy_with_logits(
            outputs_BK,
            there_BK,
            weight=absent_K,
            pos_weight=None if present_K is None else present_K / absent_K,
        )
        return outputs_BK.shape[1] * mean

    def total_loss(self, outputs_BK: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over images and labels."""
        return len(targets) * self.loss(outputs_BK, targets, weights=None, smoothing=0.0)

    def tested(
        self, score: ImageScore, outputs_NK: Tensor, images: ImageTensors, manifest: ImageManifest
    ) -> Tested:
        """Return how well each label is told, and the surest mistakes."""
        import torch

        from nas_lib.tasks.images.mistakes import surest_label_mistakes

        counts_K3 = torch.stack(counts_of(outputs_NK > 0, images.labels), dim=1)
        precisions = average_precisions(outputs_NK, images.labels)
        readings = (
            LabelReading(int(true), int(told), int(right), precision)
            for (right, true, told), precision in zip(counts_K3.tolist(), precisions, strict=True)
        )
        return Tested(
            self.scoring(score).of(outputs_NK, images.labels),
            metrics=tuple(other_metrics(score, outputs_NK, images.labels, self.scorings)),
            labels=tuple(readings),
            mistakes=surest_label_mistakes(outputs_NK, images),
        )


class NumberTarget(Target):
    """A number; networks tell it in deviations from the mean of the training images'."""

    scorings = NUMBER_SCORINGS
    dtype = "float32"

    def scale(self, raw: RawImages, train: Targets) -> tuple[float, float]:
        """Return mean and deviation of the training numbers."""
        mean, std = float(np.mean(train)), float(np.std(train))
        if std <= _LEAST_DEVIATION * abs(mean):
            raise DataError(
                f"{raw.source}: the {len(train):,} training numbers, such as {train[0]:.10g}, "
                f"differ by {std:.3g} only: expected a deviation above {_LEAST_DEVIATION:g} of "
                "their mean, as networks have some 7 digits; take a constant off all of them"
            )
        return mean, std

    def stored(self, labels: Targets, scale: tuple[float, float]) -> npt.NDArray[np.float32]:
        """Return how many deviations each number is from the mean."""
        mean, std = scale
        return ((labels - mean) / std).astype(np.float32)

    def describe(self, manifest: ImageManifest) -> str:
        """Say what the number is called, and what numbers there are."""
        name, mean, std = manifest.class_names[0], manifest.target_mean, manifest.target_std
        return f"with a number each ({one_line(name, 40)}: mean {mean:.4g}, deviation {std:.4g})"

    def weights(
        self, children: ImageChildrenConfig, labels: Tensor, names: Sequence[str]
    ) -> Tensor | None:
        """Return nothing: each number weighs as much."""
        return None

    def loss(
        self, outputs_BK: Tensor, targets: Tensor, *, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Return the mean squared error."""
        from torch.nn.functional import mse_loss

        return mse_loss(outputs_BK[:, 0], targets)

    def total_loss(self, outputs_BK: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of squared errors."""
        from torch.nn.functional import mse_loss

        return mse_loss(outputs_BK[:, 0], targets, reduction="sum")

    def tested(
        self, score: ImageScore, outputs_NK: Tensor, images: ImageTensors, manifest: ImageManifest
    ) -> Tested:
        """Return errors in the user's own unit, numbers and what was told, and the worst of it."""
        from nas_lib.tasks.images.mistakes import largest_mistakes

        told_N, true_N = (
            each.double().cpu() * manifest.target_std + manifest.target_mean
            for each in (outputs_NK[:, 0], images.labels)
        )
        if not bool(told_N.isfinite().all()):
            return Tested(math.nan)
        num = min(_MOST_PAIRS, len(true_N))
        rows = np.arange(num) * len(true_N) // num
        return Tested(
            self.scoring(score).of(outputs_NK, images.labels),
            metrics=tuple(metrics_of(told_N, true_N)),
            numbers=tuple((float(true_N[row]), float(told_N[row])) for row in rows.tolist()),
            mistakes=largest_mistakes(told_N, true_N, images),
        )


TARGETS: Final[Mapping[ImageTarget, Target]] = {
    "class": ClassTarget(),
    "labels": LabelsTarget(),
    "number": NumberTarget(),
}
"""By `task.target`."""
