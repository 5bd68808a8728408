"""What is handed to Kubeflow for a search: arguments of the pipeline, names, descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas_lib import __version__, steps
from nas_lib.cluster.package import pipeline_of
from nas_lib.config import SearchConfig
from nas_lib.config.final import points
from nas_lib.config_file import as_preset
from nas_lib.errors import ConfigError
from nas_lib.named_objects import INLINE
from nas_lib.procedures import pipeline_form, procedure_of

SCHEDULED = "[[ScheduledTime]]"
"""In place of this, Kubeflow puts when each run of a schedule was due: 20261130030000, in UTC."""

_SCHEMES = ("s3://", "gs://", "az://")
_MOST_TASKS_OF_RUN = 120
"""Children of a run that are a task each: of more, Argo might not hold what became of them."""


@dataclass(frozen=True)
class Submission:
    """A search as Kubeflow is to run it.

    Kubeflow's runs have no labels: which search and replica a run is of, its name, its description
    and its arguments say.
    """

    search_uri: str
    config: SearchConfig
    arguments: Mapping[str, Any]
    """Of the pipeline, for every replica."""

    @property
    def pipeline(self) -> str:
        """Name of the pipeline that it runs in."""
        return pipeline_of(self.config)

    def title(self, replica: int) -> str:
        """Return what a run of this replica is called."""
        return f"{self.config.name} r{replica}"

    def description(self, replica: int) -> str:
        """Return where a run belongs, and who made it."""
        return (
            f"Replica {replica} of {self.config.search.replicas} of the search in "
            f"{self.search_uri}. Submitted by kfp-nas {__version__}."
        )

    def arguments_of(self, replica: int) -> dict[str, Any]:
        """Return the pipeline's arguments for this replica, where there are several."""
        which = {"replica": replica} if pipeline_form(self.config).has_replicas else {}
        return {**self.arguments, "search_uri": self.search_uri, **which}


def new_submission(
    search_uri: str, config: SearchConfig, options: Mapping[str, Any], *, per_run: int | None = None
) -> Submission:
    """Return the submission of a search with this configuration.

    Args:
        search_uri: Where it lies, or is to lie.
        config: All its settings, handed on as a preset and what differs from it.
        options: More arguments of the pipeline.
        per_run: Ticks, such as rounds, that a run may do; None is the form's default.

    Raises:
        ConfigError: Pods cannot reach the store, or something that the settings name.
    """
    name, overrides = as_preset(config)
    arguments = {**options, "preset": name, "overrides": overrides}
    return _submission(search_uri, config, arguments, per_run)


def fresh_submission(base_uri: str, config: SearchConfig, options: Mapping[str, Any]) -> Submission:
    """Return the submission of a schedule whose runs are a search each, on the data of its time.

    A run does the whole search. Children are Jobs where they are too many for tasks.

    Args:
        base_uri: The address that all these searches lie below.
        config: All settings of each search.
        options: More arguments of the pipeline.

    Raises:
        ConfigError: Models of such searches cannot follow one another, or as for `new_submission`.
    """
    steps.check_fresh(config)
    if config.search.replicas != 1:
        raise ConfigError(
            "of a search on fresh data one run does it all: search.replicas should be 1, got "
            f"{config.search.replicas}"
        )
    uri = f"{base_uri.rstrip('/')}/{SCHEDULED}"
    return new_submission(uri, _in_one_run(config), {**options, "fresh": True})


def _in_one_run(config: SearchConfig) -> SearchConfig:
    """Return settings by which a run can do a whole search and its final training."""
    procedure, final, fanout = procedure_of(config), config.final, config.resources.fanout
    networks = final.top + len(final.references)
    trainings = networks * final.seeds * len(points(final.grid)) + final.retrain
    num = procedure.num_children + procedure.num_again(config) + trainings
    if num <= _MOST_TASKS_OF_RUN or fanout not in (None, "tasks"):
        return config
    if fanout == "tasks":
        raise ConfigError(
            f"a run of a search on fresh data does all of it, {num:,} trainings: with "
            f"resources.fanout tasks there may be {_MOST_TASKS_OF_RUN}; expected jobs or pod"
        )
    resources = config.resources.model_copy(update={"fanout": "jobs"})
    return config.model_copy(update={"resources": resources})


def next_submission(
    search_uri: str,
    config: SearchConfig,
    changes: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    per_run: int | None = None,
) -> Submission:
    """Return the submission that goes on with the search that is stored there.

    Args:
        search_uri: Where it lies.
        config: Its settings, changes included.
        changes: What differs from what is stored, by dotted keys.
        options: More arguments of the pipeline.
        per_run: As for `new_submission`.

    Raises:
        ConfigError: As for `new_submission`.
    """
    arguments = {**options, "preset": "", "overrides": dict(changes)}
    return _submission(search_uri, config, arguments, per_run)


def check_reachable(search_uri: str) -> None:
    """Refuse a store that pods cannot reach.

    Raises:
        ConfigError: It is a folder of this machine, or in its memory.
    """
    if not search_uri.startswith(_SCHEMES):
        raise ConfigError(
            f"pods cannot reach the store {search_uri}: expected s3://, gs:// or az://"
        )


def _submission(
    search_uri: str, config: SearchConfig, arguments: Mapping[str, Any], per_run: int | None
) -> Submission:
    check_reachable(search_uri)
    named = {
        "space.object": getattr(config.space, "object", None),
        "children.evaluate": getattr(config.children, "evaluate", None),
    }
    if inline := [setting for setting, value in named.items() if value == INLINE]:
        raise ConfigError(
            f"{inline[0]} should be `module:name` of something in the image, got 'inline', which "
            "exists in one process only"
        )
    form = pipeline_form(config)
    if per_run is not None and not form.per_run:
        raise ConfigError(f"a run of the pipeline {form.name} does all that there is to do")
    number = form.per_run_default if per_run is None else per_run
    own = {**form.left_open, **({form.per_run: number} if form.per_run else {})}
    return Submission(search_uri.rstrip("/"), config, {**arguments, **own})
