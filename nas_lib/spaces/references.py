"""Networks that people would have taken instead, by the names that they go by.

Spaces like any other, of one choice: which network. They are not searched but trained beside what
was found, by the same settings or by a recipe of their own. The configuration string is the
network's name with the numbers that it takes to build it:

    resnet-20 | resnet-32 | resnet-56      depth 6n + 2 (He et al. 2016)
    densenet-40-12 | densenet-bc-100-12    depth L and growth k (Huang et al. 2017)
    mobilenet-v2 | plain-cnn | airbench | airbench-96
    fcn | resnet-1d                        for series (Wang et al. 2017)
    lstm 412 | lstm 2 x 412                units of the state, of each of 2 layers
    gru 475 | gru 2 x 475                  likewise

What they are exactly, their modules in `nas_lib.networks.references` say.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nas_lib.bounds import MOST_LAYERS, MOST_WIDTH, Width
from nas_lib.errors import ArchitectureError
from nas_lib.spaces.decisions import Choice, Decision, check_tokens
from nas_lib.spaces.growth import WIDTHS
from nas_lib.spaces.space import OptionsPart, Plan, PlannedSpace, Space, option_index

REFERENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "images": (
        "resnet-20",
        "resnet-32",
        "resnet-56",
        "densenet-40-12",
        "densenet-bc-100-12",
        "mobilenet-v2",
        "plain-cnn",
        "airbench",
        "airbench-96",
    ),
    "series": ("fcn", "resnet-1d"),
    "text": ("lstm", "gru"),
    "translation": ("lstm", "gru"),
}
"""By the kind of task, the names that help and sentences tell; resnet and densenet go on, and what
is without a size may have one."""

STANDARD: Final[Mapping[str, tuple[str, ...]]] = {
    "images": ("resnet-20", "mobilenet-v2", "plain-cnn", "airbench"),
    "series": ("fcn", "resnet-1d"),
    "text": ("lstm",),
    "translation": ("lstm", "gru"),
}
"""By the kind of task, those that are trained where nobody says which."""

_MOST_DEPTH = 1202  # the deepest of He et al.
_MOST_GROWTH = 256
_AIRBENCH_MOMENTUM = 0.85


class ReferencePlan(ABC):
    """A network that has a name; as text that, with what it takes to build it."""

    network: ClassVar[str]

    @abstractmethod
    def __str__(self) -> str: ...

    @classmethod
    def parse(cls, text: str) -> ReferencePlan:
        """Return the network of this name.

        Raises:
            ArchitectureError: There is none.
        """
        for kind in _PLANS:
            if (plan := kind.read(text)) is not None:
                return plan
        known = ", ".join(name for names in REFERENCES.values() for name in names)
        raise ArchitectureError(f"a reference is a network like {known}, got {text!r}")

    @classmethod
    @abstractmethod
    def read(cls, text: str) -> Self | None:
        """Return the network of this name, None if it is not of this kind."""

    @property
    def brief(self) -> str:
        """Its name is short enough."""
        return str(self)

    @property
    @abstractmethod
    def num_layers(self) -> int | None:
        """Layers with weights, from the image to the logits; None where there is no such thing."""

    def recipe(self, *, batch_size: int, flips: bool) -> Mapping[str, Any]:
        """Return settings of children that belong to the network; none, but for a recipe's own.

        Args:
            batch_size: Of the training.
            flips: Whether its images may be flipped.
        """
        return {}


@dataclass(frozen=True)
class ResNetPlan(ReferencePlan):
    """A residual network for CIFAR.

    Attributes:
        depth: Layers, 6n + 2.
    """

    network: ClassVar[str] = "nas_lib.networks.references.resnet:ResNet"

    depth: int

    def __str__(self) -> str:
        return f"resnet-{self.depth}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the network of this name."""
        match = re.fullmatch(r"resnet-([1-9][0-9]{0,3})", text)
        depth = int(match[1]) if match else 0
        return cls(depth) if 8 <= depth <= _MOST_DEPTH and depth % 6 == 2 else None

    @property
    def num_layers(self) -> int:
        """Convolutions and the classifier; its shortcuts have no weights."""
        return self.depth


