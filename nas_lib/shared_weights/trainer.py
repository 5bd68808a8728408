"""SharedTrainer: shared weights and their controller, taking turns (ENAS, section 2.2).

An epoch is one pass over the training data, each mini-batch with an architecture of its own
(M = 1), and then the controller's steps, each from several architectures on a validation mini-batch
each. The controller stands still during the pass, so its architectures are all drawn at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from nas_lib.config import SharedConfig
from nas_lib.controllers import Controller, Gradient, Shard
from nas_lib.records import SharedEpoch
from nas_lib.shared_weights.checkpoint import SharedCheckpoint
from nas_lib.shared_weights.workload import WORST_PERPLEXITY, Tokens, Workload, finite_score
from nas_lib.spaces import Decision
from nas_lib.training.epochs import DROPOUT, DivergedError, check_finite, epoch_seed
from nas_lib.training.momentum import momentum_of, set_momentum
from nas_lib.training.schedule import learning_rate

_SAMPLE, _CONTROLLER = 10, 11  # streams of randomness; `steps` has those below 10


class SharedTrainer:
    """Trains shared weights, epoch by epoch.

    Each epoch's randomness comes from the search's seed and the epoch, so a restored trainer goes
    on exactly as it would have.

    Attributes:
        epoch: Finished epochs.
        shards: The controller.
    """

    def __init__(
        self,
        shared: SharedConfig,
        workload: Workload,
        controller: Controller,
        decisions: Sequence[Decision],
        *,
        shards: Sequence[Shard],
        seed: int,
        run: str,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin before the first epoch.

        Args:
            shared: How to train.
            workload: The super-network and its data.
            controller: Who proposes; one without parameters learns nothing (random search).
            decisions: Those of the space.
            shards: The controller's first state.
            seed: The search's.
            run: This run.
            beat: Is called often, to show life.
        """
        self.epoch = 0
        self.shards = list(shards)
        self._shared, self._workload = shared, workload
        self._controller, self._decisions = controller, decisions
        self._seed, self._run, self._beat = seed, run, beat
        self._weights = list(workload.network.parameters())  # thousands: they are listed once
        self._optimizer = torch.optim.SGD(
            self._weights,
            shared.learning_rate,
            momentum=shared.momentum,
            nesterov=shared.nesterov,
            weight_decay=shared.weight_decay,
        )

    def run_epoch(self) -> SharedEpoch:
        """Train for one epoch, then let the controller learn.

        Raises:
            DivergedError: The loss or a weight is no finite number any more.
        """
        epoch, started_s = self.epoch + 1, time.perf_counter()
        torch.manual_seed(epoch_seed(self._seed, epoch, DROPOUT))
        rate = learning_rate(self._shared, (epoch - 1) / self._shared.epochs)
        train_loss, num_steps = self._train(epoch, rate)
        trained_s = time.perf_counter()
        learned = self._learn(epoch)
        self.epoch = epoch
        return SharedEpoch(
            epoch=epoch,
            run=self._run,
            train_loss=train_loss,
            learning_rate=rate,
            num_steps=num_steps,
            num_evaluations=learned.num_evaluations,
            mean_score=learned.mean_score,
            mean_reward=learned.mean_reward,
            baseline=self.shards[0].baseline,
            entropy=learned.entropy,
            seconds=trained_s - started_s,
            controller_seconds=time.perf_counter() - trained_s,
            created_s=time.time(),
        )

    def checkpoint(self, metrics: SharedEpoch) -> SharedCheckpoint:
        """Return the state after the epoch with these metrics."""
        return SharedCheckpoint(
            metrics,
            network=self._workload.network.state_dict(),
            momentum=momentum_of(self._workload.network, self._optimizer),
            controller=tuple(self.shards),
        )

    def restore(self, checkpoint: SharedCheckpoint) -> None:
        """Go on from a checkpoint that fits the network."""
        self.epoch = checkpoint.metrics.epoch
        self.shards = list(checkpoint.controller)
        self._workload.network.load_state_dict(dict(checkpoint.network))
        set_momentum(self._workload.network, self._optimizer, checkpoint.momentum)

    def _train(self, epoch: int, rate: float) -> tuple[float, int]:
        """Return the mean cross-entropy, each mini-batch's before its step, and their number."""
        num_steps = self._workload.num_batches(epoch)
        architectures = self._controller.propose(
            self.shards, decisions=self._decisions, num=num_steps, seed=[self._seed, _SAMPLE, epoch]
        )
        losses = []
        batches = self._workload.batches(epoch)
        for batch, tokens in zip(batches, architectures, strict=True):
            self._optimizer.param_groups[0]["lr"] = rate * batch.weight
            objective, cross_entropy = self._workload.loss(batch, tokens)
            self._optimizer.zero_grad(set_to_none=True)
            objective.backward()  # type: ignore[no-untyped-call]
            self._clip()
            self._optimizer.step()  # weights not in use have no gradient, and stay
            losses.append(cross_entropy.detach())
            self._beat()
        losses_S = torch.stack(losses)
        # The epoch's one wait for the device. One that overflowed says nothing of the others.
        mean_loss = losses_S[torch.isfinite(losses_S)].mean().item()
        try:
            check_finite(epoch, mean_loss, 0.0, self._workload.network)
        except DivergedError as err:
            raise DivergedError(
                f"the shared weights diverged: {err}; start anew with a smaller "
                "shared.learning_rate or shared.clip_norm"
            ) from err
        return mean_loss, num_steps

    def _clip(self) -> None:
        """Shorten the gradient; one that is not finite counts as zero."""
        if self._shared.clip_norm is None:
            return
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        factor = (self._shared.clip_norm / (norm + 1e-6)).clamp(max=1)
        torch._foreach_mul_(gradients, torch.where(torch.isfinite(norm), factor, 0))
        for gradient in gradients:
            gradient.nan_to_num_(nan=0.0)  # no number times 0 is none either

    def _learn(self, epoch: int) -> _Lessons:
        shared = self._shared
        learns = self._controller.num_parameters > 0 and epoch > shared.controller_after
        lessons = _Lessons()
        for step in range(shared.controller_steps if learns else 1):
            number = (epoch - 1) * shared.controller_steps + step
            architectures = self._controller.propose(
                self.shards,
                decisions=self._decisions,
                num=shared.architectures_per_step,
                seed=[self._seed, _CONTROLLER, number],
            )
            scores = [self._quick_score(t, number, i) for i, t in enumerate(architectures)]
            lessons.scores += scores
            if learns:
                lessons.add(self._step(architectures, scores, number))
        return lessons

    def _quick_score(self, tokens: Tokens, number: int, index: int) -> float:
        self._beat()
        which = number * self._shared.architectures_per_step + index
        return finite_score(self._workload, self._workload.quick_score(tokens, number=which))

    def _step(
        self, architectures: Sequence[Tokens], scores: Sequence[float], number: int
    ) -> Gradient:
        """Let the controller learn from scores; return what it learned."""
        rewards = [self._workload.reward(score) for score in scores]
        gradient = self._controller.gradient(
            self.shards, decisions=self._decisions, tokens=architectures, rewards=rewards
        )
        self.shards = [
            self._controller.apply(shard, gradient, replica=0, round=number)
            for shard in self.shards
        ]
        return gradient


class _Lessons:
    """What the controller's steps of one epoch came to."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.rewards: list[float] = []
        self.entropy: float | None = None

    def add(self, gradient: Gradient) -> None:
        """Add what one step taught."""
        self.rewards += gradient.rewards
        self.entropy = gradient.entropy

    @property
    def num_evaluations(self) -> int:
        return len(self.rewards)

    @property
    def mean_score(self) -> float:
        """The mean of those that did not overflow, if there are any."""
        usual = [score for score in self.scores if score != WORST_PERPLEXITY] or self.scores
        return sum(usual) / len(usual)

    @property
    def mean_reward(self) -> float | None:
        return sum(self.rewards) / len(self.rewards) if self.rewards else None
