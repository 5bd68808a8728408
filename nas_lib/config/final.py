"""Final training: what becomes of the networks that a search recommends."""

from __future__ import annotations

import difflib
import functools
import itertools
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from nas_lib.bounds import Epochs, Few, Label, Rate, Weight
from nas_lib.config.series import SeriesAugmentConfig
from nas_lib.config.training import (
    ChildrenPart,
    ImageChildrenConfig,
    RewardConfig,
    Schedule,
    SeriesChildrenConfig,
    TextChildrenConfig,
    TextRewardConfig,
    TranslationChildrenConfig,
)
from nas_lib.document import shown
from nas_lib.errors import ConfigError, one_line
from nas_lib.part import MAY_CHANGE, Part
from nas_lib.spaces import (
    ImageReferencesConfig,
    ReferencesConfig,
    SeriesReferencesConfig,
    SizeConfig,
    SpacePart,
    TextReferencesConfig,
)
from nas_lib.spaces.references import STANDARD

C = TypeVar("C", bound=ChildrenPart)
MOST_POINTS: Final = 1000
"""Of a grid."""

Grid = Annotated[
    dict[Label, Annotated[list[Any], Field(min_length=1, max_length=100)]], Field(max_length=20)
]
"""By a setting of children, such as `learning_rate` or `text.output_dropout`: values to try."""

Point = Mapping[str, Any]
"""One value of each setting of a grid."""

_NO_AXES = ("kind", "include_validation", "reward")  # what is learnt, and how it is judged


_AS_IN_SEARCH: Final = (
    *("batch_size", "clip_norm", "device", "threads"),
    *("max_attempts", "timeout_s", "when_all_crash", "checkpoint_every_s"),
)
_STEPS_AS_IN_SEARCH: Final = (
    *_AS_IN_SEARCH,
    *("learning_rate", "min_learning_rate", "schedule", "first_cycle"),
    *("decay", "decay_after", "decay_every", "optimizer", "rms_decay", "rms_epsilon"),
    *("adam_beta_1", "adam_beta_2", "adam_epsilon"),
    *("momentum", "nesterov", "weight_decay", "average_decay"),
)


class ImageFinalConfig(ImageChildrenConfig):
    """How the networks that a search recommends are trained on images.

    The defaults are for some hundred to some thousand images; many more want less weight decay and
    no mixup.
    """

    as_in_search: ClassVar[tuple[str, ...]] = (
        *_AS_IN_SEARCH,
        *("dropout", "drop_path", "auxiliary_weight", "augment"),
        *("class_weights", "sampling"),
    )

    kind: Literal["images"] = "images"
    epochs: Epochs = Field(100, description="Passes over the training data.")
    min_steps: int = Field(
        10,
        ge=0,
        le=100_000,
        description="Of an epoch at least: where there are few images it goes through them several "
        "times.",
    )
    schedule: Schedule = Field("cosine", description="Learning rate over the steps.")
    weight_decay: Weight = Field(2e-3, description="L2 penalty, as torch's weight_decay.")
    label_smoothing: Rate = Field(
        0.1,
        description="Share of each target that all classes have in equal parts; of labels, that is "
        "half there; of a number 0.",
    )
    mixup: float = Field(
        0.2,
        ge=0,
        le=100,
        description="Each batch is mixed with itself in another order, by a weight from "
        "Beta(mixup, mixup); 0 for not.",
    )
    reward: RewardConfig = Field(default_factory=lambda: RewardConfig(last_epochs=1, power=1.0))


class SeriesFinalConfig(ImageFinalConfig):
    """How the networks that a search recommends are trained on series."""

    task: ClassVar[str] = SeriesChildrenConfig.task

    kind: Literal["series"] = "series"  # type: ignore[assignment]  # another kind than images
    augment: SeriesAugmentConfig = Field(  # type: ignore[assignment]
        default_factory=SeriesAugmentConfig
    )


class TextFinalConfig(TextChildrenConfig):
    """How the networks that a search recommends are trained on a text."""

    as_in_search: ClassVar[tuple[str, ...]] = (*_STEPS_AS_IN_SEARCH, "text")

    kind: Literal["text"] = "text"
    reward: TextRewardConfig = Field(default_factory=lambda: TextRewardConfig(power=1.0))


class TranslationFinalConfig(TranslationChildrenConfig):
    """How the networks that a search recommends are trained to translate."""

    as_in_search: ClassVar[tuple[str, ...]] = (*_STEPS_AS_IN_SEARCH, "translation")

    kind: Literal["translation"] = "translation"
    reward: TextRewardConfig = Field(
        default_factory=lambda: TextRewardConfig(last_epochs=1, power=1.0)
    )


FinalChildrenConfig = Annotated[
    ImageFinalConfig | SeriesFinalConfig | TextFinalConfig | TranslationFinalConfig,
    Field(discriminator="kind"),
]