@dataclass(frozen=True)
class DenseNetPlan(ReferencePlan):
    """A densely connected network for CIFAR.

    Attributes:
        depth: Layers, L of the paper.
        growth: Channels that each layer adds, k of the paper.
        is_bc: Whether layers have bottlenecks, and transitions halve the channels.
    """

    network: ClassVar[str] = "nas_lib.networks.references.densenet:DenseNet"

    depth: int
    growth: int
    is_bc: bool

    def __str__(self) -> str:
        return f"densenet-{'bc-' * self.is_bc}{self.depth}-{self.growth}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the network of this name."""
        match = re.fullmatch(r"densenet-(bc-)?([1-9][0-9]{0,3})-([1-9][0-9]{0,2})", text)
        if match is None:
            return None
        plan = cls(int(match[2]), int(match[3]), is_bc=match[1] is not None)
        layers = plan.depth - 4  # those in blocks
        divides = layers > 0 and layers % (6 if plan.is_bc else 3) == 0
        fits = plan.depth <= _MOST_DEPTH and plan.growth <= _MOST_GROWTH
        return plan if divides and fits else None

    @property
    def layers_per_block(self) -> int:
        """The stem, two transitions and the classifier aside; a bottleneck is a layer more."""
        return (self.depth - 4) // (6 if self.is_bc else 3)

    @property
    def num_layers(self) -> int:
        """L of the paper."""
        return self.depth


class _FixedPlan(ReferencePlan):
    """A network that there is one of.

    Attributes:
        name: Its name.
        layers: Its layers with weights.
    """

    name: ClassVar[str]
    layers: ClassVar[int]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the network of this name."""
        return cls() if text == cls.name else None

    @property
    def num_layers(self) -> int:
        """Convolutions and the classifier."""
        return self.layers


@dataclass(frozen=True)
class MobileNetPlan(_FixedPlan):
    """MobileNetV2 for small images."""

    network: ClassVar[str] = "nas_lib.networks.references.mobilenet:MobileNet"
    name: ClassVar[str] = "mobilenet-v2"
    layers: ClassVar[int] = 53  # stem, 2 + 16 x 3 in blocks, the last 1x1, classifier


@dataclass(frozen=True)
class PlainCnnPlan(_FixedPlan):
    """Six convolutions in a row, as people begin with."""

    network: ClassVar[str] = "nas_lib.networks.references.plain_cnn:PlainCnn"
    name: ClassVar[str] = "plain-cnn"
    layers: ClassVar[int] = 7


@dataclass(frozen=True)
class SeriesFcnPlan(_FixedPlan):
    """Three convolutions along time, a strong baseline for series."""

    network: ClassVar[str] = "nas_lib.networks.references.series:SeriesFcn"
    name: ClassVar[str] = "fcn"
    layers: ClassVar[int] = 4


@dataclass(frozen=True)
class SeriesResNetPlan(_FixedPlan):
    """A residual network along time."""

    network: ClassVar[str] = "nas_lib.networks.references.series:SeriesResNet"
    name: ClassVar[str] = "resnet-1d"
    layers: ClassVar[int] = 10  # three blocks of three, classifier


@dataclass(frozen=True)
class AirbenchPlan(ReferencePlan):
    """A network of the fastest public recipe for CIFAR-10 (Jordan 2024).

    Attributes:
        percent: What accuracy it was made for.
    """

    network: ClassVar[str] = "nas_lib.networks.references.airbench:Airbench"

    percent: Literal[94, 96] = 94

    def __str__(self) -> str:
        return "airbench" if self.percent == 94 else f"airbench-{self.percent}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the network of this name."""
        return next((plan for plan in (cls(94), cls(96)) if str(plan) == text), None)

    def recipe(self, *, batch_size: int, flips: bool) -> Mapping[str, Any]:
        """Return the published rate and decay for batches of this size, and what goes with them.

        The rate is per example, and rises over a quarter of the training before it falls; here it
        falls from the start. Crops and the length of the training are those of all networks.
        """
        # 1024 examples: a rate of `rate` x 1024 / (1024 (1 + 1 / (1 - momentum))) of the mean loss,
        # and a decay of `decay` / `rate` beside that
        rate, decay = (11.5, 0.0153) if self.percent == 94 else (9.0, 0.012)
        learning_rate = rate / (1 + 1 / (1 - _AIRBENCH_MOMENTUM)) * batch_size / 1024
        return {
            "learning_rate": round(learning_rate, 4),
            "momentum": _AIRBENCH_MOMENTUM,
            "weight_decay": round(decay / rate, 5),
            "label_smoothing": 0.2,
            "augment.padding": "reflect",
            **({"augment.flip": "alternating"} if flips else {}),
        }

    @property
    def num_layers(self) -> int:
        """The whitening convolution, those of three groups, and the classifier."""
        return 1 + 3 * (2 if self.percent == 94 else 3) + 1


