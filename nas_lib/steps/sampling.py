"""sample_architectures: the children that a tick of a pipeline trains."""

from __future__ import annotations

from nas_lib.open_search import OpenSearch
from nas_lib.procedures.rounds import propose_round, update_controller
from nas_lib.records import ChildId
from nas_lib.steps.aggregation import aggregate_rewards


def sample_architectures(search: OpenSearch, *, replica: int, run: str) -> list[str]:
    """Let the controller propose a round's children, and return those that have no result.

    An open round is gone on with. A round in which nothing is left to train is learned from here,
    and the next one proposed: pods are for training.

    Returns:
        At least one child, for a Kubeflow loop must not be empty. Where the replica is finished it
        is one that has its result, and training it is a no-op.

    Raises:
        ConfigError: The search is one of another procedure.
    """
    while (opened := propose_round(search, replica=replica, run=run)) is not None:
        if opened.to_train:
            return list(opened.to_train)
        first = str(ChildId(replica, opened.number, 0))
        aggregate_rewards(search, children=[first], run=run)
        update_controller(search, replica=replica, round=opened.number, run=run)
    return [_finished_child(search, replica)]


def _finished_child(search: OpenSearch, replica: int) -> str:
    """Return a child that has its result: the replica's last round's, or else another replica's."""
    number = search.store.open_round(replica)
    if number:
        return str(ChildId(replica, number - 1, 0))
    return search.store.best(search.config.search.replicas)[0].id  # what others found ended it
