"""A round's children: what is stored of them before they are trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError, ConfigError, CorruptStateError, one_line
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.crashes import crash_of_all, forget, is_closed
from nas_lib.records import Child, ChildId, ChildResult, Proposed
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces.decisions import check_tokens
from nas_lib.store import layout

ANY_DEPTH = 0
"""Of a round whose architectures are each of a depth of their own."""


def proposal(
    search: OpenSearch,
    replica: int,
    number: int,
    architectures: Iterable[Architecture],
    *,
    run: str,
    created_s: float,
    depth: int = 1,
    versions: Sequence[int] = (),
) -> Proposed:
    """Return a round of children with these architectures, each with a seed of its own.

    Args:
        search: The search.
        replica: Who proposes.
        number: The replica's round.
        architectures: In the order of the children's indices.
        run: The run that proposes.
        created_s: When, in seconds since 1970.
        depth: Of the space in this round.
        versions: Of the shards at which they were sampled.
    """
    children = tuple(
        Child(
            id=str(ChildId(replica, number, index)),
            architecture=architecture,
            seed=seed_for(search.config.seed, Stream.CHILD, replica, number, index),
        )
        for index, architecture in enumerate(architectures)
    )
    return Proposed(replica, number, run, depth, tuple(versions), children, created_s=created_s)


def confirming_child(search: OpenSearch, id: str, first: Child, training: int) -> Child:
    """Return a child that trains another one again, the so many-th time."""
    child = Child(id, first.architecture, seed=0, confirms=first.id, training=training)
    return replace(child, seed=_seed(search, child))


@dataclass(frozen=True)
class Assignment:
    """What is to be done of a round that is proposed.

    Attributes:
        number: The replica's round.
        to_train: Its children that have no result; of its repeats none, they wait for their first.
        num_done: Those that have one, without repeats.
        num_repeats: Its repeats.
        is_again: Whether its children are the search's best, trained again.
    """

    number: int
    to_train: tuple[str, ...]
    num_done: int = 0
    num_repeats: int = 0
    is_again: bool = False


def assignment(search: OpenSearch, proposed: Proposed, *, run: str) -> Assignment:
    """Return what is to be done of a round that was stored before.

    Where all crashed alike, which stopped a run before this one, they are tried again.

    Raises:
        CrashedRoundError: It was this run.
    """
    results = search.store.each(search.store.find_result, [each.id for each in proposed.children])
    crash = crash_of_all(search, proposed, results)
    if crash and not is_closed(search, proposed):
        forget(search, proposed, crash, run=run)
        results = [None] * len(results)
    return _assignment(proposed, results)


def settle_round(search: OpenSearch, fresh: Proposed, *, run: str) -> Assignment:
    """Store a new round, unless another run was first, and return what is to be done of it."""
    key = layout.round_state(fresh.replica, fresh.round, "proposed")
    proposed = search.store.settle(key, fresh)
    if proposed is not fresh:
        return assignment(search, proposed, run=run)
    return _assignment(fresh, [None] * len(fresh.children))  # nobody can have trained them


def _assignment(proposed: Proposed, results: Sequence[ChildResult | None]) -> Assignment:
    outcomes = zip(proposed.children, results, strict=True)
    new = {child.id: result for child, result in outcomes if child.repeat_of is None}
    left = tuple(child for child, result in new.items() if result is None)
    return Assignment(
        proposed.round,
        left,
        num_done=len(new) - len(left),
        num_repeats=len(results) - len(new),
        is_again=any(child.confirms for child in proposed.children),
    )


def find_round(search: OpenSearch, replica: int, number: int) -> Proposed | None:
    """Return a stored round, None where there is none.

    Raises:
        CorruptStateError: It is none that this search can have proposed.
    """
    proposed = search.store.find(Proposed, layout.round_state(replica, number, "proposed"))
    return None if proposed is None else _checked(search, proposed, proposed.children)


def read_round(search: OpenSearch, replica: int, number: int) -> Proposed:
    """Return a stored round.

    Raises:
        ObjectNotFoundError: There is none.
        CorruptStateError: It is none that this search can have proposed.
    """
    proposed = search.store.read(Proposed, layout.round_state(replica, number, "proposed"))
    return _checked(search, proposed, proposed.children)


def proposed_child(search: OpenSearch, child: str) -> Child:
    """Return a child as it is to be trained.

    Raises:
        ConfigError: Nobody has proposed it.
    """
    proposed, which = search.store.proposed(child), ChildId.parse(child)
    found = proposed.children[which.index : which.index + 1]
    if not found:
        num = len(proposed.children)
        raise ConfigError(f"{search.uri} has no child {child}: its round has {num}")
    _checked(search, proposed, found)  # the others have their own workers
    return found[0]


def architecture_misfit(search: OpenSearch, found: Architecture, *, depth: int = 1) -> str:
    """Say why a stored architecture is none of the space; empty if it is."""
    if not 0 <= depth <= search.space.max_depth:
        return f"the space has no depth {depth}"
    try:
        if depth != ANY_DEPTH:
            check_tokens(search.space.decisions(depth), found.tokens)
        right = search.space.decode(found.tokens)
    except ArchitectureError as err:
        return one_line(err, 200)
    return "" if right == found else "the text of an architecture is not what its tokens say"


def _checked(search: OpenSearch, proposed: Proposed, children: Iterable[Child]) -> Proposed:
    key = layout.round_state(proposed.replica, proposed.round, "proposed")
    if search.store.made(Proposed, key) is proposed:
        return proposed
    wrong = next(_misfits(search, proposed, children), "")
    if not wrong:
        return proposed
    raise CorruptStateError.of_content(key, wrong)


def _misfits(search: OpenSearch, proposed: Proposed, children: Iterable[Child]) -> Iterator[str]:
    num_shards = search.config.search.shards
    if len(proposed.versions) not in (0, num_shards):
        yield f"it has {len(proposed.versions)} versions of {num_shards} shards"
    for child in children:
        if wrong := architecture_misfit(search, child.architecture, depth=proposed.depth):
            yield wrong
        if child.seed != _seed(search, child):
            yield f"the seed of {child.id} is another"


def _seed(search: OpenSearch, child: Child) -> int:
    """Return a child's seed; one that is trained again has the same whoever does it."""
    which = ChildId.parse(child.confirms or child.id)
    numbers = (which.replica, which.round, which.index)
    if child.confirms is None:
        return seed_for(search.config.seed, Stream.CHILD, *numbers)
    return seed_for(search.config.seed, Stream.CONFIRM, *numbers, child.training)
