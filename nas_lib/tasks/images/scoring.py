"""What a score of images in classes is: nobody else asks which one a search goes by.

Scores are as scikit-learn has them, and tested to be, but computed where the logits are: its own
AUC takes 2.6 % of an epoch of the digits, in place of 0.2 %, and to import it 0.9 s a process.

Letters: N images, B of them in a batch, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nas_lib.config.tasks import ImageScore
from nas_lib.records import Metric
from nas_lib.results.measure import ACCURACY, AUC, BALANCED_ACCURACY, MACRO_F1, TOP_5, Measure
from nas_lib.tasks.images.raw import Targets

if TYPE_CHECKING:
    from torch import Tensor

_TOP = 5


def _nothing(labels_N: Targets) -> str:
    return ""


@dataclass(frozen=True)
class Scoring:
    """How well it is told what images are.

    Attributes:
        measure: What a score is.
        told: What the logits `[B, K]` of a batch and its classes `[B]` tell, `[B, ...]`: all that
            the score takes of them. Of labels these are `[B, K]`; of a number K is 1.
        score: The score of what all batches told, `[N, ...]`, of the classes `[N]`, and of K; not a
            number where there is none.
        about: A sentence on it; empty where everybody knows it.
        how: The same in a few words.
        min_classes: It says nothing of fewer.
        missing: Says which images a part would need, whose classes these are; empty where it has
            them.
    """

    measure: Measure
    told: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor, int], float]
    about: str = ""
    how: str = ""
    min_classes: int = 2
    missing: Callable[[Targets], str] = _nothing

    def of(self, logits_NK: Tensor, y_N: Tensor) -> float:
        """Return the score of all logits at once."""
        return self.score(self.told(logits_NK, y_N), y_N, logits_NK.shape[1])

    def misfit(self, part: str, labels_N: Targets, *, num_classes: int) -> str:
        """Say why some images can have no such score; empty if they can.

        Args:
            part: Which images: validation or test.
            labels_N: Their classes, or what else is told of them.
            num_classes: Classes that there are to tell apart.
        """
        name = self.measure.noun
        if num_classes < self.min_classes:
            return f"{name} is for {self.min_classes} classes or more, got {num_classes}"
        missing = self.missing(labels_N)
        return f"{name} needs {part} images {missing}" if missing else ""


Scorings = Mapping[ImageScore, Scoring]


def other_metrics(
    score: ImageScore, logits_NK: Tensor, y_N: Tensor, scorings: Scorings | None = None
) -> Iterator[Metric]:
    """Yield what images come to by each other measure than that of their score, if it is one.

    Args:
        score: Their score.
        logits_NK: What a network says of them.
        y_N: What is right.
        scorings: The measures; unless they are said those of classes.
    """
    for name, scoring in (scorings or SCORINGS).items():
        if name == score or logits_NK.shape[1] < scoring.min_classes:
            continue
        value = scoring.of(logits_NK, y_N)
        if math.isfinite(value):
            yield Metric(scoring.measure.noun, value, scoring.how)


def _is_right(logits_BK: Tensor, y_B: Tensor) -> Tensor:
    return logits_BK.argmax(dim=1) == y_B


def _is_among_the_first(logits_BK: Tensor, y_B: Tensor) -> Tensor:
    return (logits_BK.topk(_TOP).indices == y_B[:, None]).any(dim=1)


def _two_classes(labels_N: Targets) -> str:
    there = len(np.unique(labels_N))
    return "" if there > 1 else "of two classes or more, got those of one"


def _class_told(logits_BK: Tensor, y_B: Tensor) -> Tensor:
    return logits_BK.argmax(dim=1)


def _logits(logits_BK: Tensor, y_B: Tensor) -> Tensor:
    return logits_BK


def _share(is_right_N: Tensor, y_N: Tensor, num_classes: int) -> float:
    """Return which share of the images is right."""
    return float(is_right_N.sum().item() / len(is_right_N))


def _mean_recall(told_N: Tensor, y_N: Tensor, num_classes: int) -> float:
    """Return the mean share of a class's examples that are told to be of it.

    Classes without images here are left out.
    """
    right_K, true_K, _ = _counts(told_N, y_N, num_classes)
    is_there_K = true_K > 0
    return float((right_K[is_there_K] / true_K[is_there_K]).mean().item())


def _mean_f1(told_N: Tensor, y_N: Tensor, num_classes: int) -> float:
    """Return the mean over classes of 2 right / (true + told).

    A class without images here counts as 0 where some are told to be of it, else it is left out.
    """
    right_K, true_K, told_K = _counts(told_N, y_N, num_classes)
    is_there_K = true_K + told_K > 0
    return float((2 * right_K / (true_K + told_K))[is_there_K].mean().item())


def _counts(told_N: Tensor, y_N: Tensor, num_classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each class how many images are told rightly, are of it, and are told to be."""
    found = (y_N[told_N == y_N], y_N, told_N)
    right_K, true_K, told_K = (each.bincount(minlength=num_classes).double() for each in found)
    return right_K, true_K, told_K


