from __future__ import annotations

import errno
import math
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import searches
import torch
from parallel import VOCABULARY, parallel_task, write_parallel
from sklearn.metrics import balanced_accuracy_score, f1_score
from task_contract import (
    SharingTaskContract,
    TaskContract,
    TrainedTaskContract,
    empty_store,
    stored,
)
from toy_images import CHILD, IMAGE_SPACE, children, write_toy_images
from toy_text import TEXT_CHILD, TEXT_SPACE, text_children, write_toy_text

from nas_lib.architecture import Architecture
from nas_lib.config import (
    CustomSpaceConfig,
    EnasMacroSpaceConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    HiddenConfig,
    ImageWeightsConfig,
    OwnChildrenConfig,
    ResourcesConfig,
    SearchConfig,
    SharedConfig,
    TextRewardConfig,
    TextWeightsConfig,
    TranslationChildrenConfig,
)
from nas_lib.data import BlobInfo, Manifest
from nas_lib.errors import ChildFailedError, ConfigError, DataError
from nas_lib.records import Child
from nas_lib.spaces import CnnPlan, NasRnnPlan, Plan, ReferencePlan, RnnPlan
from nas_lib.store import layout
from nas_lib.tasks import ImageTask, OwnTask, Task, TextTask, TranslationTask, task_of
from nas_lib.tasks.images.trainer import ImageTrainer
from nas_lib.tasks.text.trainer import TextTrainer
from nas_lib.tasks.translation.trainer import TranslationTrainer

TREE = "add tanh | mul relu | mul sigmoid | inject add relu into 0 | memory of 1"


class TestImageTask(SharingTaskContract):
    kind = ImageTask
    child = CHILD
    scores = (1.0, 0.9, 0.5, 0.0)
    diverging = {"learning_rate": 1e6, "schedule": "constant", "epochs": 50}
    trainer_class = ImageTrainer
    num_parameters = 24 + 192 + 28 + 21  # as of its trainer
    num_steps = 5 * 90 / 16
    classifies = True

    def config(self, folder: Path, *, data: int = 1, **settings: Any) -> SearchConfig:
        task = write_toy_images(folder / "toy.npz", seed=data)
        return SearchConfig(task=task, space=IMAGE_SPACE, children=children(**settings))

    def shared_config(self, folder: Path, **weights: Any) -> SearchConfig:
        filters = FiltersConfig(filters=4)
        return SearchConfig(
            task=write_toy_images(folder / "toy.npz"),
            space=EnasMacroSpaceConfig(layers=3, shared=filters, child=filters),
            search=SharedConfig(weights=ImageWeightsConfig(**weights)),
            children=children(),
        )

    def test_a_preview_counts_every_pass_through_the_images(self, folder: Path) -> None:
        task = task_of(self.config(folder, min_steps=7))
        prepared = task.prepare()

        # 90 images are 6 batches of at most 16: twice through all
        assert prepared is not None
        assert task.num_steps(prepared.manifest) == 2 * self.num_steps

    def test_a_child_is_judged_by_the_score_and_a_test_has_the_others_beside_it(
        self, folder: Path
    ) -> None:
        config = self.config(folder)
        by_f1 = config.task.model_copy(update={"score": "macro_f1"})
        task = task_of(config.model_copy(update={"task": by_f1}))
        store, space = stored(task), task.config.space.build()

        judged = task.judge(CHILD, space, store)
        assert judged.weights is not None
        store.objects.create(layout.child_weights(CHILD.id), judged.weights)
        reading = task.read_test(CHILD.id, space, store)

        result = judged.result
        assert result.score == max(each.score for each in result.epochs[-3:])
        assert result.reward == pytest.approx(self.reward(result.score))
        pairs = [pair for *pair, num in reading.confusion for _ in range(num)]
        true, told = zip(*pairs, strict=True)
        assert reading.score == pytest.approx(f1_score(true, told, average="macro"))
        found = {each.name: each.value for each in reading.metrics}
        assert [*found] == ["accuracy", "balanced accuracy", "AUC"]  # top-5 of six classes or more
        assert found["accuracy"] == sum(one == other for one, other in pairs) / 60
        assert found["balanced accuracy"] == pytest.approx(balanced_accuracy_score(true, told))
        for sentence in ("best validation macro F1", "their test macro F1", "precision and recall"):
            assert sentence in " ".join(task.about_scores())

    def description(self, folder: Path) -> str:
        return (
            f"npz file {folder / 'toy.npz'}: 90 training, 45 validation and 60 test images of "
            "6x6x1 in 3 classes"
        )

    def reward(self, score: float) -> float:
        return score * score * score


