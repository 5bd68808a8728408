"""From networks that were found elsewhere, and a document of a task, to the search that is both.

What the document says of its space and of how it would search has no meaning here: the space is the
source's. Its task, its children's settings and its final training count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nas_lib.config import SearchConfig, SizeConfig
from nas_lib.config.sections import models
from nas_lib.config.training import ChildrenConfig, SgdConfig
from nas_lib.config_file import parse_config, with_changes
from nas_lib.errors import ConfigError, one_line
from nas_lib.open_search import OpenSearch
from nas_lib.spaces import SpacePart, planned
from nas_lib.spaces.published import PUBLISHED, Published, find_published
from nas_lib.spaces.space import BUDGETS
from nas_lib.steps.choosing import chosen_networks

_SIZE = "final.size"
_REPLACED = ("space", "search", "controller")
"""Sections of the document that say how it would search."""


class _Source(NamedTuple):
    """Networks that were found elsewhere.

    Attributes:
        space: Whose they are.
        size: As large they are in the end, where nobody says otherwise.
        networks: Configuration strings.
        origins: What each of them was called.
    """

    space: SpacePart
    size: SizeConfig
    networks: tuple[str, ...]
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Transferred:
    """A transfer as a search.

    Attributes:
        config: All its settings.
        notice: What of the document has no meaning, in a sentence; empty where all has.
    """

    config: SearchConfig
    notice: str = ""


def transferred(
    source: str,
    document: object,
    *,
    changes: Iterable[tuple[str, Any]] = (),
    top: int | None = None,
    networks: Sequence[str] = (),
    called: str = "document",
) -> Transferred:
    """Return the search that trains networks of a source for the task of a document.

    Args:
        source: Where a finished search lies, or the name of published cells.
        document: Plain, as YAML has it, and not checked yet.
        changes: Settings that differ, by their places; `final.size` goes before the source's.
        top: So many of the source's best; by default as many as the document's `final.top`, as far
            as there are any.
        networks: In their place: children by their ids, or architectures as text.
        called: What the document is called in errors.

    Raises:
        ConfigError: There is no such source, it has no networks, or they do not go with the task.
        ArchitectureError: A text is no network of the source's space.
    """
    others, sizes = _parted(changes)
    _refuse_changes(key for key, _ in others)
    own = with_changes(document, others)
    if not isinstance(own, Mapping):
        return Transferred(parse_config(own, source=called))  # which refuses
    most = _most(own.get("final", {}), called)
    found = _found(source, networks=networks, top=top, most=most)
    _check_task(found, source, own)
    size, passed_over = _size(own, found, sizes)
    strays = dict(_strays(own, found.space))
    resolved = with_changes(_resolved(own, found, source, size), strays.items())
    notice = _notice(own, found.space, source, [*passed_over, *strays])
    return Transferred(parse_config(resolved, source=called), notice)


def _resolved(
    document: Mapping[str, Any], found: _Source, source: str, size: Any
) -> dict[str, Any]:
    """Return the document of a search that trains what was found, all of it, at this size."""
    of_final = {"size": size, "top": len(found.networks), "follows": True}
    return {
        **document,
        "space": found.space.model_dump(mode="json"),
        "controller": {"kind": "random"},
        "search": {
            "kind": "transfer",
            "source": source,
            "networks": list(found.networks),
            "origins": list(found.origins),
        },
        "final": {**document.get("final", {}), **of_final},
    }


# --- the source ----------------------------------------------------------------------------------


def _found(source: str, *, networks: Sequence[str], top: int | None, most: int) -> _Source:
    published = find_published(source)
    if published is not None:
        return _of_published(source, published, networks=networks, top=top)
    search = OpenSearch(source)
    if search.store.find_search() is None:
        known = ", ".join(sorted(PUBLISHED))
        raise ConfigError(
            f"there is no search at {search.uri}, nor are published cells called "
            f"{one_line(source)}: known are {known}"
        )
    if search.config.children.task is None:
        raise ConfigError(
            f"{search.uri} trains nothing: its architectures are judged by a function of the "
            "user's own, and there is no network to transfer"
        )
    planned(search.space)  # else there is nothing to build
    chosen = chosen_networks(search, networks=networks, top=top, most=most)
    return _Source(
        search.config.space,
        search.config.final.size,
        tuple(each.architecture.config for each in chosen),
        tuple(each.origin for each in chosen),
    )


def _of_published(
    name: str, published: Published, *, networks: Sequence[str], top: int | None
) -> _Source:
    if networks or (top or 1) > 1:
        raise ConfigError(
            f"{name} is one published network, of which there is nothing to choose: leave out "
            + ("--network" if networks else "--top")
        )
    return _Source(published.space, SizeConfig(), (published.architecture,), (name,))


# --- the document --------------------------------------------------------------------------------


def _parted(
    changes: Iterable[tuple[str, Any]],
) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Return the changes but those of sizes, and these by their names."""
    others: list[tuple[str, Any]] = []
    sizes: dict[str, Any] = {}
    for key, value in changes:
        if key == _SIZE and isinstance(value, Mapping):
            sizes |= value
        elif key.startswith(f"{_SIZE}."):
            sizes[key.removeprefix(f"{_SIZE}.")] = value
        else:
            others.append((key, value))
    return others, sizes


