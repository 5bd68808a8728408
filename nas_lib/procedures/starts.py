"""Known architectures, which are a search's first children: of which rounds, and what is stored.

They are in the budget like any other, and judged here. The controller learns from them as if it had
proposed them: a lesson takes any tokens that answer the decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nas_lib.architecture import Architecture
from nas_lib.config import RoundsConfig
from nas_lib.errors import ArchitectureError, ConfigError, CorruptStateError, plural
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.proposals import ANY_DEPTH, architecture_misfit
from nas_lib.procedures.repeats import rounds_by_replica
from nas_lib.records import ChildId, ChildRow, KnownRound, Start
from nas_lib.spaces import Space, num_tokens
from nas_lib.spaces.decisions import check_tokens
from nas_lib.store import layout


def rounds_of(
    space: Space, settings: RoundsConfig, architectures: Sequence[Architecture]
) -> tuple[KnownRound, ...]:
    """Return the rounds of all replicas that known architectures begin.

    A round is of one depth: where the space has several, those of a depth are together, and the
    first of each in the order in which they are given.

    Args:
        space: The space.
        settings: How large rounds are, and how many.
        architectures: With the tokens of this space, each once.

    Raises:
        ConfigError: The budget does not hold them.
    """
    by_depth: dict[int, list[Architecture]] = {}
    for each in architectures:
        by_depth.setdefault(_depth_of(space, each), []).append(each)
    size = settings.children_per_round
    found = tuple(
        KnownRound(depth, tuple(known[start : start + size]))
        for depth, known in by_depth.items()
        for start in range(0, len(known), size)
    )
    _check_budget(settings, found, num=len(architectures))
    return found


def known_round(
    search: OpenSearch, settings: RoundsConfig, replica: int, number: int
) -> KnownRound | None:
    """Return what is known of a replica's round before it is proposed, None where nothing is.

    Args:
        search: The search.
        settings: Its settings.
        replica: The controller replica.
        number: Its round, without those in which the best are trained again.

    Raises:
        CorruptStateError: What is stored is of another space.
    """
    index = number * settings.replicas + replica
    if settings.start_from is None or index >= settings.start_from.most:
        return None  # without asking the store: nearly all rounds are later ones
    rounds = search.store.read(Start, layout.START).rounds
    if index >= len(rounds):
        return None
    if wrong := _misfit(search, settings, rounds[index]):
        raise CorruptStateError.of_content(layout.START, wrong)
    return rounds[index]


def _misfit(search: OpenSearch, settings: RoundsConfig, known: KnownRound) -> str:
    """Say why a round cannot begin like this; empty if it can."""
    if known.depth == ANY_DEPTH or not 1 <= len(known.architectures) <= settings.children_per_round:
        return f"a round cannot begin with {len(known.architectures)} of depth {known.depth}"
    wrong = (architecture_misfit(search, each, depth=known.depth) for each in known.architectures)
    return next(filter(None, wrong), "")


def num_known(search: OpenSearch, settings: RoundsConfig) -> int:
    """Return how many known architectures a search begins with."""
    return sum(len(each.architectures) for each in _rounds(search, settings))


def are_known(
    search: OpenSearch, settings: RoundsConfig, rows: Iterable[ChildRow]
) -> frozenset[str]:
    """Return the ids of those children that came first, as known architectures.

    Args:
        search: The search.
        settings: Its settings.
        rows: Its children, without those that are trained again.
    """
    rounds = _rounds(search, settings)
    if not rounds:
        return frozenset()
    known = {
        divmod(index, settings.replicas): len(each.architectures)
        for index, each in enumerate(rounds)
    }
    return frozenset(
        row.id
        for replica, found in rounds_by_replica(rows).items()
        for number, of_round in enumerate(found)
        for row in of_round
        if ChildId.parse(row.id).index < known.get((number, replica), 0)
    )


def _rounds(search: OpenSearch, settings: RoundsConfig) -> tuple[KnownRound, ...]:
    """Return the rounds that known architectures begin, as they are stored."""
    start = None if settings.start_from is None else search.store.find(Start, layout.START)
    return () if start is None else start.rounds


def as_of(space: Space, given: Architecture) -> Architecture:
    """Return an architecture that a person, or another search, has named as one of this space.

    Raises:
        ArchitectureError: It is none.
        ConfigError: The space is one of the user's own, which cannot say.
    """
    named = Architecture(space.name, given.tokens, given.config)
    found = space.decode(space.encode(named))
    if found.config != given.config:
        raise ArchitectureError(f"not an architecture of this space: {given.config}")
    check_tokens(space.decisions(_depth_of(space, found)), found.tokens)
    return found


def _depth_of(space: Space, architecture: Architecture) -> int:
    """Return the depth that an architecture has: that of the first children, if it may.

    Raises:
        ArchitectureError: The space has no architecture with so many decisions.
    """
    length = len(architecture.tokens)
    depths: Iterable[int] = (space.depth(0), *range(space.max_depth, 0, -1))
    for depth in depths:
        if num_tokens(space.decisions(depth)) == length:
            return depth
    raise ArchitectureError(f"{length} tokens are no architecture of this space")


def _check_budget(settings: RoundsConfig, rounds: Sequence[KnownRound], *, num: int) -> None:
    """Refuse a budget in which a known architecture would not be judged."""
    size = settings.children_per_round
    for index, each in enumerate(rounds):
        number, replica = divmod(index, settings.replicas)
        is_held = number * size + len(each.architectures) <= settings.share(replica)
        if not (number < settings.rounds if settings.repeats == "train" else is_held):
            needed = -(-len(rounds) // settings.replicas) * settings.replicas * size
            known = plural(num, "known architecture")
            raise ConfigError(
                f"search.max_children ({settings.max_children:,}) should hold the {known} of "
                f"search.start_from: set it to {needed:,} or more, or name fewer"
            )
