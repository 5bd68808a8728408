"""What a search space is: its settings, its decisions, and the plans of what it can build.

An architecture has one way: from the controller's tokens by `plan` to a plan, and from that to its
text (`str`), its network (`Plan.network`) and its picture. Text is parsed only where a person wrote
it.
"""

from __future__ import annotations

import itertools
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar, cast, runtime_checkable

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from nas_lib.architecture import Architecture
from nas_lib.bounds import Many, Width
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.part import Part
from nas_lib.spaces.decisions import Decision
from nas_lib.spaces.growth import Growth


@runtime_checkable
class Space(Protocol):
    """What may be built: decisions <-> architecture.

    Every token sequence that `decisions` allows decodes to an architecture that builds and runs.
    """

    name: str
    max_depth: int

    def depth(self, num_children: int) -> int:
        """Return the depth to search after `num_children` children have been proposed."""
        ...

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return what a controller decides for an architecture of this depth, in order.

        The decisions of a smaller depth are a prefix of those of a larger one.
        """
        ...

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture that these tokens describe; the depth follows from their number.

        Raises:
            ArchitectureError: No depth of this space has such tokens.
        """
        ...

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens that describe this architecture, so that `decode` gives it back.

        Raises:
            ArchitectureError: The architecture is not in this space.
        """
        ...


_TOO_LARGE = re.compile(r"\d{10}")


class Plan(Protocol):
    """A network as it is to be built; as text its configuration string.

    Attributes:
        network: `module:name` of the class that is the network, made from the plan.
    """

    network: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Return the plan that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, or spells nothing that can be built.
        """
        ...

    @property
    def brief(self) -> str:
        """What a narrow column has room for: operations and sizes, no connections."""
        ...

    @property
    def num_layers(self) -> int | None:
        """Layers of the network, None where it has no such thing."""
        ...


BUDGETS: Final = ("parameters", "multiply_adds")
"""Settings of `SizeConfig` that pick the others."""


class SizeConfig(Part):
    """How large networks are in the end, where that is another size than in the search."""

    filters: Width | None = Field(
        None,
        description="enas-macro, enas-micro, nasnet: channels of the first third; unset: as it "
        "was.",
    )
    cells: int | None = Field(
        None,
        ge=1,
        le=300,
        description="enas-micro: normal cells, a third each; nasnet: normal cells of each third.",
    )
    large_stem: Width | None = Field(
        None, description="nasnet: a stem for large images, with so many channels."
    )
    hidden: Width | None = Field(None, description="enas-rnn, nas-rnn: units of the state.")
    more_filters: Width | None = Field(None, description="cnn: so many more in each layer.")
    parameters: Many | None = Field(
        None,
        description="All but cnn and enas-macro: as large as every chosen network may be with so "
        "many; it picks those of the sizes that are not given.",
    )
    multiply_adds: Many | None = Field(
        None, description="Likewise, for one image or word; both together are two bounds."
    )

    @property
    def budget(self) -> dict[str, int]:
        """What networks may cost, by the names of the bounds; empty where there is none."""
        bounds = {name: getattr(self, name) for name in BUDGETS}
        return {name: bound for name, bound in bounds.items() if bound is not None}

    def settled(self, picked: Mapping[str, int]) -> SizeConfig:
        """Return this with sizes that were picked, in place of the budget."""
        given = self.model_dump(exclude_none=True, exclude=set(self.budget))
        return SizeConfig(**{**given, **picked})


class SpacePart(Part):
    """Settings of a space, and what can be told of it before anything is built.

    Attributes:
        tasks: Kinds of the tasks that its networks learn, empty for any.
        has_plans: Whether it is a `PlannedSpace`, which needs no code of the user's own.
        has_cells: Whether its networks are stacks of cells.
        super_network: `module:name` of the network that owns the weights of all architectures, made
            from these settings; empty where weights cannot be shared.
        sizes: Settings of `final.size` that its networks have.
    """

    tasks: ClassVar[tuple[str, ...]] = ()
    has_plans: ClassVar[bool] = True
    has_cells: ClassVar[bool] = False
    super_network: ClassVar[str] = ""
    sizes: ClassVar[tuple[str, ...]] = ()

    kind: str

    @property
    def num_options(self) -> int | None:
        """Options of each choice, None where they differ."""
        return None

    @property
    def smallest_image(self) -> int:
        """Height and width of the smallest images that networks from scratch can take."""
        return 1

    def at_size(self, size: SizeConfig) -> Self:
        """Return settings whose tokens mean the same networks at another size.

        A budget is of no meaning here: who knows the data finds out what fits, by `growths`.

        Raises:
            ConfigError: The space has no such size.
        """
        wanted = size.model_dump(exclude_none=True)
        for name in [name for name in wanted if name not in self.sizes]:
            takes = " and ".join(self.sizes) or "none"
            raise ConfigError(
                f"final.size.{name} is not for space.kind {self.kind}, whose sizes are: {takes}"
            )
        for name in [name for name in size.budget if next(self.growths(size), None) is None]:
            raise ConfigError(
                f"final.size.{name} picks those of the other sizes that are not given, and all of "
                "them are: leave out one, or the budget"
            )
        wanted = {name: value for name, value in wanted.items() if name not in size.budget}
        if not wanted:
            return self
        try:
            return self.model_validate({**self.model_dump(), **self._resized(**wanted)})
        except ValidationError as err:
            first = err.errors()[0]
            why = first["msg"].replace("Input", ".".join(map(str, first["loc"])))
            raise ConfigError(
                f"final.size does not go with space.kind {self.kind}: {why}, got {first['input']!r}"
            ) from err

    def growths(self, size: SizeConfig) -> Iterator[Growth]:
        """Yield how networks may grow, as far as their size is not given, the first one smallest.

        None where a space has no `parameters` or `multiply_adds` among its sizes.
        """
        yield from ()

    @property
    def target(self) -> int | None:
        """As many parameters as its networks are to have, None where it says how large they are.

        All of such a space have equally many. Before any is built, who knows the data settles the
        size by `growths`.
        """
        return None

    def _resized(self, **size: int) -> dict[str, Any]:
        """Return the settings that another size changes: those of networks from scratch."""
        return {"child": {**self.model_dump()["child"], **size}}

    @abstractmethod
    def build(self, given: Space | None = None) -> Space:
        """Return the space.

        Args:
            given: An object of this process, where the settings say that it is one.

        Raises:
            ConfigError: A space of the user's own cannot be found, or is none.
        """


