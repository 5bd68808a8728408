"""Stands in for Kubeflow's metrics artifact."""

from __future__ import annotations


class LoggedMetrics:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def log_metric(self, name: str, value: float) -> None:
        self.values[name] = value
