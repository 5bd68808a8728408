"""sample_architectures: the children that a tick of a pipeline trains."""

from __future__ import annotations

from nas_lib.config import RoundsConfig
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener, procedure_of
from nas_lib.procedures.procedure import settings_of
from nas_lib.records import ChildId
from nas_lib.steps.aggregation import aggregate_rewards
from nas_lib.store import layout


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
    procedure = procedure_of(search.config)
    if procedure.proposes_at_length:
        settings_of(search, RoundsConfig)  # refuses
    while opened := procedure.propose(search, replica, run=run, listener=Listener()):
        if opened.to_train:
            return list(opened.to_train)
        first = str(ChildId(replica, opened.number, 0))
        aggregate_rewards(search, children=[first], run=run)
        procedure.learn(search, replica, opened.number, run=run)
    return [_finished_child(search, replica)]


def _finished_child(search: OpenSearch, replica: int) -> str:
    """Return a child that has its result: the replica's last round's, or else another replica's."""
    number = search.store.newest(layout.rounds(replica, "proposed"))
    if number is not None:
        return str(ChildId(replica, number, 0))
    return search.store.best(search.config.search.replicas)[0].id  # what others found ended it
