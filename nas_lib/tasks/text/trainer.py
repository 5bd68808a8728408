"""TextTrainer: a language model that learns a text, and how well it does on another.

What is said of words holds for characters, where a text is made of these.

Shapes: T words of a piece of text, B columns, N words, H units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from nas_lib.config import TextChildrenConfig
from nas_lib.networks import LanguageModel, build_language_model, count_language_model
from nas_lib.records import Child
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import Plan
from nas_lib.tasks.text.batches import Piece, TextSplits, evaluation_text_batches, text_batches
from nas_lib.tasks.text.preparation import TextManifest
from nas_lib.training.epoch_trainer import EpochTrainer, Validation

_COLUMNS = 10  # of a text, whose states begin with zeros: the same for all, so that all compare
_PIECE = 35  # words; no result depends on it, but for rounding


class TextTrainer(EpochTrainer):
    """Trains one child on a text.

    The state is zero at the start of an epoch and carried over from piece to piece, through which
    no gradient flows. The weights' average is a moving one, or their mean from some epoch on.
    """

    def __init__(
        self,
        child: Child,
        plan: Plan,
        children: TextChildrenConfig,
        text: TextSplits,
        manifest: TextManifest,
        device: torch.device,
    ) -> None:
        """Build the child's language model, with first weights by its own seed.

        Args:
            child: Whose seed it is.
            plan: What to build.
            children: How it is trained.
            text: To train on, and to judge by.
            manifest: What it is.
            device: Where to compute.
        """
        torch.manual_seed(seed_for(child.seed, Stream.FIRST_WEIGHTS))
        model = build_language_model(plan, num_words=manifest.num_words, training=children.text)
        cost = count_language_model(model)
        self._model: LanguageModel = model.to(device)
        super().__init__(
            self._model,
            cost,
            children,
            measure=manifest.scoring.measure,
            seed=child.seed,
        )
        self._train, self._valid = text.train.to(device), text.valid.to(device)
        if children.include_validation:
            self._train = torch.cat([self._train, self._valid])
        self._children, self._scoring = children, manifest.scoring

    def _first_averaged(self) -> int | None:
        if self._children.average_decay:
            return super()._first_averaged()
        losses = [metrics.valid_loss for metrics in self.epochs]
        return first_averaged_epoch(losses, self._children.text.average_after)

    def _new_average(self) -> AveragedModel:
        return (
            super()._new_average() if self._children.average_decay else AveragedModel(self._model)
        )

    def _num_steps(self, epoch: int) -> int:
        return len(self._pieces(epoch))

    def _pieces(self, epoch: int) -> list[Piece]:
        return text_batches(
            self._train,
            batch_size=self._children.batch_size,
            bptt=self._children.text.bptt,
            random_lengths=self._children.text.random_bptt,
            seed=seed_for(self._seed, Stream.BATCHES, epoch),
        )

    def _train_epoch(self, epoch: int) -> float:
        torch.manual_seed(seed_for(self._seed, Stream.DROPOUT, epoch))
        pieces = self._pieces(epoch)
        state_BH = self._model.initial_state(pieces[0][0].shape[1])
        total_loss, num_rows = torch.zeros((), device=self._train.device), 0
        for number, piece in enumerate(pieces):
            progress = (epoch - 1 + number / len(pieces)) / self._children.epochs
            cross_entropy, state_BH = self._learn(piece, state_BH, progress)
            total_loss += len(piece[0]) * cross_entropy
            num_rows += len(piece[0])
        return total_loss.item() / num_rows  # the epoch's one wait for the device

    def _learn(self, piece: Piece, state_BH: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """Make one step of SGD; return the cross-entropy before it, and the state after it."""
        loss = self._model.loss(*piece, state_BH)
        # So that each word counts alike, however long its piece (Merity et al. 2018, 4.1).
        self._step(loss.objective, progress, weight=len(piece[0]) / self._children.text.bptt)
        return loss.cross_entropy.detach(), loss.state_BH

    def _validate(self) -> Validation:
        judged = self.judged
        assert isinstance(judged, LanguageModel)
        loss = text_loss(judged, self._valid)
        return Validation(loss, self._scoring.score(loss))


def first_averaged_epoch(valid_losses: Sequence[float], interval: int | None) -> int | None:
    """Return the epoch (from 1) at whose start averaging begins, None as long as it does not.

    The trigger is non-monotonic (Merity et al. 2018, algorithm 1): a loss above the best of those
    before the last `interval` ones. These may have been as bad, so that noise does not set it off.

    Args:
        valid_losses: Of the epochs so far.
        interval: How many losses before the newest one are passed over; None for never.
    """
    if interval is None:
        return None
    for number in range(interval + 1, len(valid_losses)):
        if valid_losses[number] > min(valid_losses[: number - interval]):
            return number + 2  # the epoch after this one, counted from 1
    return None


@torch.inference_mode()
def text_loss(model: LanguageModel, words_N: Tensor) -> float:
    """Return a language model's mean cross-entropy per word, in nats.

    The text is read in ten columns, so that fewer than ten of its last words are left out. The
    model is left in evaluation mode.

    Args:
        model: The model, on any device.
        words_N: Indices of words, `[N]`; they are copied to the model's device.
    """
    model.eval()
    device = next(model.parameters()).device
    pieces = evaluation_text_batches(words_N.to(device), batch_size=_COLUMNS, bptt=_PIECE)
    state_BH = model.initial_state(pieces[0][0].shape[1])
    total_loss = torch.zeros((), dtype=torch.float64, device=device)
    for inputs_TB, targets_TB in pieces:
        loss = model.loss(inputs_TB, targets_TB, state_BH)
        total_loss += len(inputs_TB) * loss.cross_entropy
        state_BH = loss.state_BH
    return total_loss.item() / sum(len(inputs_TB) for inputs_TB, _ in pieces)
