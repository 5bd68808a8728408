"""Which searches repeat one experiment, and what makes comparing others unfair."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from nas_lib.config_file import identity, identity_settings
from nas_lib.report.measure import OWN, Measure
from nas_lib.report.view import SearchView

_CONDITIONS = ("task.", "space.", "children.")  # parts that searches should have in common


def common_measure(views: Sequence[SearchView]) -> Measure:
    """Return what the searches' scores are; where they are different things, just scores."""
    measures = {view.measure for view in views}
    return measures.pop() if len(measures) == 1 else OWN


def experiment_labels(views: Sequence[SearchView]) -> list[str]:
    """Return each search's group: its controller's kind, with a number where that is not enough."""
    experiments: defaultdict[str, list[str]] = defaultdict(list)
    labels = []
    for view in views:
        alike = experiments[view.config.controller.kind]
        experiment = _experiment(view)
        if experiment not in alike:
            alike.append(experiment)
        number = alike.index(experiment)
        labels.append(view.config.controller.kind + (f" {number + 1}" if number else ""))
    return labels


def _experiment(view: SearchView) -> str:
    """Return what repetitions have in common; probes have no part in the search itself."""
    config = view.config.model_copy(update={"seed": 0})
    if config.shared is not None:
        derive = config.shared.derive.model_copy(update={"probes": 0})
        shared = config.shared.model_copy(update={"derive": derive})
        config = config.model_copy(update={"shared": shared})
    return identity(config, data_hash="")


def unfairness(views: Sequence[SearchView]) -> Iterator[str]:
    """Yield sentences on what makes a comparison of these searches less than fair."""
    by_shared_weights = {view.config.shared is not None for view in views}
    if len(by_shared_weights) > 1:
        yield (
            "Some of the searches have shared weights and others none: at equal numbers of "
            "children, what training the shared weights took is left out."
        )
    parts = _CONDITIONS if False in by_shared_weights else (*_CONDITIONS, "shared.")
    differing = list(_differing_settings(views, parts))
    if differing:
        yield (
            "The searches differ in more than their controllers, which makes the comparison "
            f"unfair: {'; '.join(differing)}."
        )
    seeds = {view.config.seed for view in views}  # another seed splits the same data otherwise
    data = {(view.config.seed, view.data and view.data.content_hash) for view in views}
    if len(data) > len(seeds):
        yield "Searches with the same seed were given different data."
    unfinished = [view.config.name for view in views if not view.finished]
    if unfinished:
        yield f"Not finished yet: {', '.join(unfinished)}."


def _differing_settings(views: Sequence[SearchView], parts: tuple[str, ...]) -> Iterator[str]:
    """Yield the settings in these parts whose values differ, with the values."""
    settings = [_conditions(view, parts) for view in views]
    for name in sorted({name for each in settings for name in each}):
        values = list(dict.fromkeys(json.dumps(each.get(name)) for each in settings))
        if len(values) > 1:
            yield f"{name} is {' or '.join(values)}"


def _conditions(view: SearchView, parts: tuple[str, ...]) -> dict[str, object]:
    return {
        name: value
        for name, value in identity_settings(view.config).items()
        if name.startswith(parts) and name != "shared.derive.probes"
    }
