"""Which networks of a search are trained at length: its best, or those that are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError, ConfigError, ObjectNotFoundError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Recommended, procedure_of
from nas_lib.procedures.final import architecture_of
from nas_lib.procedures.proposals import proposed_child
from nas_lib.records import ChildId
from nas_lib.spaces.published import find_published, published_in
from nas_lib.steps.reporting import view_search


def chosen_networks(
    search: OpenSearch, *, networks: Sequence[str] = (), top: int | None = None, most: int
) -> list[Recommended]:
    """Return the networks of a search that are asked for: by name, or the best.

    Args:
        search: The search; it is finished, unless networks are named.
        networks: Children by their ids, architectures as text, or names of published ones.
        top: So many of the best, and no fewer.
        most: Where neither is given: so many, as far as there are any.

    Raises:
        ConfigError: There is no such child, or there are fewer.
        ArchitectureError: A text is no network of its space.
    """
    if networks:
        return list(_named(search, networks))
    return _best(search, most if top is None else top, at_least=top or 1)


def _best(search: OpenSearch, wanted: int, *, at_least: int) -> list[Recommended]:
    """Return so many of what a finished search recommends, as far as there are any.

    Raises:
        ConfigError: It is not finished, or has fewer than are needed at least.
    """
    view = view_search(search)
    if not view.finished:
        raise ConfigError(
            f"the search in {search.uri} is not finished, it has {view.how_far}: "
            f"go on with it (nas search --store {search.uri}), "
            "lower its budget, or name the networks to train"
        )
    best = list(procedure_of(search.config).recommended(search, view))
    if len(best) < at_least:
        raise ConfigError(
            f"the best {wanted:,} should be trained, and {search.uri} has {len(best):,} "
            "architecture(s) with a score"
        )
    return best[:wanted]


def _named(search: OpenSearch, networks: Sequence[str]) -> Iterator[Recommended]:
    """Yield what these names mean, each network once.

    Raises:
        ConfigError: There is no such child.
        ArchitectureError: A text is no network of the space.
    """
    seen: set[str] = set()
    for name in networks:
        found = _found(search, name)
        if found.architecture.id not in seen:
            yield found
        seen.add(found.architecture.id)


def _found(search: OpenSearch, name: str) -> Recommended:
    if ChildId.matches(name):
        return Recommended(_child(search, name), name)
    published = find_published(name)
    if published is None:
        return Recommended(architecture_of(search, name), "")
    try:
        return Recommended(published_in(search.space, published), name)
    except ArchitectureError as err:
        kind = search.config.space.kind
        raise ConfigError(f"{name} is no network of this space (space.kind {kind}): {err}") from err


def _child(search: OpenSearch, child: str) -> Architecture:
    try:
        return proposed_child(search, child).architecture
    except ObjectNotFoundError as err:
        raise ConfigError(f"{search.uri} has no child {child}") from err