class FinalConfig(Part):
    """What becomes of the networks that a search recommends."""

    follows: bool = Field(
        False,
        description="Train the best without being asked, once the search is finished; the search "
        "itself then reads no test.",
    )
    top: Few = Field(3, description="So many of the search's best networks are trained ...")
    seeds: Few = Field(3, description="... each so often, with other seeds.")
    references: tuple[Label, ...] = Field(
        (), max_length=100, description="Known networks to train beside them, such as resnet-20."
    )
    retrain: bool = Field(
        True, description="Train the winner once more, on training and validation data."
    )
    size: SizeConfig = Field(default_factory=SizeConfig)
    children: FinalChildrenConfig | None = None
    grid: Grid = Field(
        default_factory=dict,
        description="Values to try, by settings of final.children: {learning_rate: [0.1, 0.02]}.",
    )

    @field_validator("grid")
    @classmethod
    def _check_grid(cls, grid: dict[str, list[Any]], info: ValidationInfo) -> dict[str, list[Any]]:
        children = info.data.get("children")
        return grid if children is None else _checked(grid, children)

    def completed(self, children: ChildrenPart) -> Self:
        """Return this with what its children leave open as the search's children have it.

        A search's images are not flipped for a reason, which holds for its best networks too.
        """
        ours = self.children
        if ours is None or ours.kind != children.kind:  # where others judge, nothing is trained
            return self.model_copy(update={"children": None})
        left_open = (name for name in ours.as_in_search if name not in ours.model_fields_set)
        same = {name: getattr(children, name) for name in left_open}
        return self.model_copy(update={"children": ours.model_copy(update=same)})

    def misfits(self, task: str, space: SpacePart, children: ChildrenPart) -> Iterator[str]:
        """Yield what does not go with this kind of task, this space or these children."""
        if children.task is None:
            if self.follows:
                yield "final.follows: children.evaluate judges, and nothing is trained here"
            return
        try:
            space.at_size(self.size)
        except ConfigError as err:
            yield str(err)
        try:
            reference_space(task, self.references or STANDARD[task])
        except ValueError as err:
            yield f"final.references: {err}"
        if self.children is not None:
            if (kind := self.children.kind) != task:
                yield f"final.children.kind should be that of the task, {task}, got {kind}"
            yield from self.children.strays("final.children", space)
            if self.children.include_validation:
                yield (
                    "final.children.include_validation leaves nothing to choose by: final.retrain "
                    "trains the winner so"
                )


def reference_space(task: str, names: Sequence[str]) -> ReferencesConfig:
    """Return the space of known networks.

    Raises:
        ValueError: There is none of this name for this kind of task.
    """
    kinds = (ImageReferencesConfig, SeriesReferencesConfig, TextReferencesConfig)
    kind = next(each for each in kinds if task in each.tasks)
    try:
        return kind.model_validate({"networks": list(names)})
    except ValidationError as err:
        raise ValueError(_refusal(err)) from err


def points(grid: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Return every combination of the grid's values; one empty point where it has none."""
    names = list(grid)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*grid.values())]


def at_point(children: C, point: Point) -> C:
    """Return the settings of children with those of a point of the grid.

    Raises:
        ValueError: They refuse one of the values, or what they are together.
    """
    document = children.model_dump(mode="json")
    for name, value in point.items():
        *path, last = name.split(".")
        section = document
        for part in path:
            section = section[part]
        section[last] = value
    try:
        return type(children).model_validate(document)
    except ValidationError as err:
        raise ValueError(_refusal(err)) from err


def axes(children: type[BaseModel], *, within: str = "") -> Iterator[str]:
    """Yield the settings that a grid may have values of: those that make training what it is."""
    for name, field in children.model_fields.items():
        if name in _NO_AXES or field.json_schema_extra == MAY_CHANGE:
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from axes(field.annotation, within=f"{within}{name}.")
        else:
            yield f"{within}{name}"


def _checked(grid: Mapping[str, list[Any]], children: ChildrenPart) -> dict[str, list[Any]]:
    """Return a grid with its values as the settings of children read them.

    Raises:
        ValueError: It has a setting that there is not, a value that is refused, one twice, or too
            many points.
    """
    for name in grid:
        _check_axis(name, children)
    num_points = math.prod(map(len, grid.values()))
    if num_points > MOST_POINTS:
        raise ValueError(f"it should have at most {MOST_POINTS:,} points, got {num_points:,}")
    read: dict[str, dict[int, Any]] = {name: {} for name in grid}
    for indices in itertools.product(*(range(len(values)) for values in grid.values())):
        where = dict(zip(grid, indices, strict=True))
        point = at_point(children, {name: grid[name][index] for name, index in where.items()})
        plain = point.model_dump(mode="json")
        for name, index in where.items():
            read[name][index] = functools.reduce(operator.getitem, name.split("."), plain)
    checked = {name: list(values.values()) for name, values in read.items()}
    for name, values in checked.items():
        twice = [value for number, value in enumerate(values) if value in values[:number]]
        if twice:
            raise ValueError(f"{name} has {shown(twice[0])} twice")
    return checked


def _check_axis(name: str, children: ChildrenPart) -> None:
    known = list(axes(type(children)))
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise ValueError(f"final.children has no setting {one_line(name, 60)} to try values of{meant}")


def _refusal(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where, own = ".".join(map(str, first["loc"])), first.get("ctx", {}).get("error")
    if own is not None or not where:  # a sentence of ours
        said = str(first["msg"] if own is None else own)
        return said if said.startswith(where) else f"{where}: {said}"
    wanted = first["msg"].removeprefix("Input should be ")
    return f"{where} should be {wanted}, got {shown(first['input'])}"
