"""The whole document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from nas_lib.bounds import Name
from nas_lib.config.controllers import AutoConfig, ControllerConfig
from nas_lib.config.final import FinalConfig, at_point, points
from nas_lib.config.notify import NotifyConfig
from nas_lib.config.procedures import ProcedureConfig, RoundsConfig
from nas_lib.config.resources import ResourcesConfig
from nas_lib.config.tasks import ImageTarget, ImageTaskConfig, TaskConfig
from nas_lib.config.training import ChildrenConfig, ImageChildrenConfig
from nas_lib.config.weights import WEIGHTS
from nas_lib.part import MAY_CHANGE, Part, by_kind
from nas_lib.spaces import CnnSpaceConfig, SpaceConfig

_TASKS = by_kind(TaskConfig)


class Misfit(NamedTuple):
    """What does not go together.

    Attributes:
        sections: Those that were looked at.
        sentence: What is wrong.
    """

    sections: tuple[str, ...]
    sentence: str


class MisfitsError(ValueError):
    """Sections are right by themselves and do not go together."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        super().__init__("; ".join(misfit.sentence for misfit in misfits))
        self.misfits = misfits


class SearchConfig(Part):
    """A whole search."""

    name: Name = Field("search", json_schema_extra=MAY_CHANGE)
    seed: int = Field(0, ge=0, lt=10**18)
    task: TaskConfig = Field(default_factory=ImageTaskConfig)
    space: SpaceConfig = Field(default_factory=CnnSpaceConfig)
    controller: ControllerConfig = Field(default_factory=AutoConfig)
    children: ChildrenConfig = Field(default_factory=ImageChildrenConfig)
    search: ProcedureConfig = Field(default_factory=RoundsConfig)
    final: FinalConfig = Field(default_factory=FinalConfig, json_schema_extra=MAY_CHANGE)
    resources: ResourcesConfig = Field(
        default_factory=ResourcesConfig, json_schema_extra=MAY_CHANGE
    )
    notify: NotifyConfig = Field(default_factory=NotifyConfig, json_schema_extra=MAY_CHANGE)

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Show what is searched for in a line; `nas_lib.config_file.to_yaml` shows all."""
        yield "name", self.name
        for section in ("space", "controller", "search"):
            yield section, getattr(self, section).kind

    def shown(self) -> SearchConfig:
        """Return this as people may see it, without what may be secret in addresses."""
        return self.model_copy(update={"notify": self.notify.shown()})

    def chosen(self, controller: ControllerConfig) -> ControllerConfig:
        """Return a controller for such a search, with the choice made if it is `auto`."""
        if not isinstance(controller, AutoConfig) or controller.chosen is not None:
            return controller
        return controller.model_copy(update={"chosen": self.search.best_controller()})

    @model_validator(mode="before")
    @classmethod
    def _name_kinds(cls, document: Any) -> Any:
        """Let a document leave out which kind a part is of where another part has said it."""
        return _with_kinds(document) if isinstance(document, Mapping) else document

    @model_validator(mode="after")
    def _fit_together(self) -> SearchConfig:
        # no other object may be returned from here, and of this one nobody knows yet
        self.__dict__["controller"] = self.chosen(self.controller)
        if misfits := [*self._misfits()]:
            raise MisfitsError(misfits)
        self.__dict__["final"] = self.final.completed(self.children)
        return self

    def _misfits(self) -> Iterator[Misfit]:
        """Yield what is right by itself and goes not with the other parts."""
        task, space, children = self.task.kind, self.space, self.children
        yield from self._misfits_of_controller()
        for sentence in children.misfits(task, space):
            yield Misfit(("children", "task", "space"), sentence)
        for sentence in self.search.misfits(task, space, children):
            yield Misfit(("search", "task", "space", "children"), sentence)
        yield from self._misfits_of_score()
        if isinstance(self.task, ImageTaskConfig):
            for sentence in self._misfits_of_target(self.task.target):
                yield Misfit(("task", "children", "final"), sentence)
        for sentence in self.final.misfits(task, space, children):
            yield Misfit(("final", "task", "space", "children"), sentence)

    def _misfits_of_target(self, target: ImageTarget) -> Iterator[str]:
        if isinstance(self.children, ImageChildrenConfig):
            yield from self.children.misfits_of_target(target, "children")
        final = self.final.children
        if isinstance(final, ImageChildrenConfig):
            tried = points(self.final.grid) if self.final.grid else ()
            found = [final, *(at_point(final, point) for point in tried)]
            of_each = (each.misfits_of_target(target, "final.children") for each in found)
            yield from dict.fromkeys(sentence for some in of_each for sentence in some)

    def _misfits_of_controller(self) -> Iterator[Misfit]:
        remembers = self.controller.remembers if self.search.kind == "shared" else {}
        for what, instead in remembers.items():
            yield Misfit(
                ("controller", "search"),
                f"{what} goes by results of different times, and those of search.kind shared "
                f"change with its weights: set {instead}",
            )
        policy = getattr(self.controller.proposer, "policy", None)
        bias, space = getattr(policy, "operation_bias", ()), self.space
        if bias and len(bias) != (space.num_options or len(bias)):
            yield Misfit(
                ("controller", "space"),
                f"controller.policy.operation_bias should have {space.num_options} numbers "
                f"for space.kind {space.kind}, got {len(bias)}",
            )

    def _misfits_of_score(self) -> Iterator[Misfit]:
        if self.search.kind == "shared" and isinstance(self.task, ImageTaskConfig):
            for sentence in self.task.misfits_of_batches():
                yield Misfit(("search", "task"), sentence)
        score = getattr(self.search, "stop_at_score", None)
        if score is not None and (wanted := self.children.misfit_of_score(score, self.task)):
            yield Misfit(
                ("search", "task", "children"),
                f"search.stop_at_score should be {wanted}, got {score:g}",
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
        of_weights = of_task if of_task in WEIGHTS else "images"  # others are no misfit of these
        search = {**search, "weights": _with_kind(search.get("weights", {}), of_weights)}
    final = document.get("final", {})
    controller = document.get("controller", {})
    return {
        **document,
        "task": task,
        "controller": _with_kind(
            {"kind": controller} if isinstance(controller, str) else controller, "auto"
        ),
        "children": _with_kind(children, "own" if is_own else of_task),
        "search": search,
        "final": final if is_own else _with_final_kind(final, of_task, target=_target_of(task)),
    }


def _with_final_kind(final: Any, kind: str, *, target: Any) -> Any:
    """Return the section with the kind of its children, which is that of the task."""
    if not isinstance(final, Mapping):
        return final
    given = final.get("children")
    children = _with_kind({} if given is None else given, kind)
    if target == "number" and isinstance(children, Mapping):
        children = {"label_smoothing": 0.0, **children}  # a number has no label to be smoothed
    return {**final, "children": children}


def _target_of(task: Any) -> Any:
    return task.get("target") if isinstance(task, Mapping) else getattr(task, "target", None)


def _with_kind(part: Any, kind: str) -> Any:
    """Return a part with this kind, unless it says one, or is none that could."""
    return {"kind": kind, **part} if isinstance(part, Mapping) else part


def _kind_of(part: Any) -> str:
    kind = part.get("kind") if isinstance(part, Mapping) else getattr(part, "kind", "")
    return kind if isinstance(kind, str) else ""
