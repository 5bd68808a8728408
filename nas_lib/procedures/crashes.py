"""Rounds all of whose children crashed alike: what they have in common is to blame, not they.

Such a round stays open, so that nothing is learned from it and no budget is lost. Its run has come
to its end: on Kubeflow, where ticks follow on one that failed, those fail too. The next run that
goes on with the round tries its children again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nas_lib.errors import CrashedRoundError
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, ChildRow, Proposed, Rewarded
from nas_lib.store import layout

Outcome = ChildResult | ChildRow | None
_FEWEST = 2  # of one child nobody can tell whose fault it was
_NUMBERED = re.compile(r"\w*\d\w*")  # numbers, addresses, ids, names of pods


def crash_of_all(search: OpenSearch, proposed: Proposed, outcomes: Sequence[Outcome]) -> str:
    """Return what the crashes of all of a round's children say, if it is the same but for numbers.

    Empty if it is not, if some that the round waits for have no result yet, or if the search is to
    go on with such rounds. Repeats have no crash of their own: for each of them, and for a round of
    one child, those of the rounds before are looked at.
    """
    if search.config.children.when_all_crash == "go_on":
        return ""
    both = zip(proposed.children, outcomes, strict=True)
    new = [outcome for child, outcome in both if child.repeat_of is None]
    known = [outcome for outcome in new if outcome is not None]
    crashes = [outcome.message for outcome in known if outcome.status == "crashed"]
    num_needed = min(search.config.search.wait_for or len(new), len(new))
    if not crashes or len(crashes) < max(len(known), num_needed):
        return ""
    enough = max(_FEWEST, len(proposed.children))
    if len(new) < enough:
        crashes += _crashes_before(search, proposed, most=enough - len(new))
    alike = len({_NUMBERED.sub("#", message) for message in crashes}) == 1
    return crashes[0] if alike and len(crashes) >= _FEWEST else ""


def crashed_round(proposed: Proposed, crash: str) -> CrashedRoundError:
    """Return the error that stops a run: what happened, and what to do."""
    has_repeats = any(child.repeat_of is not None for child in proposed.children)
    but = ", but for repeats," if has_repeats else ""
    return CrashedRoundError(
        f"all children of round {proposed.round + 1} of replica {proposed.replica}{but} crashed "
        f"alike ({crash}): mend the cause and go on with the search, which tries them again; "
        "with children.when_all_crash: go_on they count as crashed"
    )


def forget(search: OpenSearch, proposed: Proposed, crash: str, *, run: str) -> None:
    """Let the children of a round that is not closed, and all crashed alike, begin anew.

    Raises:
        CrashedRoundError: It was in this very run.
    """
    first = next(child for child in proposed.children if child.repeat_of is None)
    if _run_of(search, first.id) == run:
        raise crashed_round(proposed, crash)
    for child in proposed.children:
        search.store.delete_attempts(child.id)  # before the result: a kill ...
        search.store.objects.delete(layout.child_result(child.id))  # ... between does no harm


def is_closed(search: OpenSearch, proposed: Proposed) -> bool:
    """Say whether the round's results are collected."""
    key = layout.round_state(proposed.replica, proposed.round, "rewarded")
    return search.store.find(Rewarded, key) is not None


def _run_of(search: OpenSearch, child: str) -> str:
    """Return the run of a child's newest attempt, empty if there is none."""
    number = search.store.newest(layout.attempts(child))
    if number is None:
        return ""
    return str(search.store.read(dict[str, Any], layout.attempt(child, number)).get("run", ""))


def _crashes_before(search: OpenSearch, proposed: Proposed, *, most: int) -> list[str]:
    """Return what the last so many other architectures crashed by, empty for those that did not."""
    again = {child.architecture.id for child in proposed.children if child.repeat_of is None}
    found: list[str] = []
    for round_ in reversed(range(proposed.round)):
        key = layout.round_state(proposed.replica, round_, "rewarded")
        rows = [row for row in search.store.read(Rewarded, key).rows if not row.is_repeat]
        others = [row for row in rows if row.architecture.id not in again]
        found += [row.message if row.status == "crashed" else "" for row in others]
        if len(found) >= most:
            break
    return found
