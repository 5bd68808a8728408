"""How a search judges its proposals, and when it is done."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from nas_lib.architecture import Architecture
from nas_lib.bounds import Count, Few, Label, Seconds, Text
from nas_lib.config.controllers import (
    ControllerConfig,
    EnasPolicyConfig,
    GaussianProcessConfig,
    ReinforceConfig,
)
from nas_lib.config.final import Grid, Point
from nas_lib.config.procedure_part import OneReplicaPart, ProcedurePart
from nas_lib.config.training import ChildrenPart
from nas_lib.config.weights import WEIGHTS, WeightsConfig
from nas_lib.document import shown
from nas_lib.part import MAY_CHANGE, Part, by_kind
from nas_lib.spaces import SpacePart

_BUDGET_PER_CONFIRMATION = 3  # children, for each time that one is trained again


_Network = Annotated[str, Field(max_length=65_536)]


class StartConfig(Part):
    """Known architectures, which are a search's first children.

    A list is short for its `architectures`, a text for its `search`.
    """

    architectures: tuple[_Network, ...] = Field(
        (),
        max_length=10_000,
        description="Configuration strings, as nas top --json prints them, or names of published "
        "cells.",
    )
    search: Text | None = Field(
        None,
        description="Where another search lies, whose best come after those ... or such a name.",
    )
    best: Count = Field(
        8, description="... as they are when this one is begun: so many of them at most."
    )

    @property
    def most(self) -> int:
        """As many architectures as there can be."""
        return len(self.architectures) + (self.best if self.search else 0)

    @model_validator(mode="before")
    @classmethod
    def _of_short_form(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"search": given}
        if isinstance(given, list | tuple):
            found = [each.config if isinstance(each, Architecture) else each for each in given]
            return {"architectures": found}
        if not isinstance(given, Mapping | StartConfig):
            wanted = "a list of architectures or where another search lies"
            raise ValueError(f"it should be {wanted}, got {shown(given)}")
        return given

    @model_validator(mode="after")
    def _check(self) -> StartConfig:
        if not self.most:
            raise ValueError("it names no architecture and no search: leave it out")
        return self


class ConfirmConfig(Part):
    """The best are trained again with other seeds: the best of many had luck besides."""

    networks: Few = Field(
        5,
        description="The best so many are trained again, once the budget is used: as many of them "
        "as a third of the budget holds, and none where that is one.",
    )
    trainings: Few = Field(
        4, description="Each of them so often, with other seeds; the best mean is the winner."
    )

    def num_networks(self, budget: int) -> int:
        """Return how many are trained again after so many children.

        One alone would have none to lose against.
        """
        num = min(self.networks, budget // (_BUDGET_PER_CONFIRMATION * self.trainings))
        return num if num > 1 else 0


class RoundsConfig(ProcedurePart):
    """Round after round: the controller proposes, each child is trained from scratch, it learns."""

    procedure: ClassVar[str] = "nas_lib.procedures.rounds:Rounds"
    reporter: ClassVar[str] = "nas_lib.report.rounds:RoundsReporter"

    kind: Literal["rounds"] = "rounds"
    max_children: Count = Field(
        12_800, description="The budget, over all replicas.", json_schema_extra=MAY_CHANGE
    )
    children_per_round: int = Field(
        8, ge=1, le=10_000, description="m: proposed at once; the controller learns from each m."
    )
    replicas: Few = Field(1, description="K: controller replicas.")
    shards: Few = Field(1, description="S: shards of the controller's parameters.")
    stop_at_score: float | None = Field(
        None,
        description="Stop once a child's score reaches this: accuracies are fractions.",
        json_schema_extra=MAY_CHANGE,
    )
    repeats: Literal["reuse", "train"] = Field(
        "reuse",
        description="An architecture that was judged before: its verdict counts again, for the "
        "controller and not in the budget (reuse), or it is trained again like any other (train).",
    )
    start_from: StartConfig | None = Field(
        None,
        description="Known architectures that are the first children, of whatever controller: a "
        "list, or where another search lies.",
    )
    confirm: ConfirmConfig | None = Field(
        default_factory=ConfirmConfig,
        description="Of children whose scores are noisy; null to train none again.",
        json_schema_extra=MAY_CHANGE,
    )
    wait_for: Count | None = Field(
        None,
        description="As Jobs or in one pod, results that are enough for a round; unset: those of "
        "all children. Once there are so many ...",
        json_schema_extra=MAY_CHANGE,
    )
    grace_s: Seconds = Field(
        600.0,
        description="... the other children have this long; then they are missing.",
        json_schema_extra=MAY_CHANGE,
    )

    @property
    def rounds(self) -> int:
        """Rounds of each replica: as many full rounds as the budget holds.

        Where repeats are not trained, so many as the largest share of the budget takes if there
        are none.
        """
        if self.repeats == "reuse":
            return math.ceil(self.share(0) / self.children_per_round)
        return self.max_children // (self.children_per_round * self.replicas)

    @property
    def num_confirmed(self) -> int:
        """How many of the best are trained again, if their scores are noisy."""
        return self.confirm.num_networks(self.max_children) if self.confirm else 0

    def best_controller(self) -> ControllerConfig:
        """Return what was best at 50 to 1,000 children, with and without noise."""
        return GaussianProcessConfig()

    def share(self, replica: int) -> int:
        """Return how many children of the budget are this replica's, repeats not counted."""
        share, left_over = divmod(self.max_children, self.replicas)
        return share + (replica < left_over)

    def as_begun(self, begun: ProcedurePart) -> RoundsConfig:
        """Return these settings; searches older than `repeats` train them.

        Those older than `confirm` train none of the best again.
        """
        older: dict[str, Any] = {"repeats": "train", "confirm": None}
        return self.model_copy(
            update={name: v for name, v in older.items() if name not in begun.model_fields_set}
        )

    @model_validator(mode="after")
    def _check(self) -> RoundsConfig:
        of_one_round = self.children_per_round * self.replicas
        if self.max_children < of_one_round:
            raise ValueError(
                f"max_children ({self.max_children}) should hold a round of each replica, "
                f"{self.replicas} x {self.children_per_round}: set search.max_children to "
                f"{of_one_round} or more, or search.children_per_round to fewer"
            )
        if self.wait_for is not None and self.wait_for > self.children_per_round:
            raise ValueError(
                f"wait_for ({self.wait_for}) must be at most children_per_round "
                f"({self.children_per_round})"
            )
        return self


