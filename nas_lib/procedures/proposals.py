"""A round's children: what is stored of them before they are trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nas_lib.architecture import Architecture
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.crashes import crash_of_all, forget, is_closed
from nas_lib.records import Child, ChildId, ChildResult, Proposed
from nas_lib.seeds import Stream, seed_for
from nas_lib.store import layout


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


def unfinished(search: OpenSearch, proposed: Proposed, *, run: str) -> list[str]:
    """Return the round's children that have no result, or its first one where all have.

    So there is always one, whose training may be a no-op: a Kubeflow loop must not be empty.
    Where all crashed alike, which stopped a run before this one, they are tried again.

    Raises:
        CrashedRoundError: It was this run.
    """
    ids = [child.id for child in proposed.children]
    results = [search.store.find(ChildResult, layout.child_result(child)) for child in ids]
    crash = crash_of_all(search, proposed, results)
    if crash and not is_closed(search, proposed):
        forget(search, proposed, crash, run=run)
        return ids
    left = [child for child, result in zip(ids, results, strict=True) if result is None]
    return left or ids[:1]
