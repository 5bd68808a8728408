"""Verdicts: what searches have come to, as plain numbers. Nothing here draws or words them."""

from __future__ import annotations

from nas_lib.results.agreement import Correlation, Derivation, best_kept, derivation
from nas_lib.results.comparison import Comparison, compare
from nas_lib.results.measure import ACCURACY, BITS, BLEU, OWN, PERPLEXITY, Measure
from nas_lib.results.ranking import (
    TOPS,
    by_time,
    leaderboard,
    mean_reward,
    score_of,
    scores,
    top_k_mean,
    winner,
)
from nas_lib.results.replicas import ReplicaSummary, Staleness, replica_summaries
from nas_lib.results.shared_progress import SharedProgress, shared_progress
from nas_lib.results.standings import Standing, standings
from nas_lib.results.view import DataSummary, SearchView

__all__ = [
    "ACCURACY",
    "BITS",
    "BLEU",
    "OWN",
    "PERPLEXITY",
    "TOPS",
    "Comparison",
    "Correlation",
    "DataSummary",
    "Derivation",
    "Measure",
    "ReplicaSummary",
    "SearchView",
    "SharedProgress",
    "Staleness",
    "Standing",
    "best_kept",
    "by_time",
    "compare",
    "derivation",
    "leaderboard",
    "mean_reward",
    "replica_summaries",
    "score_of",
    "scores",
    "shared_progress",
    "standings",
    "top_k_mean",
    "winner",
]


def __dir__() -> list[str]:
    return __all__
