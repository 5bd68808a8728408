"""What is learnt, from which data, and how it is judged: a folder per task."""

from __future__ import annotations

from nas_lib.config import SearchConfig
from nas_lib.tasks.images.task import ImageTask
from nas_lib.tasks.own import OwnTask
from nas_lib.tasks.series.task import SeriesTask
from nas_lib.tasks.task import Evaluate, Judged, Task
from nas_lib.tasks.text.task import TextTask
from nas_lib.tasks.translation.task import TranslationTask

__all__ = [
    "Evaluate",
    "ImageTask",
    "Judged",
    "OwnTask",
    "SeriesTask",
    "Task",
    "TextTask",
    "TranslationTask",
    "task_of",
]

TASKS: dict[str, type[Task]] = {
    "images": ImageTask,
    "series": SeriesTask,
    "text": TextTask,
    "translation": TranslationTask,
    "own": OwnTask,
}
"""By the kind of the children that are trained for them."""


def task_of(config: SearchConfig, *, evaluate: Evaluate | None = None) -> Task:
    """Return what a search's networks learn.

    Args:
        config: The search's configuration.
        evaluate: The user's own evaluation, where the configuration says `inline`.

    Raises:
        ConfigError: The user's own evaluation cannot be found.
    """
    return TASKS[config.children.kind](config, evaluate=evaluate)
