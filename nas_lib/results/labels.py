"""What groups of searches are called: their controller, and what tells two of a kind apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from nas_lib.config import SearchConfig
from nas_lib.config_file import identity_settings
from nas_lib.document import shown

_PROBES = "search.derive.probes"  # no part of the search itself: they check it
_OF_CONTROLLER = "controller."
_MOST_SETTINGS = 3  # of a label

Settings = Mapping[str, object]


def experiment(config: SearchConfig) -> dict[str, object]:
    """Return what repetitions have in common: all that makes a search what it is but the seed."""
    settings = identity_settings(config)
    for name in ("seed", _PROBES):
        settings.pop(name, None)
    return settings


def labels(configs: Sequence[SearchConfig]) -> list[str]:
    """Return the group of each search: equal labels are repetitions of one experiment.

    It is the controller; of several experiments by the same one, with the settings that differ
    between these.
    """
    kinds = [config.controller.label for config in configs]
    experiments = [experiment(config) for config in configs]
    alike: dict[str, list[Settings]] = {kind: [] for kind in kinds}
    for kind, settings in zip(kinds, experiments, strict=True):
        if settings not in alike[kind]:
            alike[kind].append(settings)
    names = {kind: _names(kind, different) for kind, different in alike.items()}
    return [
        names[kind][alike[kind].index(settings)]
        for kind, settings in zip(kinds, experiments, strict=True)
    ]


def _names(kind: str, experiments: Sequence[Settings]) -> list[str]:
    """Return a name for each of the experiments by controllers of one kind."""
    differing = list(differing_settings(experiments))
    names: list[str] = []
    for number, settings in enumerate(experiments, start=1):
        told = [_told(name, settings[name]) for name in differing if name in settings]
        name = ", ".join([kind, *told[:_MOST_SETTINGS]])
        names.append(f"{name} ({number})" if name in names else name)
    return names


def differing_settings(experiments: Sequence[Settings]) -> Iterator[str]:
    """Yield the settings whose values differ, those of the controller first."""
    names = dict.fromkeys(name for settings in experiments for name in settings)
    for name in sorted(names, key=lambda name: not name.startswith(_OF_CONTROLLER)):
        if len({json.dumps(settings.get(name)) for settings in experiments}) > 1:
            yield name


def _told(name: str, value: object) -> str:
    short = name.rpartition(".")[2] if name.startswith(_OF_CONTROLLER) else name
    match value:
        case float():
            return f"{short} {value:g}"
        case str():
            return f"{short} {value}"
    return f"{short} {shown(value)}"
