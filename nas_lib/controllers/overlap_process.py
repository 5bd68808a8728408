"""A Gaussian process over token sequences: what a result says of architectures that resemble it.

Two architectures resemble each other by how many tokens they have in common: the covariance is
exp(-rate * distance), with the number of tokens in which they differ (Hamming) as the distance.
Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", chapters 2.2 and 5.4.

Letters in names: N results, C candidates, F features, H pairs of hyperparameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nas_lib.controllers.encoding import Features
from nas_lib.controllers.memory import Rewards

_RATES = (0.3, 1.0, 2.0, 4.0, 8.0, 16.0)
"""What is tried, for architectures that differ in all tokens."""

_NOISES = (0.001, 0.03, 0.1, 0.3, 0.6)
"""What is tried: the variance of a result by itself, where what results share has 1."""


class Hyperparameters(NamedTuple):
    """How far a result tells of others.

    Attributes:
        rate: By which covariance falls with each token that differs.
        noise: Variance of a result by itself, as a share of the variance that they have in common.
    """

    rate: float
    noise: float


def most_likely(features_NF: Features, scores_N: Rewards, *, num_tokens: int) -> Hyperparameters:
    """Return those of a grid under which these results are most likely.

    Args:
        features_NF: As `encoding.one_hot` has them.
        scores_N: Of mean 0.
        num_tokens: In which architectures may differ.
    """
    grid_H = [Hyperparameters(rate / num_tokens, noise) for rate, noise in product(_RATES, _NOISES)]
    distance_NN = _distances(torch.from_numpy(features_NF), torch.from_numpy(features_NF)).double()
    scores_N1 = torch.from_numpy(scores_N)[:, None]
    rate_H, noise_H = torch.tensor(grid_H, dtype=torch.float64).T
    covariance_HNN = torch.exp(-rate_H[:, None, None] * distance_NN)
    covariance_HNN.diagonal(dim1=1, dim2=2).add_(noise_H[:, None])
    factor_HNN = torch.linalg.cholesky(covariance_HNN)
    scores_HN1 = scores_N1.expand(len(grid_H), -1, 1)
    white_HN1 = torch.linalg.solve_triangular(factor_HNN, scores_HN1, upper=False)
    # The variance that all have in common is the likeliest one, in closed form.
    log_variance_H = white_HN1.square().mean((1, 2)).log()
    log_factor_H = factor_HNN.diagonal(dim1=1, dim2=2).log().sum(1)
    likelihood_H = -0.5 * len(scores_N) * log_variance_H - log_factor_H
    return grid_H[int(likelihood_H.argmax())]


@dataclass(frozen=True, eq=False)
class OverlapProcess:
    """What results say of others.

    Attributes:
        features_NF: Of the results.
        weights_N: With which each result's covariance adds to a mean.
        factor_NN: Of the results' covariance with its noise, by Cholesky.
        variance: That results have in common.
        hyperparameters: How far a result tells of others.
    """

    features: Tensor
    weights: Tensor
    factor: Tensor
    variance: float
    hyperparameters: Hyperparameters

    @classmethod
    def of(
        cls, features_NF: Features, scores_N: Rewards, hyperparameters: Hyperparameters
    ) -> OverlapProcess:
        """Return what these results say; their scores have mean 0."""
        given_NF = torch.from_numpy(features_NF)
        rate, noise = hyperparameters
        covariance_NN = torch.exp(-rate * _distances(given_NF, given_NF))
        covariance_NN.diagonal().add_(noise)
        factor_NN = torch.linalg.cholesky(covariance_NN)
        scores_N1 = torch.from_numpy(scores_N.astype(np.float32))[:, None]
        white_N1 = torch.linalg.solve_triangular(factor_NN, scores_N1, upper=False)
        weights_N = torch.linalg.solve_triangular(factor_NN.T, white_N1, upper=True)[:, 0]
        return cls(given_NF, weights_N, factor_NN, white_N1.square().mean().item(), hyperparameters)

    def mean(self, features_CF: Features) -> Tensor:
        """Return what is expected of candidates, `[C]`."""
        return self._covariance(torch.from_numpy(features_CF), self.features) @ self.weights

    def covariance(self, features_CF: Features) -> Tensor:
        """Return how unsure that is and what of it they share, `[C, C]`, without `variance`."""
        wanted_CF = torch.from_numpy(features_CF)
        known_NC = self._covariance(self.features, wanted_CF)
        white_NC: Tensor = torch.linalg.solve_triangular(self.factor, known_NC, upper=False)
        return self._covariance(wanted_CF, wanted_CF) - white_NC.T @ white_NC

    def picked(self, features_CF: Features, num: int, *, exploration: float) -> list[int]:
        """Return the candidates that promise most, in the order in which they are picked.

        That is the upper confidence bound: the mean, and so many standard deviations. After each
        pick it is as if its score were known to be as expected: what it shares with others is no
        longer unsure of these (Desautels et al. 2014).
        """
        mean_C, covariance_CC = self.mean(features_CF), self.covariance(features_CF)
        left_C = torch.ones(len(mean_C), dtype=torch.bool)
        picked: list[int] = []
        for _ in range(min(num, len(mean_C))):
            unsure_C = (self.variance * covariance_CC.diagonal().clamp(min=1e-12)).sqrt()
            bound_C = (mean_C + exploration * unsure_C).where(left_C, -torch.inf)
            best = int(bound_C.argmax())
            left_C[best] = False
            picked.append(best)
            shared_C = covariance_CC[best]
            known = shared_C[best] + self.hyperparameters.noise
            covariance_CC = covariance_CC - torch.outer(shared_C, shared_C) / known
        return picked

    def _covariance(self, ones_AF: Tensor, others_BF: Tensor) -> Tensor:
        covariance_AB: Tensor = torch.exp(
            -self.hyperparameters.rate * _distances(ones_AF, others_BF)
        )
        return covariance_AB


def _distances(ones_AF: Tensor, others_BF: Tensor) -> Tensor:
    """Return in how many tokens `[A, B]` architectures differ.

    A token that only one of them has, of another depth, counts as half a difference: so the
    covariance stays one.
    """
    shared_AB = ones_AF @ others_BF.T
    return (ones_AF.sum(1)[:, None] + others_BF.sum(1)) / 2 - shared_AB