@dataclass(frozen=True)
class _GatedPlan(ReferencePlan):
    """Layers of a cell with gates.

    Attributes:
        hidden: Units of the state of each, and size of a word's embedding.
        layers: Cells, one on top of the other; those of a language model.
    """

    name: ClassVar[str]
    layer: ClassVar[str]

    hidden: int
    layers: int = 1

    def __str__(self) -> str:
        layers = "" if self.layers == 1 else f"{self.layers} x "
        return f"{self.name} {layers}{self.hidden}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the network of this name."""
        match = re.fullmatch(rf"{cls.name} (?:([1-9][0-9]*) x )?([1-9][0-9]*)", text)
        found = cls(int(match[2]), int(match[1] or 1)) if match else None
        if found is None or str(found) != text:  # 1 x 412
            return None
        is_possible = found.layers <= MOST_LAYERS and found.hidden <= MOST_WIDTH
        return found if is_possible else None

    @property
    def num_layers(self) -> int:
        """Cells, one on top of the other."""
        return self.layers


@dataclass(frozen=True)
class LstmPlan(_GatedPlan):
    """A network of LSTMs."""

    name: ClassVar[str] = "lstm"
    network: ClassVar[str] = "nas_lib.networks.references.lstm:LstmModel"
    layer: ClassVar[str] = "nas_lib.networks.references.lstm:LstmLayer"


@dataclass(frozen=True)
class GruPlan(_GatedPlan):
    """A network of GRUs."""

    name: ClassVar[str] = "gru"
    network: ClassVar[str] = "nas_lib.networks.references.gru:GruModel"
    layer: ClassVar[str] = "nas_lib.networks.references.gru:GruLayer"


_IMAGE_PLANS: Final = (ResNetPlan, DenseNetPlan, MobileNetPlan, PlainCnnPlan, AirbenchPlan)
_SERIES_PLANS: Final = (SeriesFcnPlan, SeriesResNetPlan)
_PLANS: Final[tuple[type[ReferencePlan], ...]] = (
    *_IMAGE_PLANS,
    *_SERIES_PLANS,
    LstmPlan,
    GruPlan,
)
_OF_ANY_SIZE: Final[Mapping[str, type[_GatedPlan]]] = {
    kind.name: kind for kind in (LstmPlan, GruPlan)
}


def _image_network(name: str) -> str:
    """Refuse what is no name of a network for images."""
    if any(kind.read(name) is not None for kind in _IMAGE_PLANS):
        return name
    known = {"known": ", ".join(REFERENCES["images"])}
    raise PydanticCustomError("form", "a network like {known}", known)


ImageReference = Annotated[str, Field(max_length=40), AfterValidator(_image_network)]
"""The name of a network for images."""


def _series_network(name: str) -> str:
    """Refuse what is no name of a network for series."""
    if any(kind.read(name) is not None for kind in _SERIES_PLANS):
        return name
    raise PydanticCustomError("form", "{known}", {"known": " or ".join(REFERENCES["series"])})


SeriesReference = Annotated[str, Field(max_length=40), AfterValidator(_series_network)]
"""The name of a network for series."""


def _recurrent_network(name: str) -> str:
    """Refuse what is no name of a network of recurrent cells."""
    if name in _OF_ANY_SIZE or any(kind.read(name) for kind in _OF_ANY_SIZE.values()):
        return name
    known = {"known": ", ".join(_OF_ANY_SIZE)}
    raise PydanticCustomError("form", "a network like {known}, lstm 2 x 412", known)


