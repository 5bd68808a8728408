from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import searches
from task_contract import TaskContract, TrainedTaskContract, empty_store
from toy_images import CHILD, IMAGE_SPACE, children, write_toy_images
from toy_text import TEXT_CHILD, TEXT_SPACE, text_children, write_toy_text

from nas_lib.config import (
    CustomSpaceConfig,
    EnasMacroSpaceConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    HiddenConfig,
    ImageWeightsConfig,
    OwnChildrenConfig,
    SearchConfig,
    SharedConfig,
    TextWeightsConfig,
)
from nas_lib.data import BlobInfo, Manifest
from nas_lib.errors import ConfigError
from nas_lib.records import Child
from nas_lib.spaces import CnnPlan
from nas_lib.tasks import ImageTask, OwnTask, Task, TextTask, task_of
from nas_lib.tasks.images.trainer import ImageTrainer
from nas_lib.tasks.text.trainer import TextTrainer


class TestImageTask(TrainedTaskContract):
    kind = ImageTask
    child = CHILD
    scores = (1.0, 0.9, 0.5, 0.0)
    diverging = {"learning_rate": 1e9, "schedule": "constant", "epochs": 50}
    trainer_class = ImageTrainer
    num_parameters = 24 + 192 + 28 + 21  # as of its trainer
    num_steps = 5 * 90 / 16

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

    def description(self, folder: Path) -> str:
        return (
            f"npz file {folder / 'toy.npz'}: 90 training, 45 validation and 60 test images of "
            "6x6x1 in 3 classes"
        )

    def reward(self, score: float) -> float:
        return score * score * score


class TestTextTask(TrainedTaskContract):
    kind = TextTask
    child = TEXT_CHILD
    scores = (1.0, 2.5, 80.0, 1e12)
    diverging = {"learning_rate": 1e30, "clip_norm": None}
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
            f"text folder {folder}: 601 training, 212 validation and 152 test words, "
            "10 different ones"
        )

    def reward(self, score: float) -> float:
        return (6 / score) * (6 / score)


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

    @pytest.mark.parametrize("reward", [math.nan, math.inf])
    def test_what_is_no_finite_number_is_told(self, reward: float) -> None:
        task = task_of(self.config(Path(), evaluate="inline"), evaluate=lambda _: reward)

        result = task.judge(self.child, searches.SPACE, empty_store()).result

        assert (result.status, result.message) == ("diverged", f"the evaluation returned {reward}")

    def test_a_reward_below_zero_is_the_users_fault(self) -> None:
        task = task_of(self.config(Path(), evaluate="searches:negative"))

        with pytest.raises(ConfigError, match=r"returned -1\.0: a reward is 0 or more"):
            task.judge(self.child, searches.SPACE, empty_store())

    def test_an_error_of_the_evaluation_goes_to_the_caller(self) -> None:
        task = task_of(self.config(Path(), evaluate="searches:long_winded"))

        with pytest.raises(RuntimeError):
            task.judge(self.child, searches.SPACE, empty_store())

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
        ):
            with pytest.raises(ConfigError, match=f"evaluation of its own has no {what}"):
                ask()
