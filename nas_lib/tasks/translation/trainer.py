"""TranslationTrainer: a translator that learns pairs, and how well it does on others."""

from __future__ import annotations

import math

import torch

from nas_lib.config import TranslationChildrenConfig
from nas_lib.data.subwords import Subwords
from nas_lib.networks.translator import Translator, count_translator
from nas_lib.records import Child
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import Plan
from nas_lib.tasks.translation.batches import TranslationSplits, num_batches, training_batches
from nas_lib.tasks.translation.preparation import TranslationManifest
from nas_lib.tasks.translation.scoring import Scoring
from nas_lib.tasks.translation.translating import greedy_bleu, translation_loss
from nas_lib.training.epoch_trainer import EpochTrainer, Validation


class TranslationTrainer(EpochTrainer):
    """Trains one child to translate."""

    def __init__(
        self,
        child: Child,
        plan: Plan,
        children: TranslationChildrenConfig,
        scoring: Scoring,
        pairs: TranslationSplits,
        vocabulary: bytes,
        manifest: TranslationManifest,
        device: torch.device,
    ) -> None:
        """Build the child's translator, with first weights by its own seed.

        Args:
            child: Whose seed it is.
            plan: What to build.
            children: How it is trained.
            scoring: What it is judged by.
            pairs: To train on, and to judge by.
            vocabulary: Of both languages, as it is stored.
            manifest: What the pairs are.
            device: Where to compute.
        """
        torch.manual_seed(seed_for(child.seed, Stream.FIRST_WEIGHTS))
        model = Translator(plan, num_subwords=manifest.num_subwords, training=children.translation)
        cost = count_translator(model)
        self._model = model.to(device)
        super().__init__(self._model, cost, children, measure=scoring.measure, seed=child.seed)
        pairs = pairs.to(device)
        self._train, self._valid = pairs.train, pairs.valid
        if children.include_validation:
            self._train = pairs.train.joined(pairs.valid)
        self._children, self._scoring = children, scoring
        self._vocabulary, self._max_length = vocabulary, manifest.max_length

    def _num_steps(self, epoch: int) -> int:
        return num_batches(len(self._train), self._children.batch_size)

    def _train_epoch(self, epoch: int) -> float:
        torch.manual_seed(seed_for(self._seed, Stream.DROPOUT, epoch))
        batches = training_batches(
            self._train,
            batch_size=self._children.batch_size,
            seed=seed_for(self._seed, Stream.BATCHES, epoch),
        )
        num_steps = self._num_steps(epoch)
        total_loss = torch.zeros((), device=self._model.embedding.device)
        num_told = torch.zeros_like(total_loss)
        for number, pairs in enumerate(batches):
            loss = self._model.loss(pairs)
            progress = (epoch - 1 + number / num_steps) / self._children.epochs
            self._step(loss.objective, progress)
            total_loss += loss.num_told * loss.cross_entropy.detach()
            num_told += loss.num_told
        return (total_loss / num_told).item()  # the epoch's one wait for the device

    def _validate(self) -> Validation:
        judged = self.judged
        assert isinstance(judged, Translator)
        loss = translation_loss(judged, self._valid)
        if not math.isfinite(loss):
            return Validation(loss, loss)  # nothing to translate with: it has diverged
        return Validation(loss, self._scoring.score(loss, lambda: self._bleu(judged)))

    def _bleu(self, judged: Translator) -> float:
        """Return the BLEU of translating the validation data's sentences greedily."""
        subwords = Subwords(self._vocabulary)
        return greedy_bleu(judged, self._valid, subwords, self._max_length)
