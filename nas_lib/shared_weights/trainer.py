"""SharedTrainer: shared weights and their controller, taking turns (ENAS, section 2.2).

An epoch is one pass over the training data, each mini-batch with an architecture of its own
(M = 1), and then the controller's steps, each from several architectures on a validation mini-batch
each, or all on the same one. The controller stands still during the pass, so its architectures are
all drawn at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from nas_lib.config import SharedConfig
from nas_lib.controllers import Controller, Lesson, Shard
from nas_lib.records import SharedEpoch
from nas_lib.seeds import Stream, seed_for
from nas_lib.shared_weights.checkpoint import SharedCheckpoint
from nas_lib.shared_weights.workload import WORST_SCORE, Tokens, Workload, finite_score
from nas_lib.spaces import Decision
from nas_lib.training.epoch_trainer import DivergedError, check_finite, check_weights
from nas_lib.training.optimizers import remembered, remind
from nas_lib.training.schedule import learning_rate


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
        in_common: bool,
        goodness: Callable[[float], float],
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
            in_common: Whether all architectures of a controller step have the same batches.
            goodness: Of a score, as the controller is to maximise it.
            seed: The search's.
            run: This run.
            beat: Is called often, to show life.
        """
        self.epoch = 0
        self.shards = list(shards)
        self._shared, self._settings, self._workload = shared, shared.weights, workload
        self._controller, self._decisions = controller, decisions
        self._in_common, self._goodness = in_common, goodness
        self._seed, self._run, self._beat = seed, run, beat
        self._weights = list(workload.network.parameters())  # thousands: they are listed once
        self._optimizer = torch.optim.SGD(
            self._weights,
            shared.weights.learning_rate,
            momentum=shared.weights.momentum,
            nesterov=shared.weights.nesterov,
            weight_decay=shared.weights.weight_decay,
        )

    def run_epoch(self) -> SharedEpoch:
        """Train for one epoch, then let the controller learn.

        Raises:
            DivergedError: The loss or a weight is no finite number any more.
        """
        epoch, started_s = self.epoch + 1, time.perf_counter()
        torch.manual_seed(seed_for(self._seed, Stream.SHARED_DROPOUT, epoch))
        # from epoch to epoch, not from step to step, as in the code
        rate = learning_rate(self._settings, (epoch - 1) / self._settings.epochs)
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
            metrics=learned.metrics,
            seconds=trained_s - started_s,
            controller_seconds=time.perf_counter() - trained_s,
            created_s=time.time(),
        )

    def checkpoint(self, metrics: SharedEpoch) -> SharedCheckpoint:
        """Return the state after the epoch with these metrics."""
        return SharedCheckpoint(
            metrics,
            network=self._workload.network.state_dict(),
            **remembered(self._workload.network, self._optimizer),
            controller=tuple(self.shards),
        )

    def restore(self, checkpoint: SharedCheckpoint) -> None:
        """Go on from a checkpoint that fits the network."""
        self.epoch = checkpoint.metrics.epoch
        self.shards = list(checkpoint.controller)
        self._workload.network.load_state_dict(dict(checkpoint.network))
        remind(self._workload.network, self._optimizer, {"momentum": checkpoint.momentum})

    def _train(self, epoch: int, rate: float) -> tuple[float, int]:
        """Return the mean cross-entropy, each mini-batch's before its step, and their number."""
        num_steps = self._workload.num_batches(epoch)
        # Section 2.2: the gradient of the expected loss, from one architecture per mini-batch
        # (M = 1), which the paper found enough.
        architectures = self._controller.propose(
            self.shards,
            decisions=self._decisions,
            num=num_steps,
            seed=seed_for(self._seed, Stream.SHARED_PROPOSE, epoch),
        )
        losses = []
        batches = self._workload.batches(epoch)
        for batch, tokens in zip(batches, architectures, strict=True):
            # a text's shorter pieces move the weights less (Merity et al. 2018, section 4.1)
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
            check_finite(epoch, {"training loss": mean_loss})
            check_weights(epoch, self._workload.network)
        except DivergedError as err:
            raise DivergedError(
                f"the shared weights diverged: {err}; start anew with a smaller "
                "search.weights.learning_rate or search.weights.clip_norm"
            ) from err
        return mean_loss, num_steps

    def _clip(self) -> None:
        """Shorten the gradient; one that is not finite counts as zero."""
        if self._settings.clip_norm is None:
            return
        # By the norm of all together. The published code for images asks for 5 per tensor, and by a
        # slip applies none of it.
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        factor = (self._settings.clip_norm / (norm + 1e-6)).clamp(max=1)
        torch._foreach_mul_(gradients, torch.where(torch.isfinite(norm), factor, 0))
        for gradient in gradients:
            gradient.nan_to_num_(nan=0.0)  # no number times 0 is none either

    def _learn(self, epoch: int) -> _Lessons:
        shared = self._shared
        # Where nothing is learnt, one step's architectures are scored all the same, to look at.
        learns = self._controller.learns and epoch > shared.controller_after
        lessons = _Lessons()
        for step in range(shared.controller_steps if learns else 1):
            number = (epoch - 1) * shared.controller_steps + step
            architectures = self._controller.propose(
                self.shards,
                decisions=self._decisions,
                num=shared.architectures_per_step,
                seed=seed_for(self._seed, Stream.CONTROLLER_STEP, number),
            )
            # Section 2.2: rewards are of validation data, else overfitting would be rewarded.
            scores = [self._quick_score(t, number, i) for i, t in enumerate(architectures)]
            lessons.scores += scores
            if learns:
                lesson = self._step(architectures, scores, number)
                lessons.add(lesson, self._controller.metrics(lesson, self.shards))
        return lessons

    def _quick_score(self, tokens: Tokens, number: int, index: int) -> float:
        self._beat()
        which = number
        if not self._in_common:
            which = number * self._shared.architectures_per_step + index
        return finite_score(self._workload, self._workload.quick_score(tokens, number=which))

    def _step(
        self, architectures: Sequence[Tokens], scores: Sequence[float], number: int
    ) -> Lesson:
        """Let the controller learn from scores; return what they taught."""
        rewards = [self._goodness(score) for score in scores]
        lesson = self._controller.lesson(
            self.shards, decisions=self._decisions, tokens=architectures, rewards=rewards
        )
        self.shards = [
            self._controller.apply(shard, lesson, replica=0, round=number) for shard in self.shards
        ]
        return lesson


class _Lessons:
    """What the controller's steps of one epoch came to."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.num_evaluations = 0
        self._steps: list[dict[str, float]] = []

    def add(self, lesson: Lesson, metrics: dict[str, float]) -> None:
        """Add what one step taught, and came to."""
        self.num_evaluations += len(lesson.rewards)
        self._steps.append(metrics)

    @property
    def mean_score(self) -> float:
        """The mean of those that did not overflow, if there are any."""
        usual = [score for score in self.scores if score != WORST_SCORE] or self.scores
        return sum(usual) / len(usual)

    @property
    def metrics(self) -> dict[str, float]:
        """Those of the last step, with the mean reward over all of them; empty without a step."""
        if not self._steps:
            return {}
        rewards = [step["mean_reward"] for step in self._steps]
        return {**self._steps[-1], "mean_reward": sum(rewards) / len(rewards)}
