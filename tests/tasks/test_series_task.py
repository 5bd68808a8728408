from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from task_contract import TrainedTaskContract, stored
from toy_series import SERIES_CHILD, SERIES_SPACE, series_children, write_toy_series

from nas_lib.config import SearchConfig
from nas_lib.records import MAX_PICTURE
from nas_lib.store import layout
from nas_lib.tasks import SeriesTask, task_of
from nas_lib.tasks.series.trainer import SeriesTrainer


class TestSeriesTask(TrainedTaskContract):
    kind = SeriesTask
    child = SERIES_CHILD
    scores = (1.0, 0.9, 0.5, 0.0)
    diverging = {"learning_rate": 1e6, "schedule": "constant", "epochs": 50}
    trainer_class = SeriesTrainer
    # windows of 3 and 4 steps: 2 x 3 x 8, and of both layers 16 x 4 x 6; 2 of BatchNorm a filter;
    # 6 + 1 for each of 3 classes
    num_parameters = 48 + 16 + 384 + 12 + 21
    num_steps = 5 * 90 / 16
    classifies = True

    def config(self, folder: Path, *, data: int = 1, **settings: Any) -> SearchConfig:
        task = write_toy_series(folder, seed=data)
        return SearchConfig(task=task, space=SERIES_SPACE, children=series_children(**settings))

    def description(self, folder: Path) -> str:
        return (
            f"ts data {folder}: 90 training, 45 validation and 60 test series of 16 steps and "
            "2 channels in 3 classes"
        )

    def reward(self, score: float) -> float:
        return score * score * score

    def test_a_network_learns_and_its_mistakes_are_drawn_as_lines(self, folder: Path) -> None:
        task = task_of(self.config(folder, epochs=8))
        store, space = stored(task), task.config.space.build()

        judged = task.judge(SERIES_CHILD, space, store)
        assert judged.weights is not None
        store.objects.create(layout.child_weights(SERIES_CHILD.id), judged.weights)
        reading = task.read_test(SERIES_CHILD.id, space, store)

        assert reading.score > 0.7  # by chance a third
        wrong = sum(num for true, told, num in reading.confusion if true != told)
        assert len(reading.mistakes) == min(24, wrong)
        assert all(100 < len(each.picture) <= MAX_PICTURE for each in reading.mistakes)
        assert "what to expect on new series" in " ".join(task.about_scores())

    def test_a_file_beside_the_one_that_is_named_is_one_of_the_data(self, folder: Path) -> None:
        config = self.config(folder)
        named = config.task.data.model_copy(update={"path": str(folder / "Toy_TRAIN.ts")})
        data = config.task.model_copy(update={"data": named})
        task = task_of(config.model_copy(update={"task": data}))
        before = task.files_hash()

        (folder / "Toy_TEST.ts").write_text("another")

        assert before != task.files_hash()
        assert task.files_hash() == task.files_hash()


@pytest.mark.parametrize("standardise", ["all", "each"])
def test_series_are_measured_as_they_are_stored(tmp_path: Path, standardise: str) -> None:
    task = write_toy_series(tmp_path, standardise=standardise)

    prepared = task_of(SearchConfig(task=task, space=SERIES_SPACE)).prepare()

    assert prepared is not None
    found: Any = prepared.manifest
    assert (found.num_channels, found.length, found.dtype) == (2, 16, "float32")
    if standardise == "each":
        assert found.mean == pytest.approx((0, 0), abs=1e-6)
        assert found.std == pytest.approx((1, 1), abs=1e-6)
    else:
        assert found.mean[1] == pytest.approx(100 + 10 * found.mean[0], rel=1e-4)  # of float32
        assert found.std[1] == pytest.approx(10 * found.std[0], rel=1e-4)
