"""The loop over rounds, and its budget."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from nas_lib.config.part import Part


class LoopConfig(Part):
    """The loop and its budget."""

    max_children: PositiveInt = Field(12_800, description="The budget, over all replicas.")
    children_per_round: PositiveInt = Field(8, description="m: one policy update from each m.")
    replicas: PositiveInt = Field(1, description="K: controller replicas.")
    shards: PositiveInt = Field(1, description="S: shards of the controller's parameters.")
    stop_at_score: float | None = Field(
        None,
        description="Stop once a child's score reaches this: a fraction, or a perplexity.",
    )
    lease_s: PositiveFloat = Field(
        600.0, description="A run on another machine that shows no life this long is dead."
    )
    wait_for: PositiveInt | None = Field(
        None,
        description="As Jobs or in one pod, results that are enough for a round; unset: those of "
        "all children. Once there are so many ...",
    )
    grace_s: float = Field(
        600.0, ge=0, description="... the other children have this long; then they are missing."
    )

    @property
    def rounds(self) -> int:
        """Rounds of each replica: as many full rounds as the budget holds, at least one."""
        return max(1, self.max_children // (self.children_per_round * self.replicas))

    @model_validator(mode="after")
    def _check(self) -> LoopConfig:
        if self.wait_for is not None and self.wait_for > self.children_per_round:
            raise ValueError(
                f"wait_for ({self.wait_for}) must be at most children_per_round "
                f"({self.children_per_round})"
            )
        return self
