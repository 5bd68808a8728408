"""Shared weights (ENAS): one network owns the weights of all architectures.

It and the controller take turns. What they tell is trained from scratch, as the children of one
round, from which nothing is learned.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import islice
from statistics import fmean

from nas_lib.config import OwnChildrenConfig, SharedConfig
from nas_lib.controllers import draw_uniformly
from nas_lib.errors import ConfigError, plural
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.derivation import are_judged, derived_round
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.procedure import PipelineForm, Preview, Procedure, Stage, settings_of
from nas_lib.procedures.proposals import Assignment
from nas_lib.procedures.shared_training import train_shared_weights, weights_progress
from nas_lib.records import Derived, Learned, RunPlan, SharedEpoch
from nas_lib.results import SearchView
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import size_text, space_size
from nas_lib.store import layout
from nas_lib.store.search_store import MAX_RECORD

_WHAT = "shared weights"
_STEPS = 3  # that are timed, after one that warms up
_PATIENCE_S = 10.0  # after that, what was timed is enough


class Shared(Procedure[SharedConfig]):
    """Epochs of shared weights, then the one round of what they tell."""

    form = PipelineForm(
        name="enas-search", per_run="ticks_per_run", per_run_default=10, has_replicas=False
    )
    unit = "epoch"
    proposes_at_length = True
    round_ends_with = "rewarded"

    @property
    def num_rounds(self) -> int:
        """That of what is derived."""
        return 1

    @property
    def num_children(self) -> int:
        """Those that are kept and the probes; fewer if there are not so many different ones."""
        return self.settings.derive.keep + self.settings.derive.probes

    @property
    def children_per_round(self) -> int:
        """All of them."""
        return self.num_children

    def check_choice(self, *, rounds: bool, replicas: bool) -> None:
        """Refuse any."""
        if rounds or replicas:
            raise ConfigError(
                "a search by shared weights has neither rounds nor replicas to choose"
            )

    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether all that was derived is trained from scratch."""
        return are_judged(search)

    def num_done(self, search: OpenSearch, replica: int) -> int:
        """Return the finished epochs."""
        return weights_progress(search).epoch

    def is_behind(self, search: OpenSearch, plan: RunPlan) -> bool:
        """Say so where all epochs are done, too: the tick of the last one goes on to derive."""
        return weights_progress(search).is_complete or super().is_behind(search, plan)

    def first_step(self, search: OpenSearch) -> str:
        """Return more training of shared weights, and then deriving."""
        is_complete = weights_progress(search).is_complete
        return "derive_architectures" if is_complete else "train_shared_weights"

    def rounds_left(self, search: OpenSearch, replica: int) -> int:
        """Return 1: the round of what is derived."""
        return 1

    def ticks_left(self, search: OpenSearch, replica: int) -> int:
        """Return an epoch's tick each at most, and at least one to derive and to judge."""
        progress = weights_progress(search)
        return max(1, progress.num_epochs - progress.epoch)

    def propose(
        self, search: OpenSearch, replica: int, *, run: str, listener: Listener
    ) -> Assignment | None:
        """Train the shared weights to the end, and derive."""
        if self.is_finished(search, replica):
            return None
        train_shared_weights(search, run=run, on_epoch=listener.trained_shared_weights)
        return derived_round(search, run=run)

    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Return nothing: the controller learned from shared weights."""
        return None

    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with all epochs, and what was derived."""
        num_epochs = search.store.newest(layout.SHARED_EPOCHS) or 0
        keys = [layout.shared_epoch(number + 1) for number in range(num_epochs)]
        blobs = zip(keys, search.store.objects.get_many(keys, at_most=MAX_RECORD), strict=True)
        derived = search.store.find(Derived, layout.DERIVED)
        return replace(
            view,
            num_children=self.num_children
            if derived is None
            else len(derived.kept) + len(derived.probes),
            finished=not view.open_rounds and bool(view.rows),
            shared_epochs=tuple(
                search.store.parse(SharedEpoch, data, key=key) for key, data in blobs
            ),
            derived=derived,
        )

    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Return the number of epochs."""
        progress = weights_progress(search)
        return f"{progress.num_epochs - progress.epoch} epoch(s) of {_WHAT}"

    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return the epochs, and then the children."""
        children = Stage("children", total=num_rounds * self.num_children, title="from scratch")
        if not num_rounds:
            return (children,)
        progress = weights_progress(search)
        epochs = Stage("epochs", progress.num_epochs, progress.epoch, title=_WHAT, then="deriving")
        return epochs, children

    def preview(self, search: OpenSearch) -> Preview:
        """Build the network of all architectures, time some steps, and say how many there are."""
        num_parameters, num_steps, epoch_s = _tried(search)
        settings, controller = self.settings, search.controller
        children = search.config.children
        assert not isinstance(children, OwnChildrenConfig)  # there is data to share weights on
        num_samples = f"{settings.derive.num_samples:,}" + ("" if controller.learns else " or more")
        facts = {
            "space": f"{search.config.space.kind}, "
            f"{size_text(space_size(search.space, 1))} architectures",
            "controller": f"{search.config.controller.label}, "
            f"{controller.num_parameters:,} parameters",
            _WHAT: f"{num_parameters:,} parameters, "
            f"{plural(settings.weights.epochs, 'epoch')} of "
            f"{plural(num_steps, 'step')}; after each{self._learning(search)}",
            "children": f"{plural(self.num_children, 'child', 'children')}: the best "
            f"{settings.derive.keep} of {num_samples} samples and "
            f"{plural(settings.derive.probes, 'probe')}, each trained from scratch "
            f"for {plural(children.epochs, 'epoch')}",
        }
        return Preview(facts, before=_WHAT, before_s=epoch_s * settings.weights.epochs)

    def _learning(self, search: OpenSearch) -> str:
        settings = self.settings
        if not search.controller.learns:
            return ", a look at some architectures"
        late = (
            f" from epoch {settings.controller_after + 1} on" if settings.controller_after else ""
        )
        return (
            f"{late}, {plural(settings.controller_steps, 'controller step')} of "
            f"{plural(settings.architectures_per_step, 'architecture')}"
        )


