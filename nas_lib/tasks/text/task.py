"""TextTask: language modelling, judged by how well the next word or character is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from nas_lib.config import SearchConfig, SharedConfig, TextChildrenConfig, TextTaskConfig
from nas_lib.data import LocalData, Manifest, Prepared
from nas_lib.records import Child
from nas_lib.spaces import Plan
from nas_lib.tasks.task import Evaluate
from nas_lib.tasks.text.preparation import TextManifest, prepare_text
from nas_lib.tasks.text.scoring import SCORINGS
from nas_lib.tasks.trained import Tested, TrainedTask

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nas_lib.networks import Cost, LanguageModel
    from nas_lib.tasks.text.batches import TextSplits
    from nas_lib.tasks.text.trainer import TextTrainer
    from nas_lib.tasks.text.workload import TextWorkload
    from nas_lib.training.epoch_trainer import EpochTrainer


class TextTask(TrainedTask[TextManifest]):
    """Each word or character of a text from those before it."""

    preload = (*TrainedTask.preload, "nas_lib.tasks.text.trainer")
    manifest_class = TextManifest

    def __init__(self, config: SearchConfig, *, evaluate: Evaluate | None = None) -> None:
        """Take what is to be learnt; see `Task`."""
        super().__init__(config, evaluate=evaluate)
        self.scoring = SCORINGS[self._task.level]
        self.measure, self.example = self.scoring.measure, self.scoring.token

    def _prepared(self, task: TextTaskConfig) -> Prepared:
        return prepare_text(task, self.allowance())

    def describe(self, manifest: Manifest) -> str:
        """Say in a sentence what was prepared."""
        assert isinstance(manifest, TextManifest)
        return (
            f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} "
            f"validation and {manifest.num_test:,} test {self.example}s, {manifest.num_words:,} "
            "different ones"
        )

    def trainer(
        self,
        child: Child,
        plan: Plan,
        manifest: TextManifest,
        data: LocalData,
        device: torch.device,
    ) -> TextTrainer:
        """Return the trainer of a child."""
        from nas_lib.tasks.text.trainer import TextTrainer

        return TextTrainer(child, plan, self._children, _text(data, manifest), manifest, device)

    def network(self, plan: Plan, manifest: TextManifest) -> LanguageModel:
        """Return the language model of a plan for this vocabulary."""
        from nas_lib.networks import build_language_model

        training = self._children.text
        return build_language_model(plan, num_words=manifest.num_words, training=training)

    def _cost(self, network: nn.Module, manifest: TextManifest) -> Cost:
        from nas_lib.networks import count_language_model

        return count_language_model(cast("LanguageModel", network))

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        """Return the best weights."""
        return trainer.best

    def goodness(self, score: float) -> float:
        """Return c / perplexity."""
        return self._over_perplexity(score, power=1.0)

    def reward(self, score: float) -> float:
        """Return c / perplexity^power (Zoph & Le 2017, section 4.2)."""
        return self._over_perplexity(score, power=self._children.reward.power)

    def _over_perplexity(self, score: float, *, power: float) -> float:
        try:
            return self._children.reward.perplexity_constant / math.pow(
                self.scoring.perplexity(score), power
            )
        except OverflowError:  # of a child that has all but diverged
            return 0.0

    def about_scores(self) -> tuple[str, ...]:
        """Return paragraphs on perplexities and rewards, and on the text they are taken on."""
        reward = self._children.reward
        power = "" if reward.power == 1 else f"^{reward.power:g}"
        return (
            f"{self.scoring.about} The reward is {reward.perplexity_constant:g} / "
            f"perplexity{power}, of the best of a child's last {reward.last_epochs} epochs on the "
            "validation text.",
            "Validation text is held out: no child is trained on it. Still, the winner is the best "
            "of many on exactly this text, so part of its lead is luck and its score flatters it. "
            "The test text is used for nothing but one reading of the networks that the search "
            f"recommends: on new text, expect their {self.measure.test_name}.",
        )

    def timed_step(self, plan: Plan, manifest: Manifest) -> Callable[[], object]:
        """Return what takes as long as a training step of this network, on random words."""
        import torch

        assert isinstance(manifest, TextManifest)
        model = self.network(plan, manifest)
        shape = self._shape_of_step(manifest)
        words_TB = torch.randint(manifest.num_words, shape)
        state_BH = model.initial_state(shape[1])
        return lambda: model.loss(words_TB, words_TB, state_BH).objective.backward()  # type: ignore[no-untyped-call]

    def num_steps(self, manifest: Manifest) -> float:
        """Return the training steps of one child."""
        num_in_step = math.prod(self._shape_of_step(manifest))
        return self._children.epochs * self.num_learnt(manifest) / num_in_step

    def _shape_of_step(self, manifest: Manifest) -> tuple[int, int]:
        """Return rows and columns of a training step: no more words than there are."""
        num_words = self.num_learnt(manifest)
        num_columns = min(self._children.batch_size, num_words - 1)
        num_rows = (num_words - 1) // num_columns
        return min(self._children.text.bptt, num_rows), num_columns

    def _tested(self, network: nn.Module, manifest: TextManifest, data: LocalData) -> Tested:
        from nas_lib.tasks.text.batches import check_text, load_test_text
        from nas_lib.tasks.text.trainer import text_loss

        words = check_text("test", load_test_text(data.blob), manifest, manifest.num_test)
        return Tested(self.scoring.score(text_loss(cast("LanguageModel", network), words)))

    def _workload(
        self, manifest: TextManifest, data: LocalData, device: torch.device
    ) -> TextWorkload:
        from nas_lib.tasks.text.workload import TextWorkload

        config = self.config
        shared = cast(SharedConfig, config.search)
        return TextWorkload(
            config.space,
            shared,
            _text(data, manifest),
            manifest,
            seed=config.seed,
            device=device,
        )

    @property
    def _task(self) -> TextTaskConfig:
        return cast(TextTaskConfig, self.config.task)

    @property
    def _children(self) -> TextChildrenConfig:
        return cast(TextChildrenConfig, self.config.children)


def _text(data: LocalData, manifest: TextManifest) -> TextSplits:
    """Return all that a search may see, as the manifest says."""
    from nas_lib.tasks.text.batches import check_text, load_text

    text = load_text(data.blob)
    check_text("train", text.train, manifest, manifest.num_train)
    check_text("valid", text.valid, manifest, manifest.num_valid)
    return text
