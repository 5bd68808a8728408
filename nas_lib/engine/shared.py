"""SharedEngine: one run of a search by shared weights (ENAS) on this machine."""

from __future__ import annotations

import secrets

from nas_lib import steps
from nas_lib.engine.listener import Listener
from nas_lib.engine.one_round import train_round
from nas_lib.engine.run import refuse_held, reported
from nas_lib.engine.trainers import MakeTrainer
from nas_lib.report import SearchView
from nas_lib.steps import OpenSearch
from nas_lib.store import lease

_REPLICA = 0  # there is only one


class SharedEngine:
    """Shared weights in this process, then what they tell in the trainer's."""

    def __init__(
        self, search: OpenSearch, *, trainer: MakeTrainer, listener: Listener, workers: int
    ) -> None:
        """Take the opened search.

        Args:
            search: The search, prepared.
            trainer: Makes the trainer, once there are children to train.
            listener: Is told how the search goes on.
            workers: Children that the trainer trains at once, for the listener.
        """
        self.run_id = secrets.token_hex(4)
        self._search = search
        self._trainer = trainer
        self._listener = listener
        self._workers = workers

    def run(self) -> SearchView:
        """Do what is left of the search.

        Raises:
            SearchHeldError: Another run is at work on it.
            InterruptedSearchError: Ctrl-C, or SIGTERM where the command turns it into that.
        """
        return reported(self._search, self.run_id, self._do)

    def _do(self) -> None:
        search, run = self._search, self.run_id
        plan = steps.plan_rounds(search, replica=_REPLICA, run=run)
        refuse_held(search, plan)
        try:
            is_finished = steps.is_finished(search, _REPLICA, 0)
            self._listener.opened(search, num_rounds=int(not is_finished), workers=self._workers)
            if not is_finished:
                steps.train_shared_weights(
                    search, run=run, on_epoch=self._listener.trained_shared_weights
                )
                self._judge_from_scratch(steps.derive_architectures(search, run=run))
        finally:
            lease.release(search.store, _REPLICA, run)

    def _judge_from_scratch(self, children: list[str]) -> None:
        self._listener.proposed(_REPLICA, 0, children)
        with self._trainer(self.run_id) as trainer:
            train_round(self._search, children, run=self.run_id, trainer=trainer)
        steps.aggregate_rewards(self._search, children=children, run=self.run_id)