class OptionsPart(SpacePart):
    """A space whose every choice is between the same options."""

    @field_validator(
        *("operations", "combinations", "functions", "activations", "networks"), check_fields=False
    )
    @classmethod
    def _check(cls, options: tuple[str, ...], field: ValidationInfo) -> tuple[str, ...]:
        if len(set(options)) != len(options):
            raise ValueError(f"{field.field_name} must not repeat an option, got {list(options)}")
        return options


P = TypeVar("P", bound=Plan)


class PlannedSpace(ABC, Generic[P]):
    """A space whose tokens mean a plan.

    Attributes:
        name: Of the space.
        plan_class: Of its plans.
        max_depth: The greatest depth.
    """

    name: str
    plan_class: type[P]
    max_depth: int = 1

    def depth(self, num_children: int) -> int:
        """Return 1: every architecture has the same decisions."""
        return 1

    @abstractmethod
    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return what a controller decides, as `Space` has it."""

    @abstractmethod
    def plan(self, tokens: Sequence[int]) -> P:
        """Return what these tokens mean, as it is trained from scratch.

        Raises:
            ArchitectureError: No depth of this space has such tokens.
        """

    @abstractmethod
    def _tokens_of(self, plan: P) -> Iterable[int]:
        """Yield tokens that mean this plan.

        Raises:
            ArchitectureError: Something in it is no option of this space.
        """

    def alike(self, plan: P) -> Architecture:
        """Return the architecture of a plan, at this space's sizes whatever the plan's are.

        Raises:
            ArchitectureError: Something in it is no option of this space.
        """
        return self.decode(tuple(self._tokens_of(plan)))

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture of these tokens."""
        return Architecture(self.name, tuple(tokens), str(self.plan(tokens)))

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return tokens of this architecture.

        They may differ from those that it was decoded from, where several mean the same.
        """
        if _TOO_LARGE.search(architecture.config):  # Python reads no number of thousands of digits
            raise ArchitectureError("a number in it has more than nine digits")
        alike = self.alike(cast(P, self.plan_class.parse(architecture.config)))
        if alike.config != architecture.config:
            raise ArchitectureError(
                f"not an architecture of this space: {architecture.config}; here it would be "
                f"{alike.config}"
            )
        return alike.tokens


def planned(space: Space) -> PlannedSpace[Plan]:
    """Return the space as one whose networks can be built.

    Raises:
        ArchitectureError: It is one of the user's own that has no plans.
    """
    found = getattr(space, "given", space)  # a user's own may have plans too
    if not isinstance(found, PlannedSpace):
        raise ArchitectureError(
            f"the space {space.name} has no plans from which networks could be built: judge its "
            "architectures by children.evaluate"
        )
    return found


def space_size(space: Space, depth: int) -> int:
    """Return how many token sequences the space allows at this depth."""
    return math.prod(decision.size for decision in space.decisions(depth))


def size_text(size: int) -> str:
    """Return a number of architectures as people write it; no float holds the largest."""
    if size < 1e300:
        return f"{size:.2g}"
    return f"1e+{int(math.log10(size))}"


def every_architecture(space: Space, depth: int, *, most: int) -> list[Architecture] | None:
    """Return what all token sequences of this depth decode to, None if they are more than that."""
    if space_size(space, depth) > most:
        return None
    values = (
        range(decision.num_values)
        for decision in space.decisions(depth)
        for _ in range(decision.num_tokens)
    )
    return [space.decode(tokens) for tokens in itertools.product(*values)]


def published_tokens(text: str) -> tuple[int, ...]:
    """Return an architecture as the published code of ENAS writes it: numbers with blanks between.

    Raises:
        ArchitectureError: Something else stands among them.
    """
    words = text.split()
    for word in words:
        if not word.isdecimal():
            raise ArchitectureError(
                f"a published architecture is numbers with blanks between, got {word!r}"
            )
    return tuple(map(int, words))


def option_index(options: Sequence[Any], value: Any, kind: str) -> int:
    """Return which of a choice's options this is.

    Raises:
        ArchitectureError: None of them.
    """
    if value not in options:
        raise ArchitectureError(f"{kind} must be one of {list(options)}, got {value}")
    return list(options).index(value)
