"""What the settings of all procedures have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field

from nas_lib.bounds import Seconds
from nas_lib.config.controllers import ControllerConfig, RandomConfig
from nas_lib.config.training import ChildrenPart, TrainedChildrenPart
from nas_lib.part import MAY_CHANGE, Part
from nas_lib.spaces import SpacePart


class ProcedurePart(Part):
    """What all procedures have in common.

    Attributes:
        procedure: What works by these settings, as `module:name`: a `Procedure`.
        reporter: What reports on such a search, likewise: a `Reporter`.
        yardstick: What such searches are compared by, likewise: a `Yardstick`.
    """

    procedure: ClassVar[str]
    reporter: ClassVar[str]
    yardstick: ClassVar[str] = "nas_lib.results.yardsticks:CHILDREN"

    kind: str
    lease_s: Seconds = Field(
        600.0,
        gt=0,
        description="A run on another machine that shows no life this long is dead.",
        json_schema_extra=MAY_CHANGE,
    )

    def misfits(self, task: str, space: SpacePart, children: ChildrenPart) -> Iterator[str]:
        """Yield what does not go with this kind of task, this space or these children."""
        if isinstance(children, TrainedChildrenPart) and children.include_validation:
            yield (
                "children.include_validation leaves nothing to judge children by: it is for the "
                "last training of all, see final.retrain"
            )

    def best_controller(self) -> ControllerConfig:
        """Return what `controller: auto` stands for in such a search (docs/decisions/0015)."""
        return RandomConfig()

    def as_begun(self, begun: ProcedurePart) -> Self:
        """Return these settings, with what a search was before there was a setting for it.

        Args:
            begun: The search's settings as they are stored.
        """
        return self


class OneReplicaPart(ProcedurePart):
    """What procedures have in common that know no replicas: one process does all of it."""

    @property
    def replicas(self) -> int:
        """One."""
        return 1

    @property
    def shards(self) -> int:
        """One, as there is one replica."""
        return 1

    @property
    def wait_for(self) -> None:
        """All children: there is no other round that would go on without one."""
        return

    @property
    def grace_s(self) -> float:
        """Of no meaning without `wait_for`."""
        return 0.0