class TestTextTask(SharingTaskContract):
    kind = TextTask
    child = TEXT_CHILD
    scores = (1.0, 2.5, 80.0, 1e12)
    diverging = {"learning_rate": 1e6, "clip_norm": None}
    trainer_class = TextTrainer
    num_parameters = 60 + 144 + 2 * 72  # as of its trainer, but of ten words
    num_steps = 5 * 601 / (8 * 10)

    def config(self, folder: Path, *, data: int = 1, **settings: Any) -> SearchConfig:
        task = write_toy_text(folder, seed=data)
        return SearchConfig(task=task, space=TEXT_SPACE, children=text_children(**settings))

    def shared_config(self, folder: Path, **weights: Any) -> SearchConfig:
        return SearchConfig(
            task=write_toy_text(folder),
            space=EnasRnnSpaceConfig(nodes=2, shared=HiddenConfig(hidden=6)),
            search=SharedConfig(weights=TextWeightsConfig(**weights)),
            children=text_children(),
        )

    def description(self, folder: Path) -> str:
        return (
            f"texts in {folder}: 601 training, 212 validation and 152 test words, 10 different ones"
        )

    @pytest.mark.parametrize("tied", [True, False])
    @pytest.mark.parametrize(
        ("found", "layers", "of_cells"),
        [
            # node 0 200 x 200, two nodes 100 x 200
            (RnnPlan.parse("100 units | tanh | relu(0) | tanh(1) | mean of 1,2"), 1, 80_000),
            # of each layer two leaves 2 x 100 x 100
            (NasRnnPlan.parse(f"3 layers, 100 units | {TREE}"), 3, 3 * 40_000),
        ],
        ids=["a cell", "layers of trees"],
    )
    def test_known_cells_beside_what_was_found_have_its_layers_and_as_many_parameters(
        self, folder: Path, found: Plan, layers: int, of_cells: int, tied: bool
    ) -> None:
        config = self.config(folder)
        task = task_of(config.model_copy(update={"children": text_children(tied=tied)}))
        prepared = task.prepare()
        assert prepared is not None

        names = ("lstm", "gru", "lstm 2 x 7")
        *same, other = task.sized_references(names, found, prepared.manifest)

        assert other == "lstm 2 x 7"
        of_words = 10 * 100 * (1 if tied else 2)  # 10 words, and as many for a softmax of its own
        for name in same:
            plan = ReferencePlan.parse(name)
            assert plan.num_layers == layers
            num_weights = task.num_weights(plan, prepared.manifest)
            assert num_weights == pytest.approx(of_words + of_cells, rel=0.02)
        assert [name.split()[0] for name in same] == ["lstm", "gru"]

    def test_a_text_larger_than_allowed_is_refused_and_the_setting_named(
        self, folder: Path
    ) -> None:
        config = self.config(folder).model_copy(
            update={"resources": ResourcesConfig(unpacked_mb=1)}
        )
        with (folder / "test.txt").open("ab") as file:
            file.truncate(2**21)
        with pytest.raises(
            DataError, match=r"more than the 1 MiB allowed: set resources\.unpacked"
        ):
            task_of(config).prepare()

    def reward(self, score: float) -> float:
        return 6 / (score * score)

    def test_perplexity_is_raised_to_the_power_and_the_constant_is_not(self, folder: Path) -> None:
        def task(power: float) -> Task:
            reward = TextRewardConfig(power=power, perplexity_constant=80)
            return task_of(self.config(folder, reward=reward))

        # 80 / 100 = 0.8; 80 / 100^2 = 0.008, and not 0.8^2 = 0.64; 80 / 100^0.5 = 8
        assert [task(power).reward(100.0) for power in (1, 2, 0.5)] == [0.8, 0.008, 8.0]
        assert TextRewardConfig().power == 2
        assert task(2).goodness(100.0) == 0.8  # as shared weights have it
        assert task(2).reward(1e200) == 0  # its square is no number any more
        assert "80 / perplexity^2, of the best of" in task(2).about_scores()[0]
        assert "80 / perplexity, of the best of" in task(1).about_scores()[0]