def _refuse_changes(keys: Iterable[str]) -> None:
    for key in keys:
        if key.partition(".")[0] in _REPLACED:
            raise ConfigError(
                f"{one_line(key)} has no meaning in a transfer, whose networks are known: it takes "
                "settings of task, children, final and resources; how large they are, final.size "
                "says"
            )


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section; empty where there is none, or something that is refused later."""
    section = document.get(name)
    return section if isinstance(section, Mapping) else {}


def _kind(document: Mapping[str, Any], name: str) -> str:
    default = SearchConfig.model_fields[name].get_default(call_default_factory=True)
    return str(_section(document, name).get("kind", default.kind))


def _most(final: Any, called: str) -> int:
    """Return how many of the best a document has trained; what cannot be, is refused."""
    if isinstance(final, Mapping):
        final = {key: value for key, value in final.items() if key == "top"}
    return parse_config({"final": final}, source=called).final.top


def _check_task(found: _Source, source: str, document: Mapping[str, Any]) -> None:
    task, wanted = _kind(document, "task"), found.space.tasks
    if wanted and task not in wanted:
        raise ConfigError(
            f"the networks of {one_line(source)} are for task.kind {' or '.join(wanted)}, and the "
            f"document has task.kind {one_line(task)}"
        )


def _size(
    document: Mapping[str, Any], found: _Source, given: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Return how large the networks are to be, and which settings of that have no meaning.

    A budget that is given picks anew what the document or the source would have said.
    """
    own = _section(document, "final").get("size", {})
    if not isinstance(own, Mapping):
        return own, []  # is refused
    # a document without a space is for these networks, whatever a search would begin with
    is_own_kind = not _section(document, "space") or _kind(document, "space") == found.space.kind
    base = dict(own) if is_own_kind and any(own.values()) else found.size.model_dump()
    if any(given.get(name) is not None for name in BUDGETS):
        base = {}
    stated = [name for name, value in own.items() if value is not None]
    return {**base, **given}, [] if is_own_kind else [f"{_SIZE}.{name}" for name in stated]


def _strays(document: Mapping[str, Any], space: SpacePart) -> Iterator[tuple[str, float]]:
    """Yield settings of children that are for networks of cells, where these are none; as 0."""
    if space.has_cells:
        return
    names = {
        name
        for model in models(ChildrenConfig)
        if issubclass(model, SgdConfig)
        for name in model.for_cells
    }
    sections = {
        "children": _section(document, "children"),
        "final.children": _section(_section(document, "final"), "children"),
    }
    for where, section in sections.items():
        yield from ((f"{where}.{name}", 0.0) for name in sorted(names) if section.get(name))


def _notice(
    document: Mapping[str, Any], space: SpacePart, source: str, passed_over: Sequence[str]
) -> str:
    """Say what of the document has no meaning beside this space; nothing where all has."""
    given = _section(document, "space")
    kind = _kind(document, "space")
    own = [f"space.kind {kind}"] if given and kind != space.kind else []
    if given and kind == space.kind:
        dumped = space.model_dump(mode="json")
        own = [f"space.{name}" for name, value in given.items() if dumped.get(name) != value]
    if not (own or passed_over):
        return ""
    return (
        f"these networks are of space.kind {space.kind}, as {one_line(source)} has them; left out "
        f"of the document: {', '.join([*own, *passed_over])}"
    )
