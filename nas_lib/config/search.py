"""The whole document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from nas_lib.config.controllers import ControllerConfig, ReinforceConfig
from nas_lib.config.procedures import ProcedureConfig, RoundsConfig
from nas_lib.config.resources import ResourcesConfig
from nas_lib.config.tasks import ImageTaskConfig, TaskConfig
from nas_lib.config.training import ChildrenConfig, ImageChildrenConfig
from nas_lib.part import MAY_CHANGE, Part, by_kind
from nas_lib.spaces import CnnSpaceConfig, SpaceConfig

_TASKS = by_kind(TaskConfig)


class SearchConfig(Part):
    """A whole search."""

    name: str = Field(
        "search",
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        max_length=40,
        json_schema_extra=MAY_CHANGE,
    )
    seed: int = Field(0, ge=0, lt=2**63)
    task: TaskConfig = Field(default_factory=ImageTaskConfig)
    space: SpaceConfig = Field(default_factory=CnnSpaceConfig)
    controller: ControllerConfig = Field(default_factory=ReinforceConfig)
    children: ChildrenConfig = Field(default_factory=ImageChildrenConfig)
    search: ProcedureConfig = Field(default_factory=RoundsConfig)
    resources: ResourcesConfig = Field(
        default_factory=ResourcesConfig, json_schema_extra=MAY_CHANGE
    )

    @model_validator(mode="before")
    @classmethod
    def _name_kinds(cls, document: Any) -> Any:
        """Let a document leave out which kind a part is of where another part has said it."""
        return _with_kinds(document) if isinstance(document, Mapping) else document

    @model_validator(mode="after")
    def _fit_together(self) -> SearchConfig:
        for misfit in self._misfits():
            raise ValueError(misfit)
        return self

    def _misfits(self) -> Iterator[str]:
        """Yield what is right by itself and goes not with the other parts."""
        yield from self._misfits_of_controller()
        yield from self.children.misfits(self.task.kind, self.space)
        yield from self.search.misfits(self.task.kind, self.space, self.children)

    def _misfits_of_controller(self) -> Iterator[str]:
        policy = getattr(self.controller, "policy", None)
        bias, space = getattr(policy, "operation_bias", ()), self.space
        if bias and len(bias) != (space.num_options or len(bias)):
            yield (
                f"controller.policy.operation_bias should have {space.num_options} numbers "
                f"for space.kind {space.kind}, got {len(bias)}"
            )


def _with_kinds(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with the kinds of its parts that follow from the rest of it."""
    task = _with_kind(document.get("task", {}), "images")
    of_task = _kind_of(task)
    if of_task not in _TASKS:  # is refused; what would have followed from it is not at fault
        of_task = "images"
    children = document.get("children", {})
    is_own = isinstance(children, Mapping) and "evaluate" in children
    search = _with_kind(document.get("search", {}), "rounds")
    if _kind_of(search) == "shared" and isinstance(search, Mapping):
        search = {**search, "weights": _with_kind(search.get("weights", {}), of_task)}
    return {
        **document,
        "task": task,
        "children": _with_kind(children, "own" if is_own else of_task),
        "search": search,
    }


def _with_kind(part: Any, kind: str) -> Any:
    """Return a part with this kind, unless it says one, or is none that could."""
    return {"kind": kind, **part} if isinstance(part, Mapping) else part


def _kind_of(part: Any) -> str:
    kind = part.get("kind") if isinstance(part, Mapping) else getattr(part, "kind", "")
    return kind if isinstance(kind, str) else ""
