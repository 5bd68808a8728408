"""What a score of images with labels is, any number of them each.

Scores are as scikit-learn has them, and tested to be; a label is told where its probability is
above one half.

Letters: N images, B of them in a batch, K labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from nas_lib.results.measure import AUC, EXACT_MATCH, MACRO_F1, MEAN_AVERAGE_PRECISION, MICRO_F1
from nas_lib.tasks.images.raw import Targets
from nas_lib.tasks.images.scoring import Scoring, Scorings, mean_area

if TYPE_CHECKING:
    from torch import Tensor


def average_precisions(logits_NK: Tensor, y_NK: Tensor) -> list[float | None]:
    """Return the average precision of each label, None of one that no image has.

    It is the mean over the images that have the label of the precision among all that it is at
    least as probable of: sum of (R_n - R_{n-1}) P_n over thresholds, without interpolation.
    """
    return [
        _average_precision(logits_N, y_N.bool()) if y_N.any() else None
        for logits_N, y_N in zip(logits_NK.T, y_NK.T, strict=True)
    ]


def _average_precision(logits_N: Tensor, has_it_N: Tensor) -> float:
    order_N = logits_N.argsort(descending=True)
    sorted_N, right_N = logits_N[order_N], has_it_N[order_N].cumsum(0).double()
    # images of one probability are told together: the last of them counts
    is_last_N = sorted_N[1:] != sorted_N[:-1]
    last = [*is_last_N.nonzero().flatten().tolist(), len(sorted_N) - 1]
    right_M = right_N[last]
    before_M = right_M.roll(1)
    before_M[0] = 0.0
    told_M = right_M.new_tensor(last) + 1
    return float(((right_M - before_M) * right_M / told_M).sum().item() / right_N[-1].item())


def _logits(logits_BK: Tensor, y_BK: Tensor) -> Tensor:
    return logits_BK


def _is_told(logits_BK: Tensor, y_BK: Tensor) -> Tensor:
    return logits_BK > 0


def _is_all_right(logits_BK: Tensor, y_BK: Tensor) -> Tensor:
    return ((logits_BK > 0) == y_BK.bool()).all(dim=1)


def _mean_average_precision(logits_NK: Tensor, y_NK: Tensor, num_labels: int) -> float:
    if not bool(logits_NK.isfinite().all()):
        return math.nan
    known = [each for each in average_precisions(logits_NK, y_NK) if each is not None]
    return math.fsum(known) / len(known) if known else math.nan


def counts_of(told_NK: Tensor, y_NK: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each label how many images have it and are told to, have it, and are told to."""
    y_NK = y_NK.bool()
    found = (told_NK & y_NK, y_NK, told_NK)
    right_K, true_K, told_K = (each.sum(dim=0).double() for each in found)
    return right_K, true_K, told_K


def _macro_f1(told_NK: Tensor, y_NK: Tensor, num_labels: int) -> float:
    """Return the mean of 2 right / (true + told) over the labels of which there is one of these."""
    right_K, true_K, told_K = counts_of(told_NK, y_NK)
    is_there_K = true_K + told_K > 0
    return float((2 * right_K / (true_K + told_K))[is_there_K].mean().item())


def _micro_f1(told_NK: Tensor, y_NK: Tensor, num_labels: int) -> float:
    right_K, true_K, told_K = counts_of(told_NK, y_NK)
    return float((2 * right_K.sum() / (true_K + told_K).sum()).item())


def _mean_auc(logits_NK: Tensor, y_NK: Tensor, num_labels: int) -> float:
    return mean_area(logits_NK.double(), y_NK.bool())


def _share(is_right_N: Tensor, y_NK: Tensor, num_labels: int) -> float:
    return float(is_right_N.sum().item() / len(is_right_N))


def _some_labels(labels_NK: Targets) -> str:
    return "" if np.any(labels_NK) else "with labels, got none that has one"


def _both(labels_NK: Targets) -> str:
    has_K = np.asarray(labels_NK).sum(axis=0)
    if ((has_K > 0) & (has_K < len(labels_NK))).any():
        return ""
    return "with a label and some without it, got no label of which there are both"


LABEL_SCORINGS: Final[Scorings] = {
    "mean_average_precision": Scoring(
        MEAN_AVERAGE_PRECISION,
        _logits,
        _mean_average_precision,
        "Mean average precision is the mean over labels of the average precision: how many of the "
        "images that a label is at least as probable of have it, on average over those that have "
        "it. Chance has the share of images that have the label.",
        "the mean over labels",
        min_classes=1,
        missing=_some_labels,
    ),
    "macro_f1": Scoring(
        MACRO_F1,
        _is_told,
        _macro_f1,
        "Macro F1 is the mean over labels of the harmonic mean of precision and recall: a rare "
        "label counts as much as a common one.",
        "the mean over labels",
        min_classes=1,
        missing=_some_labels,
    ),
    "micro_f1": Scoring(
        MICRO_F1,
        _is_told,
        _micro_f1,
        "Micro F1 is the harmonic mean of precision and recall of all labels of all images "
        "together: a common label counts more than a rare one.",
        "of all labels together",
        min_classes=1,
        missing=_some_labels,
    ),
    "auc": Scoring(
        AUC,
        _logits,
        _mean_auc,
        "AUC is the area under the ROC curve, the mean over labels: how often an image with a "
        "label is given a higher probability of it than one without. Chance has 50 %.",
        "the mean over labels",
        min_classes=1,
        missing=_both,
    ),
    "exact_match": Scoring(
        EXACT_MATCH,
        _is_all_right,
        _share,
        "Exact match is the share of images of which all labels are told rightly, those that they "
        "have and those that they have not.",
        "all labels of an image at once",
        min_classes=1,
    ),
}
"""Of labels, by `task.score`."""