class TestTranslationTask(TrainedTaskContract):
    kind = TranslationTask
    child = TEXT_CHILD
    scores = (1.0, 2.5, 80.0, 1e12)
    diverging = {"optimizer": "sgd", "learning_rate": 1e6, "clip_norm": None, "epochs": 50}
    trainer_class = TranslationTrainer
    # 330 x 6; the encoder's layers of 6, 6 and 12 inputs, the decoder's of 6 and 12, 12 x (6 + I)
    # and 144 each; the attention's and the softmax's products
    num_parameters = 1980 + 12 * (12 + 12 + 18 + 12 + 18) + 5 * 144 + 36 + 72
    num_steps = 5 * 86 / 32

    def config(self, folder: Path, *, data: int = 1, **settings: Any) -> SearchConfig:
        task = parallel_task(write_parallel(folder / "pairs.tsv", 100, seed=data))
        chosen: dict[str, Any] = {
            "epochs": 5,
            "batch_size": 32,
            "reward": TextRewardConfig(last_epochs=3, power=2, perplexity_constant=6),
            "checkpoint_every_s": 0,
            **settings,
        }
        return SearchConfig(
            task=task, space=TEXT_SPACE, children=TranslationChildrenConfig(**chosen)
        )

    def description(self, folder: Path) -> str:
        return (
            f"{folder / 'pairs.tsv'}: 86 training, 9 validation and 5 test pairs of sentences, "
            f"in {VOCABULARY} different subwords"
        )

    def reward(self, score: float) -> float:
        return 6 / (score * score)

    def test_known_cells_beside_what_was_found_make_translators_of_as_many_parameters(
        self, folder: Path
    ) -> None:
        task = task_of(self.config(folder))
        prepared = task.prepare()
        assert prepared is not None
        manifest, found = prepared.manifest, NasRnnPlan.parse(f"3 layers, 100 units | {TREE}")

        names = task.sized_references(("lstm", "gru"), found, manifest)

        num_weights = [
            task.num_weights(plan, manifest) for plan in (found, *map(ReferencePlan.parse, names))
        ]
        # 330 x 100; two layers each, not the plan's three: of 100, 100 and 200 inputs, and of 100
        # and 200, two leaves each; the attention's 100 x 100, and 200 x 100 before the softmax
        assert num_weights[0] == 33_000 + 200 * (700 + 5 * 100) + 30_000
        assert num_weights[1:] == [pytest.approx(num_weights[0], rel=0.01)] * 2

    def test_children_may_be_judged_by_bleu_and_earn_it_as_a_fraction(self, folder: Path) -> None:
        config = self.config(folder, epochs=1, reward=TextRewardConfig(last_epochs=1, power=2))
        by_bleu = config.task.model_copy(update={"score": "bleu"})
        task = task_of(config.model_copy(update={"task": by_bleu}))

        result = task.judge(self.child, config.space.build(), stored(task)).result

        assert result.status == "ok"
        assert result.score is not None
        assert result.score < 50
        assert result.reward == pytest.approx((result.score / 100) ** 2)
        assert not task.misfit(result)
        assert task.measure.is_better(20.0, 10.0)
        assert [task.reward(20.0), task.goodness(20.0)] == pytest.approx([0.04, 0.2])
        assert "The reward is (BLEU / 100)^2, of the best of" in task.about_scores()[0]

    def test_perplexity_is_raised_to_the_power_and_may_overflow(self, folder: Path) -> None:
        task = task_of(self.config(folder))

        assert [task.goodness(3.0), task.reward(1e200)] == [2.0, 0.0]
        assert "The reward is 6 / perplexity^2, of the best of" in task.about_scores()[0]

    def test_its_weights_are_not_shared(self, folder: Path) -> None:
        task = task_of(self.config(folder))

        with pytest.raises(ConfigError, match="kind shared is not for"):
            task._workload(None, None, None)  # type: ignore[attr-defined]


