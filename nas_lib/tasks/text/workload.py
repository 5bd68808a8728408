"""A recurrent super-network and its text.

Letters: T words of a piece, B columns of text, H units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from nas_lib.config import SharedConfig, TextWeightsConfig
from nas_lib.named_objects import imported
from nas_lib.networks.language_model import LanguageLoss
from nas_lib.seeds import Stream, seed_for
from nas_lib.shared_weights.norm import (
    BatchNormMode,
    Fitted,
    Fitting,
    Statistics,
    statistics_of,
)
from nas_lib.shared_weights.rnn import RnnSuperNetwork
from nas_lib.shared_weights.workload import Batch, Tokens
from nas_lib.spaces import SpacePart
from nas_lib.tasks.text.batches import Piece, TextSplits, evaluation_text_batches, text_batches
from nas_lib.tasks.text.preparation import TextManifest


class TextWorkload:
    """A recurrent super-network, judged by how well it tells a text; see `Workload`."""

    def __init__(
        self,
        space: SpacePart,
        shared: SharedConfig,
        text: TextSplits,
        manifest: TextManifest,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        """Make the super-network, with weights from torch's global generator.

        Args:
            space: The space, and the super-network's size.
            shared: How it is trained.
            text: The text that it learns, and the one that it is judged by.
            manifest: What they are.
            seed: The search's: of lengths and choice of pieces.
            device: Where all is computed.
        """
        assert isinstance(shared.weights, TextWeightsConfig)
        self._shared, self._weights, self._seed = shared, shared.weights, seed
        self._training = shared.weights.text
        self._scoring = manifest.scoring
        self.measure = manifest.scoring.measure
        network = imported(space.super_network)(
            space, num_words=manifest.num_words, training=self._training
        )
        self.network: RnnSuperNetwork = network.to(device)
        self.has_batch_norm = bool(self.network.norms)
        self._train_N = text.train.to(device)
        self._valid = self._equal_pieces(text.valid.to(device))
        whole = [piece for piece in self._valid if len(piece[0]) == len(self._valid[0][0])]
        self.num_validation_batches = len(whole)
        self._state_BH = self._initial_state(self._valid)

    def num_batches(self, epoch: int) -> int:
        """Return how many pieces an epoch has, counted from 1."""
        return len(self._training_pieces(epoch))

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's pieces; the state is zero before the first."""
        pieces = self._training_pieces(epoch)
        self._state_BH = self._initial_state(pieces)
        for inputs_TB, targets_TB in pieces:
            yield Batch(inputs_TB, targets_TB, weight=len(inputs_TB) / self._training.bptt)

    def loss(self, batch: Batch, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Return what is minimised and the mean cross-entropy in it; carry the state over.

        Of a cell whose state overflows, such units are zero again before the next piece.
        """
        self.network.train()
        loss = self._loss((batch.inputs, batch.targets), self._state_BH, tokens, None)
        self._state_BH = torch.nan_to_num(loss.state_BH, nan=0.0, posinf=0.0, neginf=0.0)
        return loss.objective, loss.cross_entropy

    @torch.inference_mode()
    def quick_score(self, tokens: Tokens, *, number: int) -> float:
        """Return the score on one validation piece, read from a state of zeros."""
        passes, position = divmod(number, self.num_validation_batches)
        rng = np.random.default_rng(seed_for(self._seed, Stream.VALIDATION_ORDER, passes))
        piece = self._valid[rng.permutation(self.num_validation_batches)[position]]
        refit = seed_for(self._seed, Stream.REFIT, number)
        statistics = self._statistics(tokens, self._shared.batch_norm, refit)
        return self._score([piece], tokens, statistics)

    @torch.inference_mode()
    def score(self, tokens: Tokens, *, mode: BatchNormMode) -> float:
        """Return the score on all of the validation text, the state carried over."""
        refit = seed_for(self._seed, Stream.REFIT_ALL, 0)
        return self._score(self._valid, tokens, self._statistics(tokens, mode, refit))

    def _score(
        self, pieces: Sequence[Piece], tokens: Tokens, statistics: Statistics | None
    ) -> float:
        self.network.eval()
        state_BH = self._initial_state(pieces)
        total_loss = torch.zeros((), dtype=torch.float64, device=state_BH.device)
        for piece in pieces:
            loss = self._loss(piece, state_BH, tokens, statistics)
            total_loss += len(piece[0]) * loss.cross_entropy
            state_BH = loss.state_BH
        return self._scoring.score(
            total_loss.item() / sum(len(inputs_TB) for inputs_TB, _ in pieces)
        )

    def _loss(
        self, piece: Piece, state_BH: Tensor, tokens: Tokens, statistics: Statistics | None
    ) -> LanguageLoss:
        is_half = self._weights.precision == "bfloat16"
        with torch.autocast(state_BH.device.type, torch.bfloat16, enabled=is_half):
            return self.network.loss(*piece, state_BH, tokens, statistics)

    def _statistics(self, tokens: Tokens, mode: BatchNormMode, seed: int) -> Statistics | None:
        """Return what BatchNorm is to go by in evaluation; None where there is none."""
        if not self.has_batch_norm:
            return None
        return statistics_of(mode, lambda: self._refitted(tokens, seed))

    def _refitted(self, tokens: Tokens, seed: int) -> Fitted:
        """Return mean moments over all words of pieces of the training text, one after another."""
        self.network.eval()
        pieces = self._equal_pieces(self._train_N)
        num = min(self._shared.refit_batches, len(pieces))
        first = int(np.random.default_rng(seed).integers(len(pieces) - num + 1))
        fitting = Fitting()
        state_BH = self._initial_state(pieces)
        for piece in pieces[first : first + num]:
            state_BH = self._loss(piece, state_BH, tokens, fitting).state_BH
        return Fitted(fitting.moments)

    def _training_pieces(self, epoch: int) -> list[Piece]:
        return text_batches(
            self._train_N,
            batch_size=self._weights.batch_size,
            bptt=self._training.bptt,
            random_lengths=self._training.random_bptt,
            seed=seed_for(self._seed, Stream.SHARED_BATCHES, epoch),
        )

    def _equal_pieces(self, words_N: Tensor) -> list[Piece]:
        return evaluation_text_batches(
            words_N, batch_size=self._weights.batch_size, bptt=self._training.bptt
        )

    def _initial_state(self, pieces: Sequence[Piece]) -> Tensor:
        return self.network.initial_state(pieces[0][0].shape[1])
