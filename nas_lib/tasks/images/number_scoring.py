"""What a score of images with a number is.

Letters: N images, B of them in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nas_lib.records import Metric
from nas_lib.results.measure import RELATIVE_MSE
from nas_lib.tasks.images.scoring import Scoring, Scorings

if TYPE_CHECKING:
    from torch import Tensor


def _values(outputs_B1: Tensor, y_B: Tensor) -> Tensor:
    return outputs_B1[:, 0]


def _mean_square(told_N: Tensor, y_N: Tensor, num_outputs: int) -> float:
    return float((told_N.double() - y_N.double()).square().mean().item())


def metrics_of(told_N: Tensor, true_N: Tensor) -> Iterator[Metric]:
    """Yield errors in the user's own unit, and how much of the variance is told.

    Args:
        told_N: Numbers as they were told, float64.
        true_N: As they are.
    """
    error_N = told_N - true_N
    square = error_N.square().mean()
    yield Metric("RMSE", float(square.sqrt()), "root of the mean squared error, in their own unit")
    yield Metric("MAE", float(error_N.abs().mean()), "mean absolute error, in their own unit")
    yield Metric("MSE", float(square), "mean squared error, in their own unit squared")
    variance = (true_N - true_N.mean()).square().mean()
    if variance > 0:
        how = "1 less the squared error over the variance of these numbers"
        yield Metric("R2", float(1 - square / variance), how)


NUMBER_SCORINGS: Final[Scorings] = {
    "mse": Scoring(
        RELATIVE_MSE,
        _values,
        _mean_square,
        "Relative MSE is the mean squared error over the variance of the training numbers: the "
        "lower, the better; who always tells their mean has about 1.",
        min_classes=1,
    ),
}
"""Of numbers, by `task.score`."""