class DeriveConfig(Part):
    """Which architectures are trained from scratch (ENAS, 2.2, "Deriving architectures")."""

    num_samples: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Architectures that the controller proposes, each scored with the shared "
        "weights on all validation data. Random search scores more: as many as make up for what a "
        "controller's steps would have cost.",
    )
    keep: Few = Field(5, description="The best so many different ones are trained from scratch.")
    probes: int = Field(
        20,
        ge=0,
        le=1000,
        description="Architectures drawn uniformly that are trained from scratch too: for the "
        "rank correlation of both scores, and as random search.",
    )


class SharedConfig(OneReplicaPart):
    """One network owns the weights of all architectures: it and the controller take turns (ENAS).

    What they tell is trained from scratch, as the children of one round.
    """

    procedure: ClassVar[str] = "nas_lib.procedures.shared:Shared"
    reporter: ClassVar[str] = "nas_lib.report.shared:SharedReporter"
    yardstick: ClassVar[str] = "nas_lib.results.yardsticks:EPOCHS"

    kind: Literal["shared"] = "shared"
    weights: WeightsConfig
    controller_after: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Epochs before the controller begins to learn: it is as good as random.",
    )
    controller_steps: Count = Field(
        50, description="Updates of the controller after each later epoch ..."
    )
    architectures_per_step: Few = Field(
        20, description="... each from so many architectures, each on one validation batch ..."
    )
    validation_batches: Literal["own", "common"] | None = Field(
        None,
        description="... of its own, and refitted on training batches of its own (own); or in "
        "common, so that architectures of one step differ by nothing else (common); unset: in "
        "common where controller.baseline is leave_one_out.",
    )
    batch_norm: Literal["refit", "batch", "running"] = Field(
        "refit",
        description="Statistics that an architecture is judged with: refitted for it on training "
        "batches; of the validation batch itself; or averages over all architectures.",
    )
    refit_batches: Count = Field(1, description="Training batches that refit takes.")
    derive: DeriveConfig = Field(default_factory=DeriveConfig)
    tick_minutes: Seconds = Field(
        20.0,
        gt=0,
        description="A pod ends at the first end of an epoch after this.",
        json_schema_extra=MAY_CHANGE,
    )

    def best_controller(self) -> ControllerConfig:
        """Return what learns from some thousand architectures that are judged in common."""
        return ReinforceConfig(
            policy=EnasPolicyConfig(hidden_size=64),
            learning_rate=3e-3,
            baseline="leave_one_out",
            entropy_weight=1e-3,
            entropy_in="reward",
        )

    def judges_in_common(self, controller: ControllerConfig) -> bool:
        """Say whether all architectures of a step of this controller have the same batches."""
        if self.validation_batches is None:
            return getattr(controller.proposer, "baseline", "") == "leave_one_out"
        return self.validation_batches == "common"

    def misfits(self, task: str, space: SpacePart, children: ChildrenPart) -> Iterator[str]:
        """Yield what does not go with this kind of task, this space or these children."""
        yield from super().misfits(task, space, children)
        if children.task is None:
            yield "search.kind shared judges by its own weights, not by children.evaluate"
            return
        if not space.super_network:
            yield f"search.kind shared needs a space that shares weights, got {space.kind}"
        if task not in WEIGHTS:
            yield f"search.kind shared is for task.kind {' or '.join(WEIGHTS)}, got {task}"
        elif self.weights.kind != task:
            yield f"search.weights.kind should be that of the task, {task}, got {self.weights.kind}"
        yield from self.weights.strays("search.weights", space)

    @model_validator(mode="after")
    def _check(self) -> SharedConfig:
        if self.controller_after >= self.weights.epochs:
            raise ValueError(
                f"controller_after should be less than the {self.weights.epochs} epochs, got "
                f"{self.controller_after}"
            )
        return self