def _mean_auc(logits_NK: Tensor, y_N: Tensor, num_classes: int) -> float:
    """Return the mean over classes of the area under the ROC curve of one against the rest.

    Of two classes both areas are the same. Classes of which no image is here, or all are, are left
    out; so are columns behind the classes, which only take their share of the probability.
    """
    from torch.nn.functional import one_hot

    probability_NK = logits_NK.double().softmax(dim=1)[:, :num_classes]
    return mean_area(probability_NK, one_hot(y_N, num_classes).bool())


def mean_area(probability_NK: Tensor, is_there_NK: Tensor) -> float:
    """Return the mean over classes or labels of the area under the ROC curve.

    It is the share of pairs, an image of the class and one of the rest, of which the class is more
    probable in the first; half of those in which it is as probable. Those that no image has, or
    all have, are left out; where that leaves none, or a probability is no number, there is none.
    """
    import torch

    probability_KN = probability_NK.T.contiguous()
    areas = []
    for is_of_it_N, probability_N in zip(is_there_NK.T, probability_KN, strict=True):
        if not 0 < int(is_of_it_N.sum()) < len(is_of_it_N):
            continue
        rest = probability_N[~is_of_it_N].sort().values
        own = probability_N[is_of_it_N]
        below, not_above = (torch.searchsorted(rest, own, right=right) for right in (False, True))
        areas.append((below + not_above).double().mean() / (2 * len(rest)))
    is_known = bool(probability_KN.isfinite().all()) and bool(areas)
    return float(torch.stack(areas).mean().item()) if is_known else math.nan


SCORINGS: Final[dict[ImageScore, Scoring]] = {
    "accuracy": Scoring(ACCURACY, _is_right, _share),
    "balanced_accuracy": Scoring(
        BALANCED_ACCURACY,
        _class_told,
        _mean_recall,
        "Balanced accuracy is the mean over classes of the share of a class's images that are told "
        "rightly: a rare class counts as much as a common one.",
        "the mean over classes",
    ),
    "macro_f1": Scoring(
        MACRO_F1,
        _class_told,
        _mean_f1,
        "Macro F1 is the mean over classes of the harmonic mean of precision and recall: a rare "
        "class counts as much as a common one, and examples wrongly told to be of it count "
        "against it.",
        "the mean over classes",
    ),
    "top_5": Scoring(
        TOP_5,
        _is_among_the_first,
        _share,
        "Top-5 accuracy is the share of examples whose class is among the five most probable ones.",
        min_classes=_TOP + 1,
    ),
    "auc": Scoring(
        AUC,
        _logits,
        _mean_auc,
        "AUC is the area under the ROC curve, the mean over classes of one against the rest: how "
        "often an example of a class gets a higher probability of it than one of another class. "
        "Chance has 50 %.",
        "each class against the rest, the mean over classes",
        missing=_two_classes,
    ),
}
"""Of classes, by `task.score`."""
