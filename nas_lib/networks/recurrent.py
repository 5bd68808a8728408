"""Layers of any recurrent cell, by one interface: what reads a sequence, whatever its cell is.

Letters: T time steps, B sequences side by side, I values of an input, H units, S values of a state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, cast

from torch import Tensor, nn

from nas_lib.errors import ArchitectureError
from nas_lib.named_objects import imported
from nas_lib.spaces import Plan


class CellPlan(Protocol):
    """A plan whose networks have one recurrent cell."""

    @property
    def layer(self) -> str:
        """`module:name` of the class of its layers, a `RecurrentLayer`."""
        ...

    @property
    def hidden(self) -> int:
        """Units of a layer."""
        ...


class RecurrentLayer(nn.Module, ABC):
    """A layer of one cell.

    Attributes:
        inputs: Values of what it takes, I.
        hidden: Values of its output, H.
        state_size: Values of its state, S.
    """

    hidden: int
    state_size: int

    @abstractmethod
    def __init__(self, plan: CellPlan, inputs: int, *, init_range: float) -> None:
        """Make a layer with first weights from torch's global generator.

        Args:
            plan: The cell, and its units.
            inputs: Values of what it takes at each step, I.
            init_range: Weights start in +- this, uniformly.
        """
        super().__init__()
        self.inputs = inputs

    @abstractmethod
    def forward(self, x_TBI: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output after each step, `[T, B, H]`, and the state after the last, `[B, S]`.

        Args:
            x_TBI: What it takes.
            state_BS: Before the first step.
        """

    def initial_state(self, x_TBI: Tensor) -> Tensor:
        """Return the state before a sequence like this one: zeros, `[B, S]`."""
        return x_TBI.new_zeros(x_TBI.shape[1], self.state_size)


def recurrent_layer(plan: Plan, inputs: int, *, init_range: float) -> RecurrentLayer:
    """Return a layer of a plan's cell.

    Raises:
        ArchitectureError: Its networks have no recurrent cell.
    """
    cell = cell_plan(plan)
    layer: RecurrentLayer = imported(cell.layer)(cell, inputs, init_range=init_range)
    return layer


def cell_plan(plan: Plan) -> CellPlan:
    """Return a plan as one of a recurrent cell.

    Raises:
        ArchitectureError: It is none.
    """
    if not hasattr(plan, "layer"):
        raise ArchitectureError(f"there is no recurrent cell in the plan {plan}")
    return cast(CellPlan, plan)
