"""Which searches a comparison of controllers takes: each controller by each of some seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from nas_lib.config import ControllerConfig, FinalsConfig, SearchConfig
from nas_lib.config_file import parse_config
from nas_lib.document import shown
from nas_lib.errors import ConfigError
from nas_lib.part import by_kind
from nas_lib.results.labels import differing_settings, experiment

_KINDS = by_kind(ControllerConfig)
_MOST_SEEDS = 1000
_MOST_OF_NAME = 40  # characters, see `nas_lib.bounds.Name`
_BUDGET = "max_children"  # may change in one search, and has to be equal in several


@dataclass(frozen=True)
class Subject:
    """What a user wants compared.

    Attributes:
        config: Its document.
        source: Where that comes from, for sentences.
        uri: Where the search lies; empty for a document by itself.
    """

    config: SearchConfig
    source: str
    uri: str = ""


@dataclass(frozen=True)
class Repetition:
    """A search of a comparison.

    Attributes:
        config: Its document.
        uri: Where its state lies, or will.
    """

    config: SearchConfig
    uri: str

    @property
    def label(self) -> str:
        """What it is called while it runs."""
        return f"{self.config.controller.label}, seed {self.config.seed}, in {self.uri}"


def default_controllers(kinds: Sequence[str]) -> list[ControllerConfig]:
    """Return the controllers of these kinds, by the defaults of each.

    Raises:
        ConfigError: There is no such kind.
    """
    for kind in kinds:
        if kind not in _KINDS:
            raise ConfigError(
                f"no controller is called {shown(kind)}; there are {', '.join(sorted(_KINDS))}"
            )
    return [_KINDS[kind]() for kind in kinds]


def repetitions(
    subjects: Sequence[Subject],
    rivals: Sequence[ControllerConfig],
    *,
    num_seeds: int,
    folder: str,
) -> list[Repetition]:
    """Return the searches of a comparison, those of one controller together.

    A search that is there already is the one of its controller and seed.

    Args:
        subjects: At least one. They differ in controller, name and seed only.
        rivals: Controllers to compare theirs with.
        num_seeds: Each controller has so many, counted from the first subject's, or those of
            all subjects where these are more.
        folder: Below which the new searches lie.

    Raises:
        ConfigError: There is no such comparison.
    """
    if not 1 <= num_seeds <= _MOST_SEEDS:
        raise ConfigError(
            f"seeds should be 1 to {_MOST_SEEDS:,} of each controller, got {num_seeds}"
        )
    _require_alike(subjects)
    controllers: list[ControllerConfig] = []
    for subject in subjects:
        if subject.config.controller not in controllers:
            controllers.append(subject.config.controller)
    for rival in map(subjects[0].config.chosen, rivals):
        if rival.proposer not in [each.proposer for each in controllers]:
            controllers.append(rival)
    if len(controllers) < 2:
        raise ConfigError(
            f"there is nothing to compare {controllers[0].label} with: name another controller"
        )
    seeds = list(_seeds((each.config.seed for each in subjects), num_seeds))
    return [
        _there(subjects, controller, seed) or _new(subjects[0], controller, seed, folder)
        for controller in controllers
        for seed in seeds
    ]


def _require_alike(subjects: Sequence[Subject]) -> None:
    first = subjects[0]
    for subject in subjects:
        if isinstance(subject.config.search, FinalsConfig):
            raise ConfigError(f"{subject.source} is a final training: no controller proposes there")
        one, other = _common(first.config), _common(subject.config)
        for name in differing_settings([one, other]):
            raise ConfigError(
                f"{name} is {shown(one.get(name))} in {first.source} and {shown(other.get(name))} "
                f"in {subject.source}: controllers are compared where nothing else differs but "
                "name and seed"
            )


def _common(config: SearchConfig) -> dict[str, object]:
    """Return what the searches of a comparison have in common."""
    settings = {
        name: value
        for name, value in experiment(config).items()
        if not name.startswith("controller.")
    }
    return {**settings, f"search.{_BUDGET}": getattr(config.search, _BUDGET, None)}


def _seeds(given: Iterable[int], num: int) -> Iterator[int]:
    """Yield the given seeds, and those that follow the first until there are enough."""
    seeds = list(dict.fromkeys(given))
    yield from seeds
    more = (seed for seed in count(seeds[0]) if seed not in seeds)
    yield from (next(more) for _ in range(num - len(seeds)))


def _there(
    subjects: Sequence[Subject], controller: ControllerConfig, seed: int
) -> Repetition | None:
    """Return the subject that is this search, if one is."""
    found = [
        each
        for each in subjects
        if each.uri and (each.config.controller, each.config.seed) == (controller, seed)
    ]
    if len(found) > 1:
        raise ConfigError(
            f"{found[0].source} and {found[1].source} are the same search, "
            f"{controller.label} with seed {seed}: leave one of them out"
        )
    return Repetition(found[0].config, found[0].uri) if found else None


def _new(subject: Subject, controller: ControllerConfig, seed: int, folder: str) -> Repetition:
    plain = subject.config.model_dump(mode="json")
    place = _place(controller)
    plain |= {
        "name": f"{place}-{seed}"[:_MOST_OF_NAME],
        "seed": seed,
        "controller": controller.model_dump(mode="json"),
    }
    if "stop_at_score" in plain["search"]:  # budgets are equal
        plain["search"]["stop_at_score"] = None
    config = parse_config(plain, source=f"{subject.source}, by {controller.label}")
    return Repetition(config, f"{folder}/{place}/{seed}")


def _place(controller: ControllerConfig) -> str:
    """Return the folder of a controller's searches; by each other settings it has another one."""
    changed = controller.model_dump(mode="json", exclude_defaults=True, exclude={"chosen"})
    if not changed:
        return controller.kind
    text = json.dumps([controller.label, changed], sort_keys=True)
    return f"{controller.kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
