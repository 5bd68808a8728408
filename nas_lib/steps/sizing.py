"""How large networks are, where it is a number of parameters or of multiply-adds that says so.

In a search it may be a target, which the network that is nearest to it meets; in the end a budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import takewhile
from typing import NamedTuple

from nas_lib.architecture import Architecture
from nas_lib.config import FinalConfig, SearchConfig, SizeConfig
from nas_lib.data import Manifest
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.spaces import SpacePart, num_tokens, planned
from nas_lib.spaces.growth import Growth
from nas_lib.tasks import Task

_NOUNS = {"parameters": "parameters", "multiply_adds": "multiply-adds"}
_GUESSES = 8  # after which it is halves that are tried


class Sized(NamedTuple):
    """What a target came to.

    Attributes:
        config: The configuration, whose networks have a size.
        picked: That size.
        num_parameters: Of each of its networks.
    """

    config: SearchConfig
    picked: dict[str, int]
    num_parameters: int


class _Costs(NamedTuple):
    """What the largest of some networks costs.

    Attributes:
        counts: By the names of the bounds.
        share: Of the budget: above 1 it is exceeded.
    """

    counts: dict[str, int]
    share: float


def sized(search: OpenSearch, config: SearchConfig, manifest: Manifest) -> Sized | None:
    """Return a configuration at the size whose networks come nearest to their space's target.

    Args:
        search: Where it is to be; for objects of the user's.
        config: What is wanted.
        manifest: What the data are.

    Returns:
        None without a target.

    Raises:
        ConfigError: All sizes have more, or fewer.
    """
    space, target = config.space, config.space.target
    if target is None:
        return None
    task, (growth,) = search.task_of(config), space.growths(SizeConfig())

    def at(value: int) -> SpacePart:
        return space.at_size(SizeConfig(**growth.size(value)))

    @cache
    def num_parameters(value: int) -> int:
        built = planned(at(value).build())
        tokens = (0,) * num_tokens(built.decisions(built.max_depth))  # any have equally many
        return task.cost(built.plan(tokens), manifest).num_parameters

    value = _nearest(growth, num_parameters, target)
    found = at(value)
    return Sized(
        config.model_copy(update={"space": found}), growth.size(value), num_parameters(value)
    )


def _nearest(growth: Growth, num_parameters: Callable[[int], int], target: int) -> int:
    values = growth.values
    within = largest(growth, lambda value: num_parameters(value) / target)
    if within is None or (within == values[-1] and num_parameters(within) < target):
        end, value = ("smallest", values[0]) if within is None else ("largest", within)
        raise ConfigError(
            f"no size of these networks has about {target:,} parameters, as space.child asks for: "
            f"the {end}, of {sizes_text(growth.size(value))}, has {num_parameters(value):,}"
        )
    near = [value for value in (within, within + values.step) if value in values]
    return min(near, key=lambda value: abs(num_parameters(value) - target))


def task_of_final(search: OpenSearch, final: FinalConfig) -> Task:
    """Return the task of a final training, whose children have settings of their own."""
    return search.task_of(search.config.model_copy(update={"children": final.children}))


def settled_size(
    search: OpenSearch, final: FinalConfig, networks: Sequence[Architecture]
) -> SizeConfig:
    """Return the size of a search's networks, the largest at which all of them meet its budget.

    Where both cells and filters may be picked there are several: the one of them is taken that is
    most like published networks.

    Args:
        search: The search, whose data are prepared.
        final: What is asked for; a size without a budget is returned as it is.
        networks: As the search has them.

    Raises:
        ConfigError: Even the smallest is beyond the budget, or the space has no such size.
    """
    size = final.size
    if not size.budget:
        return size

    task = task_of_final(search, final)
    search.config.space.at_size(size)  # refuses a budget that there is nothing to meet by
    growths = list(search.config.space.growths(size))

    def costs(growth: Growth, value: int) -> _Costs:
        return _costs(search, task, size, growth.size(value), networks)

    @cache
    def share(row: int, value: int) -> float:
        return costs(growths[row], value).share

    rows = range(len(growths))
    fits = [*takewhile(lambda row: share(row, growths[row].wanted) <= 1, rows[:-1])]
    # with so many cells more filters fit than go with them, and with one cell more, fewer
    nearest = rows[max(0, len(fits) - 1) : len(fits) + 1]
    picked = {row: largest(growths[row], partial(share, row)) for row in nearest}
    found = [(growths[row], value) for row, value in picked.items() if value is not None]
    if not found:
        smallest = growths[0]
        raise ConfigError(_beyond(size, smallest, costs(smallest, smallest.values[0])))
    growth, value = min(found, key=lambda each: each[0].strangeness(each[1]))
    return size.settled(growth.size(value))


def largest(growth: Growth, share: Callable[[int], float]) -> int | None:
    """Return the largest value whose share is at most 1, None if that of the first is more.

    Args:
        growth: Whose values.
        share: Ascending, and about a square of the value: by that it is guessed where it becomes 1,
            as it may take a while.
    """
    values, num_tried = growth.values, 0
    low, high = -1, len(values)  # one that fits, where there is one, and one that does not
    at, root, slope = 0, 0.0, 1 / growth.wanted
    while high - low > 1:
        guess = (at + (1 - root) / slope - values.start) // values.step
        index = int(guess) if num_tried < _GUESSES else (low + high) // 2
        index = min(max(index, low + 1), high - 1)
        before, root = root, math.sqrt(share(values[index]))
        if root != before:
            slope = (root - before) / (values[index] - at)
        at, num_tried = values[index], num_tried + 1
        low, high = (index, high) if root <= 1 else (low, index)
    return None if low < 0 else values[low]


def _costs(
    search: OpenSearch,
    task: Task,
    size: SizeConfig,
    picked: Mapping[str, int],
    networks: Sequence[Architecture],
) -> _Costs:
    """Return what the largest of the networks costs at a size; one beyond the budget is enough."""
    manifest = search.task.find_manifest(search.store)
    assert manifest is not None  # a search that has networks to train has prepared its data
    space = planned(search.config.space.at_size(size.settled(picked)).build(search.given_space))
    found = []
    for network in networks:
        cost = task.cost(space.plan(network.tokens), manifest)
        known = {"parameters": cost.num_parameters, "multiply_adds": cost.num_multiply_adds}
        counts = {name: known[name] for name in size.budget}
        share = max(count / size.budget[name] for name, count in counts.items())
        found.append(_Costs(counts, share))
        if share > 1:
            break
    return max(found, key=lambda costs: costs.share)


def _beyond(size: SizeConfig, growth: Growth, costs: _Costs) -> str:
    wanted = " and ".join(f"final.size.{name} of {bound:,}" for name, bound in size.budget.items())
    sizes = sizes_text(growth.size(growth.values[0]))
    counts = " and ".join(f"{count:,} {_NOUNS[name]}" for name, count in costs.counts.items())
    return f"no size of these networks meets {wanted}: the smallest, of {sizes}, has {counts}"


def sizes_text(picked: Mapping[str, int]) -> str:
    """Return sizes by their names, in words."""
    return " and ".join(f"{value:,} {name}" for name, value in picked.items())
