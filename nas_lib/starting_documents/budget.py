"""How long a search may be, so that it and its final training fit into some hours here.

Some training steps are timed on this machine. What comes on top of steps is allowed for: the rest
of what a child does by a factor, and the begin of each training and of the whole by seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nas_lib.config import FinalsConfig, RoundsConfig, SearchConfig
from nas_lib.engine import default_workers
from nas_lib.errors import plural
from nas_lib.spaces import planned
from nas_lib.starting_documents.starter import Choice, Length, Starter
from nas_lib.steps.timing import final_s, first_plans, mean_step_s
from nas_lib.tasks import task_of

_BESIDE_STEPS: Final = 1.5  # validation, augmentation, the optimizer: of what steps take
_BEGIN_S: Final = 30.0  # of libraries, of the export
_TRAINING_S: Final = 1.0  # a process of its own, its data and its weights
_MOST_CHILDREN: Final = 192
_ROUND: Final = 8
_FEWEST: Final = 200  # examples: of fewer nothing is learnt
_LEAVES: Final = 0.8


@dataclass(frozen=True)
class Pace:
    """How long a training step takes here, in seconds.

    Attributes:
        child_s: Of a child.
        final_s: Of a network of the final training.
        workers: How many train at once.
        busy: How many times longer steps took than their computing alone: above 1 where the
            machine has other work.
    """

    child_s: float
    final_s: float
    workers: int
    busy: float = 1.0

    @classmethod
    def of(cls, config: SearchConfig, starter: Starter) -> Pace:
        """Time some steps."""
        manifest, final = starter.manifest(config), config.final
        small = planned(config.space.build())
        large = planned(config.space.at_size(final.size).build())
        finally_ = config.model_copy(update={"children": final.children})
        started_s, computed_s = time.perf_counter(), time.process_time()
        child_s = mean_step_s(task_of(config), first_plans(small, seed=config.seed), manifest)
        large_s = mean_step_s(task_of(finally_), first_plans(large, seed=config.seed), manifest)
        computed_s = time.process_time() - computed_s
        busy = (time.perf_counter() - started_s) / max(computed_s, 1e-3)
        return cls(child_s, large_s, default_workers(config), busy)

    def slower(self, factor: float) -> Pace:
        """Return the pace at which a step takes so many times longer."""
        return replace(self, child_s=factor * self.child_s, final_s=factor * self.final_s)


@dataclass(frozen=True)
class Estimate:
    """How long a search takes here, in seconds.

    Attributes:
        search_s: Its children, and the best of them again.
        final_s: Its final training.
        begin_s: What comes before: data are prepared.
        workers: How many train at once.
        busy: How many times longer steps took than their computing alone.
    """

    search_s: float
    final_s: float
    begin_s: float
    workers: int
    busy: float = 1.0

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.search_s + self.final_s + self.begin_s


def estimated(config: SearchConfig, starter: Starter, pace: Pace) -> Estimate:
    """Return how long a search by rounds takes at this pace."""
    settings, final = config.search, config.final
    assert isinstance(settings, RoundsConfig)
    manifest, task, workers = starter.manifest(config), task_of(config), pace.workers
    again = settings.num_confirmed * settings.confirm.trainings if settings.confirm else 0
    num_trainings = settings.max_children + again
    child_s = _TRAINING_S + _BESIDE_STEPS * pace.child_s * task.num_steps(manifest)
    finals = FinalsConfig(
        networks=tuple(map(str, range(final.top))),  # nobody knows yet which
        seeds=final.seeds,
        grid=final.grid,
        retrain=final.retrain,
    )
    finally_ = config.model_copy(update={"children": final.children})
    steps_s = final_s(
        task_of, finally_, finals, manifest, step_s=_BESIDE_STEPS * pace.final_s, workers=workers
    )
    num_final = final.top * final.seeds / workers + final.retrain
    return Estimate(
        search_s=child_s * num_trainings / workers,
        final_s=(steps_s + _TRAINING_S * num_final) if final.follows else 0.0,
        begin_s=_BEGIN_S + starter.prepare_s,
        workers=workers,
        busy=pace.busy,
    )


@dataclass(frozen=True)
class Fitted:
    """What fits.

    Attributes:
        choices: All that was chosen.
        config: The document.
        estimate: How long that takes; None where the user chose a search that is not timed here.
        fits: Whether that is within the time.
    """

    choices: tuple[Choice, ...]
    config: SearchConfig
    estimate: Estimate | None
    fits: bool = True


class Budget:
    """Finds what fits into a time."""

    def __init__(
        self,
        starter: Starter,
        limit_s: float,
        overrides: Sequence[str],
        *,
        common: Sequence[Choice] = (),
    ) -> None:
        """Take what may be chosen.

        Args:
            starter: What is proposed.
            limit_s: The time.
            overrides: What the user wants in any case.
            common: What is chosen whatever fits.
        """
        self._starter = starter
        self._common = common
        self._limit_s = limit_s
        self._overrides = overrides

    def fitted(self) -> Fitted:
        """Return the largest examples, the longest training and the most children that fit.

        Where nothing does, some examples are left out. Where the user's own wishes leave nothing
        that fits, it is the shortest.
        """
        starter, longest = self._starter, self._starter.lengths[0]
        smallest, *larger = starter.sizes
        first = self._config(smallest, longest)
        if not _can_be_timed(first):
            size, choices = starter.sizes[-1], self._choices(longest, longest.children)
            config = self._config(size, longest)
            return Fitted(self._all(size, choices), config, None, fits=True)
        pace = Pace.of(first, starter)
        for size in reversed(larger):
            if self._is_hopeless(size, pace):
                continue
            found = self._at(size, starter.lengths[:3])
            if found is not None:
                return found
        return self._at(smallest, starter.lengths, pace) or self._of_fewer(smallest, pace)

    def _is_hopeless(self, size: int, pace: Pace) -> bool:
        """Say whether a size takes too long if a step takes as much longer as it has pixels."""
        factor = (size / self._starter.sizes[0]) ** self._starter.num_axes
        return self._at(size, self._starter.lengths[:3], pace.slower(factor)) is None

    def _at(self, size: int, lengths: Sequence[Length], pace: Pace | None = None) -> Fitted | None:
        """Return the longest of these that fits, with as many children as do."""
        pace = pace or Pace.of(self._config(size, lengths[0]), self._starter)
        for length in lengths:
            found = None
            for num in range(length.children, _MOST_CHILDREN + 1, _ROUND):
                more = self._fitted(size, length, num, pace)
                if not more.fits:
                    break
                found = more
            if found is not None:
                return found
        return None

    def _of_fewer(self, size: int, pace: Pace) -> Fitted:
        """Return the shortest, of as many examples as fit."""
        length, num = self._starter.lengths[-1], self._starter.num_train
        shortest = self._fitted(size, length, length.children, pace)
        found = shortest
        while not found.fits and (num := int(_LEAVES * num)) >= _FEWEST:
            found = self._fitted(size, length, length.children, pace, max_train=num)
        return found if found.fits else shortest

    def _fitted(
        self, size: int, length: Length, num: int, pace: Pace, max_train: int | None = None
    ) -> Fitted:
        choices = self._choices(length, num, max_train)
        config = self._starter.config(size, choices, self._overrides)
        estimate = estimated(config, self._starter, pace)
        fits = estimate.total_s <= self._limit_s
        return Fitted(self._all(size, choices), config, estimate, fits)

    def _config(self, size: int, length: Length) -> SearchConfig:
        choices = self._choices(length, length.children)
        return self._starter.config(size, choices, self._overrides)

    def _choices(
        self, length: Length, num: int, max_train: int | None = None
    ) -> tuple[Choice, ...]:
        return (*self._common, *_choices(self._starter, length, num, max_train))

    def _all(self, size: int, choices: Sequence[Choice]) -> tuple[Choice, ...]:
        return (*self._starter.choices(size), *choices)


def _can_be_timed(config: SearchConfig) -> bool:
    """Say whether it is known, before data are prepared, what is trained and how often."""
    has_size = config.space.target is None and not config.final.size.budget
    return config.search.kind == "rounds" and config.final.children is not None and has_size


def _choices(starter: Starter, length: Length, num: int, max_train: int | None) -> Iterator[Choice]:
    if max_train is not None:
        all_of_them = plural(starter.num_train, starter.example)
        why = f"All {all_of_them} take longer than there is time for."
        yield Choice("task.max_train", max_train, why)
    longest = starter.lengths[0]
    epochs = (
        "Enough to tell networks apart."
        if length.epochs == longest.epochs
        else f"With more time it would be up to {longest.epochs}: longer training tells more."
    )
    yield Choice("children.epochs", length.epochs, epochs)
    why = "As many as fit into the time" if num < _MOST_CHILDREN else "More would fit into the time"
    yield Choice("search.max_children", num, f"{why}, with the final training after them.")
    yield Choice("final.follows", True, "So that a model comes out without another command.")
    yield Choice("final.top", length.top)
    yield Choice("final.seeds", length.seeds, "One training of each may be good or bad by luck.")
    yield Choice("final.children.epochs", length.final_epochs, "Longer than the search's children.")