def _tried(search: OpenSearch) -> tuple[int, int, float]:
    """Time steps of some architectures on the user's data.

    Returns:
        Parameters of the network of all architectures, mini-batches of an epoch, and the seconds
        that an epoch takes here, with the controller's steps.
    """
    settings = settings_of(search, SharedConfig)
    workload = search.task.workload(search.store)
    decisions = search.space.decisions(1)
    seed = seed_for(search.config.seed, Stream.PREVIEW)
    architectures = draw_uniformly(decisions, num=1 + _STEPS, seed=seed)
    training_s, judging_s = [], []
    steps = zip(architectures, islice(workload.batches(1), 1 + _STEPS), strict=False)
    for number, (tokens, batch) in enumerate(steps):
        started_s = time.perf_counter()
        objective, cross_entropy = workload.loss(batch, tokens)
        objective.backward()  # type: ignore[no-untyped-call]
        cross_entropy.item()  # waits for the device
        trained_s = time.perf_counter()
        workload.quick_score(tokens, number=number)
        training_s.append(trained_s - started_s)
        judging_s.append(time.perf_counter() - trained_s)
        if sum(training_s) + sum(judging_s) > _PATIENCE_S:
            break
    num_steps = workload.num_batches(1)
    num_judged = settings.controller_steps * settings.architectures_per_step
    epoch_s = num_steps * _warm_mean(training_s) + num_judged * _warm_mean(judging_s)
    num_parameters = sum(weight.numel() for weight in workload.network.parameters())
    return num_parameters, num_steps, epoch_s


def _warm_mean(seconds: list[float]) -> float:
    """Return the mean without the first, unless that is all."""
    return fmean(seconds[1:] or seconds)