class TestOwnTask(TaskContract):
    kind = OwnTask
    child = Child("r000-000000-00", searches.SPACE.decode((3, 3, 2)), seed=5)
    scores = (1e6, 2.0, 0.5, 0.0)
    diverging = {"evaluate": "searches:nothing_finite"}

    def config(self, folder: Path, *, data: int = 1, **settings: Any) -> SearchConfig:
        return SearchConfig(
            space=CustomSpaceConfig(object="searches:SPACE"),
            children=OwnChildrenConfig(**{"evaluate": "searches:product", **settings}),
        )

    def reward(self, score: float) -> float:
        return score

    def test_the_score_is_what_the_evaluation_returns(self, task: Task) -> None:
        # of an architecture that is 4, 4 and 3, and the largest
        result = task.judge(self.child, searches.SPACE, empty_store()).result
        assert result.score == result.reward == 1.0

    def test_an_evaluation_of_this_process_is_taken_where_the_configuration_says_so(self) -> None:
        config = self.config(Path(), evaluate="inline")
        task = task_of(config, evaluate=lambda architecture: 0.25)

        assert task.judge(self.child, searches.SPACE, empty_store()).result.score == 0.25

    @pytest.mark.parametrize(
        ("evaluate", "sentence"),
        [
            ("inline", r"children\.evaluate is an object of another process"),
            ("searches.product", "should read module:name, got 'searches.product'"),
            ("searches:quotient", r"children\.evaluate 'searches:quotient' cannot be imported"),
        ],
    )
    def test_an_evaluation_that_cannot_be_found_is_refused_at_once(
        self, evaluate: str, sentence: str
    ) -> None:
        with pytest.raises(ConfigError, match=sentence):
            task_of(self.config(Path(), evaluate=evaluate))

    @pytest.mark.parametrize("reward", [math.nan, math.inf, 10**400], ids=["nan", "inf", "huge"])
    def test_what_is_no_finite_number_is_told(self, reward: float) -> None:
        task = task_of(self.config(Path(), evaluate="inline"), evaluate=lambda _: reward)

        result = task.judge(self.child, searches.SPACE, empty_store()).result

        number = math.nan if reward != reward else math.inf
        assert (result.status, result.message) == ("diverged", f"the evaluation returned {number}")

    def test_a_reward_below_zero_is_the_users_fault(self) -> None:
        task = task_of(self.config(Path(), evaluate="searches:negative"))

        with pytest.raises(ConfigError, match=r"returned -1\.0: a reward is 0 or more"):
            task.judge(self.child, searches.SPACE, empty_store())

    def test_a_reward_with_which_a_learner_would_overflow_is_the_users_fault(self) -> None:
        task = task_of(self.config(Path(), evaluate="inline"), evaluate=lambda _: 1e25)

        with pytest.raises(ConfigError, match=r"returned 1e\+25: a reward is at most 1e\+15"):
            task.judge(self.child, searches.SPACE, empty_store())

    @pytest.mark.parametrize(
        ("evaluate", "said"),
        [
            ("searches:long_winded", "RuntimeError: \N{SNOWMAN}"),
            ("searches:leaves", "SystemExit: 0"),
        ],
    )
    def test_an_error_of_the_evaluation_is_an_attempt_that_failed(
        self, evaluate: str, said: str
    ) -> None:
        task = task_of(self.config(Path(), evaluate=evaluate))

        with pytest.raises(ChildFailedError, match=f"^{said}"):
            task.judge(self.child, searches.SPACE, empty_store())

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        ],
        ids=str,
    )
    def test_what_the_machine_lacks_is_not_the_childs(self, error: OSError) -> None:
        def evaluate(architecture: Architecture) -> float:
            raise error

        task = task_of(self.config(Path(), evaluate="inline"), evaluate=evaluate)

        with pytest.raises(OSError, match=re.escape(str(error))):
            task.judge(self.child, searches.SPACE, empty_store())

    @pytest.mark.parametrize(
        "reward",
        [
            0.5,
            Fraction(1, 2),
            Decimal("0.5"),
            np.float32(0.5),
            np.array([0.5]),
            torch.tensor(0.5, requires_grad=True),
        ],
        ids=repr,
    )
    def test_whatever_is_a_number_is_a_reward(self, reward: Any) -> None:
        task = task_of(self.config(Path(), evaluate="inline"), evaluate=lambda _: reward)

        result = task.judge(self.child, searches.SPACE, empty_store()).result

        assert (type(result.reward), result.reward) == (float, 0.5)

    @pytest.mark.parametrize(
        ("returned", "said"),
        [
            ("0.7", r"returned '0\.7', a str: a reward is a number"),
            (True, "returned True, a bool"),
            (np.bool_(True), "a bool"),
            (None, "returned None, a NoneType"),
            ((0.7, 0.2), "a tuple"),
            (1j, "a complex"),
            (np.array([0.7, 0.2]), "an? ndarray"),
            (torch.tensor(True), r"returned tensor\(True\), a Tensor"),
            ("\x1b[2J" * 99, r"returned '\\x1b.*\.\.\., a str"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_number_is_the_users_fault(self, returned: Any, said: str) -> None:
        task = task_of(self.config(Path(), evaluate="inline"), evaluate=lambda _: returned)

        with pytest.raises(ConfigError, match=said):
            task.judge(self.child, searches.SPACE, empty_store())

    @pytest.mark.parametrize(
        ("evaluate", "said"),
        [
            (0.5, r"children\.evaluate should be a function of an architecture, got float"),
            (lambda: 0.5, "function of an architecture: too many positional arguments"),
            (lambda a, b: 0.5, "function of an architecture: missing a required argument: 'b'"),
        ],
    )
    def test_what_cannot_be_called_with_an_architecture_is_refused_at_once(
        self, evaluate: Any, said: str
    ) -> None:
        with pytest.raises(ConfigError, match=said):
            task_of(self.config(Path(), evaluate="inline"), evaluate=evaluate)

    def test_what_there_is_not_is_refused_with_a_sentence(self, task: Task) -> None:
        blob, plan = BlobInfo.of(b""), CnnPlan.parse("conv 1x1x1/1x1 <- image")
        manifest = Manifest("", "", 0, 0, 0, blob, blob)

        assert task.prepare() is None
        assert not task.reads_test()
        for ask, what in (
            (lambda: task.describe(manifest), "prepared data"),
            (lambda: task.read_test(self.child.id, searches.SPACE, empty_store()), "a test"),
            (lambda: task.workload(empty_store()), "shared weights"),
            (lambda: task.timed_step(plan, manifest), "training steps"),
            (lambda: task.num_steps(manifest), "training steps"),
            (lambda: task.num_weights(plan, manifest), "weights"),
        ):
            with pytest.raises(ConfigError, match=f"evaluation of its own has no {what}"):
                ask()
