"""TranslationTask: sentences of one language from those of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, cast

from nas_lib.config import SearchConfig, TranslationChildrenConfig, TranslationTaskConfig
from nas_lib.data import LocalData, Manifest, Prepared
from nas_lib.errors import ConfigError
from nas_lib.records import Child
from nas_lib.spaces import Plan
from nas_lib.tasks.task import Evaluate
from nas_lib.tasks.trained import Tested, TrainedTask
from nas_lib.tasks.translation.preparation import TranslationManifest, prepare_translation
from nas_lib.tasks.translation.scoring import SCORINGS

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nas_lib.networks import Cost
    from nas_lib.networks.translator import Translator
    from nas_lib.tasks.translation.trainer import TranslationTrainer
    from nas_lib.training.epoch_trainer import EpochTrainer


class TranslationTask(TrainedTask[TranslationManifest]):
    """Each subword of a translation from the sentence and the subwords before it."""

    example = "pair"
    preload = (*TrainedTask.preload, "nas_lib.tasks.translation.trainer")
    manifest_class = TranslationManifest

    def __init__(self, config: SearchConfig, *, evaluate: Evaluate | None = None) -> None:
        """Take what is to be learnt; see `Task`."""
        super().__init__(config, evaluate=evaluate)
        self.scoring = SCORINGS[self._task.score]
        self.measure = self.scoring.measure

    def _prepared(self, task: TranslationTaskConfig) -> Prepared:
        return prepare_translation(task, self.allowance())

    def describe(self, manifest: Manifest) -> str:
        """Say in a sentence what was prepared."""
        assert isinstance(manifest, TranslationManifest)
        return (
            f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} "
            f"validation and {manifest.num_test:,} test pairs of sentences, in "
            f"{manifest.num_subwords:,} different subwords"
        )

    def trainer(
        self,
        child: Child,
        plan: Plan,
        manifest: TranslationManifest,
        data: LocalData,
        device: torch.device,
    ) -> TranslationTrainer:
        """Return the trainer of a child."""
        from nas_lib.tasks.translation.batches import load_pairs, load_vocabulary
        from nas_lib.tasks.translation.trainer import TranslationTrainer

        return TranslationTrainer(
            child,
            plan,
            self._children,
            self.scoring,
            load_pairs(data.blob, manifest),
            load_vocabulary(data.blob),
            manifest,
            device,
        )

    def network(self, plan: Plan, manifest: TranslationManifest) -> Translator:
        """Return the translator of a plan for this vocabulary."""
        from nas_lib.networks.translator import Translator

        training = self._children.translation
        return Translator(plan, num_subwords=manifest.num_subwords, training=training)

    def _cost(self, network: nn.Module, manifest: TranslationManifest) -> Cost:
        from nas_lib.networks.translator import count_translator

        return count_translator(cast("Translator", network))

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        """Return the best weights."""
        return trainer.best

    def goodness(self, score: float) -> float:
        """Return c / perplexity, or BLEU as a fraction."""
        return self._earned(score, power=1.0)

    def reward(self, score: float) -> float:
        """Return c / perplexity^power (Zoph & Le 2017, section 4.2), or such a fraction^power."""
        return self._earned(score, power=self._children.reward.power)

    def _earned(self, score: float, *, power: float) -> float:
        try:
            return self.scoring.reward(score, self._children.reward.perplexity_constant, power)
        except OverflowError:  # of a child that has all but diverged
            return 0.0

    def about_scores(self) -> tuple[str, ...]:
        """Return paragraphs on scores and rewards, and on the sentences they are taken on."""
        reward = self._children.reward
        power = "" if reward.power == 1 else f"^{reward.power:g}"
        earned = self.scoring.earned.format(constant=reward.perplexity_constant, power=power)
        return (
            f"{self.scoring.about} The reward is {earned}, of the best of a child's last "
            f"{reward.last_epochs} epochs on the validation data.",
            "Validation data are held out: no child is trained on them. Still, the winner is the "
            "best of many on exactly these sentences, so part of its lead is luck and its score "
            "flatters it. The test data are used for nothing but one reading of the networks that "
            f"the search recommends: on new sentences, expect their {self.measure.test_name}.",
        )

    # --- preview ---------------------------------------------------------------------------------

    def timed_step(self, plan: Plan, manifest: Manifest) -> Callable[[], object]:
        """Return what takes as long as a training step, on random sentences of usual length."""
        import torch

        from nas_lib.networks.translator import Pairs

        assert isinstance(manifest, TranslationManifest)
        network = self.network(plan, manifest)
        num_words = max(2, round(manifest.num_train_subwords / manifest.num_train))
        batch = min(self._children.batch_size, self.num_learnt(manifest))
        subwords_TB = torch.randint(manifest.num_subwords, (num_words + 1, batch))
        lengths_B = torch.full((batch,), num_words)
        pairs = Pairs(subwords_TB[1:], lengths_B, subwords_TB, lengths_B)
        return lambda: network.loss(pairs).objective.backward()  # type: ignore[no-untyped-call]

    def num_steps(self, manifest: Manifest) -> float:
        """Return the training steps of one child."""
        num_pairs = self.num_learnt(manifest)
        return self._children.epochs * num_pairs / min(self._children.batch_size, num_pairs)

    # --- test ------------------------------------------------------------------------------------

    def _tested(self, network: nn.Module, manifest: TranslationManifest, data: LocalData) -> Tested:
        from nas_lib.tasks.translation.batches import load_test_pairs, load_vocabulary
        from nas_lib.tasks.translation.metrics import tested

        return tested(
            cast("Translator", network),
            load_test_pairs(data.blob, manifest),
            load_vocabulary(data.blob),
            self.scoring,
            self._children.translation,
            max_length=manifest.max_length,
        )

    # --- shared weights --------------------------------------------------------------------------

    def _workload(
        self, manifest: TranslationManifest, data: LocalData, device: torch.device
    ) -> NoReturn:
        """Refuse: the search's settings do so before."""
        raise ConfigError("search.kind shared is not for task.kind translation")

    @property
    def _task(self) -> TranslationTaskConfig:
        return cast(TranslationTaskConfig, self.config.task)

    @property
    def _children(self) -> TranslationChildrenConfig:
        return cast(TranslationChildrenConfig, self.config.children)