class FinalsConfig(OneReplicaPart):
    """Networks that are named are trained by several seeds, and the best one once more."""

    procedure: ClassVar[str] = "nas_lib.procedures.final:Final"
    reporter: ClassVar[str] = "nas_lib.report.final:FinalReporter"

    kind: Literal["final"] = "final"
    networks: tuple[_Network, ...] = Field(
        min_length=1, max_length=1000, description="Configuration strings of architectures."
    )
    origins: tuple[Label, ...] = Field(
        (), max_length=1000, description="What each of them was called before, such as a child."
    )
    seeds: Few = Field(3, description="Each network is trained so often, with other seeds.")
    grid: Grid = Field(default_factory=dict, description="Values to try, by settings of children.")
    recipes: dict[_Network, dict[Label, Any]] = Field(
        default_factory=dict,
        max_length=1000,
        description="Of a network of these: settings of children that belong to it; the grid's go "
        "before them.",
    )
    retrain: bool = Field(
        True, description="Train the winner once more, on training and validation data."
    )
    children_per_round: int = Field(
        24, ge=1, le=1000, description="Children that are trained at the same time, at most."
    )

    def misfits(self, task: str, space: SpacePart, children: ChildrenPart) -> Iterator[str]:
        """Yield nothing: its last child learns the validation data, too."""
        return iter(())

    def settings_of(self, network: str, point: Point) -> Point:
        """Return the settings of children of a network at a point of the grid, which comes last."""
        return {**self.recipes.get(network, {}), **point}


class TransferConfig(OneReplicaPart):
    """Networks that were found elsewhere: nothing is searched, they are trained for this task.

    What follows once the data are prepared is the final training of them all.
    """

    procedure: ClassVar[str] = "nas_lib.procedures.transfer:Transfer"
    reporter: ClassVar[str] = "nas_lib.report.transfer:TransferReporter"

    kind: Literal["transfer"] = "transfer"
    networks: tuple[_Network, ...] = Field(
        min_length=1, max_length=1000, description="Configuration strings, of this space."
    )
    origins: tuple[Label, ...] = Field(
        (), max_length=1000, description="What each of them was called there, such as a child."
    )
    source: Text = Field(
        "",
        description="Where they come from: a search, or the name of published cells.",
        json_schema_extra=MAY_CHANGE,
    )

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Each network, and what it was called; empty where nobody says it."""
        origins = [*self.origins, *[""] * len(self.networks)]
        return tuple(zip(self.networks, origins, strict=False))

    def misfits(self, task: str, space: SpacePart, children: ChildrenPart) -> Iterator[str]:
        """Yield what does not go with this kind of task, this space or these children."""
        if children.task is None:
            yield "search.kind transfer trains networks, and children.evaluate would judge them"


ProcedureConfig = Annotated[
    RoundsConfig | SharedConfig | FinalsConfig | TransferConfig, Field(discriminator="kind")
]

PROCEDURES: Mapping[str, type[ProcedurePart]] = by_kind(ProcedureConfig)
"""Settings by their kind."""
