"""How a search judges its proposals, and when it is done: one class for each kind of `search`.

A new one is its settings in `nas_lib.config`, which name it, a module here, and its `Reporter`.
"""

from __future__ import annotations

from typing import Any

from nas_lib.config import SearchConfig
from nas_lib.config.procedures import PROCEDURES
from nas_lib.errors import ConfigError
from nas_lib.named_objects import imported
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.procedure import PipelineForm, Preview, Procedure, Recommended, Stage

__all__ = [
    "Listener",
    "PipelineForm",
    "Preview",
    "Procedure",
    "Recommended",
    "Stage",
    "pipeline_form",
    "pipeline_forms",
    "procedure_of",
]


def procedure_of(config: SearchConfig) -> Procedure[Any]:
    """Return the procedure of a search."""
    procedure: Procedure[Any] = imported(config.search.procedure)(config.search)
    return procedure


def pipeline_forms() -> tuple[PipelineForm, ...]:
    """Return those of all procedures that run on Kubeflow."""
    forms = (imported(settings.procedure).form for settings in PROCEDURES.values())
    return tuple(form for form in forms if form is not None)


def pipeline_form(config: SearchConfig) -> PipelineForm:
    """Return that of a search's procedure.

    Raises:
        ConfigError: It does not run on Kubeflow.
    """
    form = procedure_of(config).form
    if form is None:
        raise ConfigError(
            f"search.kind {config.search.kind} has no pipeline on Kubeflow: run it by `nas search`"
        )
    return form