TextReference = Annotated[str, Field(max_length=40), AfterValidator(_recurrent_network)]
"""The name of a network of recurrent cells, with its size or without."""


class ReferencesConfig(OptionsPart):
    """Networks that have a name, to be trained beside what was found."""

    networks: tuple[str, ...]

    @property
    def num_options(self) -> int:
        """Options of the choice."""
        return len(self.networks)

    def build(self, given: Space | None = None) -> ReferenceSpace:
        """Return the space."""
        return ReferenceSpace(self.kind, [self._plan(name) for name in self.networks])

    def _plan(self, name: str) -> ReferencePlan:
        return ReferencePlan.parse(name)


class ImageReferencesConfig(ReferencesConfig):
    """Networks for images that have a name, to be trained beside what was found."""

    tasks: ClassVar[tuple[str, ...]] = ("images",)

    kind: Literal["image-references"] = "image-references"
    networks: tuple[ImageReference, ...] = Field(
        STANDARD["images"],
        min_length=1,
        max_length=1000,
        description="By name: resnet-DEPTH, densenet-DEPTH-GROWTH, densenet-bc-DEPTH-GROWTH, "
        "mobilenet-v2, plain-cnn, airbench, airbench-96.",
    )


class SeriesReferencesConfig(ReferencesConfig):
    """Networks for series that have a name, to be trained beside what was found."""

    tasks: ClassVar[tuple[str, ...]] = ("series",)

    kind: Literal["series-references"] = "series-references"
    networks: tuple[SeriesReference, ...] = Field(
        STANDARD["series"],
        min_length=1,
        max_length=1000,
        description="By name: fcn, resnet-1d.",
    )


class TextReferencesConfig(ReferencesConfig):
    """Recurrent networks that have a name, to be trained beside what was found."""

    tasks: ClassVar[tuple[str, ...]] = ("text", "translation")

    kind: Literal["text-references"] = "text-references"
    networks: tuple[TextReference, ...] = Field(
        STANDARD["text"],
        min_length=1,
        max_length=1000,
        description="By name: lstm, gru; with a size of their own lstm 412, lstm 2 x 412.",
    )
    hidden: Width = Field(800, description="Units of the state, and size of a word's embedding.")
    layers: int = Field(1, ge=1, le=MOST_LAYERS, description="Cells, one on top of the other.")

    def _plan(self, name: str) -> ReferencePlan:
        kind = _OF_ANY_SIZE.get(name)
        return ReferencePlan.parse(name) if kind is None else kind(self.hidden, self.layers)


class ReferenceSpace(PlannedSpace[ReferencePlan]):
    """The space of either settings: which of some networks.

    Attributes:
        plans: The networks, by their tokens.
    """

    plan_class = ReferencePlan

    def __init__(self, name: str, plans: Sequence[ReferencePlan]) -> None:
        self.name = name
        self.plans = tuple(plans)

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the one choice."""
        return (Choice("network", len(self.plans)),)

    def plan(self, tokens: Sequence[int]) -> ReferencePlan:
        """Return the network of this token."""
        check_tokens(self.decisions(1), tokens)
        return self.plans[tokens[0]]

    def _tokens_of(self, plan: ReferencePlan) -> Iterator[int]:
        yield option_index([*map(str, self.plans)], str(plan), "network")


def sized(name: str, num_weights: Callable[[Plan], int], wanted: int, *, layers: int) -> str:
    """Return the name of a known network with the size at which it has as many weights.

    What is of one size, or says its size, keeps its name.

    Args:
        name: The network.
        num_weights: Says how many a network has.
        wanted: As many, as near as can be.
        layers: Of the network, where it may have several.
    """
    kind = _OF_ANY_SIZE.get(name)
    if kind is None:
        return name

    def num_with(hidden: int) -> int:
        return num_weights(kind(hidden, layers))

    first = bisect_left(WIDTHS, wanted, key=num_with)  # of those with at least as many
    near = WIDTHS[max(0, first - 1) : first + 1]
    return str(kind(min(near, key=lambda hidden: abs(num_with(hidden) - wanted)), layers))
