"""What every task must do, whatever is learnt."""

from __future__ import annotations

import dataclasses
import errno
import importlib
import math
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import torch

from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import ResourcesConfig, SearchConfig
from nas_lib.errors import (
    ArchitectureError,
    ChildFailedError,
    ConfigError,
    CorruptStateError,
    DataError,
    ObjectNotFoundError,
    SearchMismatchError,
)
from nas_lib.open_search import OpenSearch
from nas_lib.records import Child, ChildResult, EpochMetrics
from nas_lib.spaces import ChoiceSpace, PlannedSpace, Space
from nas_lib.store import SearchStore, layout
from nas_lib.tasks import Judged, Task, task_of
from nas_lib.tasks.trained import Tested, TrainedTask
from nas_lib.training.epoch_trainer import DivergedError, EpochTrainer
from nas_lib.training.machine import memory_limit_mb
from nas_lib.training.network_file import NetworkInfo, read_info


class KilledError(BaseException):
    """The process is ended."""


class TaskContract:
    """Give a subclass named Test... these.

    Attributes:
        kind: The class that the table of tasks should name.
        child: A child of the configuration's space.
        scores: Some, from the best to the worst.
        diverging: Settings of children that go wrong.
    """

    kind: ClassVar[type[Task]]
    child: ClassVar[Child]
    scores: ClassVar[tuple[float, ...]]
    diverging: ClassVar[dict[str, Any]]

    def config(self, folder: Path, *, data: int = 1, **children: Any) -> SearchConfig:
        """Return a small search, whose data are written into this folder, by this seed."""
        raise NotImplementedError

    def reward(self, score: float) -> float:
        """Return what a child of this score is to earn."""
        raise NotImplementedError

    def task_of(self, config: SearchConfig) -> Task:
        return task_of(config)

    @pytest.fixture(autouse=True)
    def same_threads(self) -> Iterator[None]:
        """Leave torch's threads to other tests as they were."""
        before = torch.get_num_threads()
        yield
        torch.set_num_threads(before)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return where the user's data lie."""
        (tmp_path / "data").mkdir()
        return tmp_path / "data"

    @pytest.fixture
    def task(self, folder: Path) -> Task:
        return self.task_of(self.config(folder))

    @pytest.fixture
    def space(self, task: Task) -> Space:
        return task.config.space.build()

    @pytest.fixture
    def store(self, task: Task) -> SearchStore:
        return stored(task)

    def test_a_configuration_has_its_task(self, task: Task) -> None:
        assert type(task) is self.kind
        assert task_of(task.config, evaluate=lambda _: 1.0).config is task.config
        assert task.has_data()
        assert task.example
        assert task.trains == isinstance(task, TrainedTask)
        for module in task.preload:
            importlib.import_module(module)

    def test_preparing_is_a_pure_function_and_what_it_gives_is_found_again(
        self, task: Task, store: SearchStore
    ) -> None:
        prepared = task.prepare()

        assert task.prepare() == prepared
        assert task.find_manifest(empty_store()) is None
        assert task.find_manifest(store) == (prepared.manifest if prepared else None)

    def test_a_child_is_judged_and_at_the_same_seed_the_same(
        self, task: Task, space: Space, store: SearchStore
    ) -> None:
        judged = task.judge(self.child, space, store)
        torch.manual_seed(99)  # another process
        again = task.judge(self.child, space, stored(task))

        result = judged.result
        assert (result.id, result.status, result.message) == (self.child.id, "ok", "")
        assert result.score is not None
        assert 0 <= result.score <= (1 if task.measure.is_fraction else math.inf)
        assert result.reward == pytest.approx(self.reward(result.score))
        assert result.reward > 0
        assert result.seconds >= sum(metrics.seconds for metrics in result.epochs)
        assert result.where
        assert judged.problems == ()
        assert without_times(again) == without_times(judged)

    def test_a_better_score_is_better_to_the_measure_and_earns_more(self, task: Task) -> None:
        for better, worse in zip(self.scores, self.scores[1:], strict=False):
            assert task.measure.is_better(better, worse)
            assert not task.measure.is_better(worse, better)
            assert task.goodness(better) > task.goodness(worse) >= 0
            assert self.reward(better) > self.reward(worse) >= 0
        assert task.measure.best(reversed(self.scores)) == self.scores[0]

    def test_a_child_that_diverges_has_no_reward_and_says_so(self, folder: Path) -> None:
        task = self.task_of(self.config(folder, **self.diverging))

        judged = task.judge(self.child, task.config.space.build(), stored(task))

        result = judged.result
        assert (result.status, result.reward, result.score) == ("diverged", 0.0, None)
        assert (result.best_epoch, judged.weights) == (None, None)
        assert result.message
        assert "\n" not in result.message

    def test_scores_are_told_of_in_sentences(self, task: Task) -> None:
        assert bool(task.about_scores()) == task.measure.is_held_out
        assert all(text[0].isupper() and text.endswith(".") for text in task.about_scores())


class TrainedTaskContract(TaskContract):
    """What tasks must do besides whose networks are trained here; subclass it likewise.

    Attributes:
        trainer_class: Of their children.
        num_parameters: Of the child's network.
        num_steps: Of its training.
        classifies: Whether a test says which classes were taken for which.
    """

    trainer_class: ClassVar[type[EpochTrainer]]
    num_parameters: ClassVar[int]
    num_steps: ClassVar[float]
    classifies: ClassVar[bool] = False

    def description(self, folder: Path) -> str:
        """Return the sentence on what was prepared."""
        raise NotImplementedError

    @pytest.fixture
    def task(self, folder: Path) -> TrainedTask[Any]:
        return self.trained_task(self.config(folder))

    @pytest.fixture
    def space(self, task: Task) -> PlannedSpace[Any]:
        space = task.config.space.build()
        assert isinstance(space, PlannedSpace)
        return space

    def trained_task(self, config: SearchConfig) -> TrainedTask[Any]:
        task = self.task_of(config)
        assert isinstance(task, TrainedTask)
        return task

    # --- data ------------------------------------------------------------------------------------

    def test_data_may_take_half_of_the_memory_or_what_is_set(self, folder: Path) -> None:
        config, set_to = self.config(folder), ResourcesConfig(unpacked_mb=7)
        changed = config.model_copy(update={"resources": set_to})

        here = self.trained_task(config).allowance()
        assert here.max_bytes == memory_limit_mb() // 2 * 2**20
        assert self.trained_task(changed).allowance().max_bytes == 7 * 2**20

    def test_what_was_prepared_is_told_in_a_sentence(self, task: Task, folder: Path) -> None:
        prepared = task.prepare()

        assert prepared is not None
        assert task.describe(prepared.manifest) == self.description(folder)

    def test_data_that_are_gone_are_named_and_what_is_stored_goes_on(
        self, task: Task, space: Space, store: SearchStore, folder: Path
    ) -> None:
        shutil.rmtree(folder)

        assert not task.has_data()
        with pytest.raises(DataError, match=str(folder)):
            task.prepare()
        assert task.judge(self.child, space, store).result.status == "ok"

    def test_other_data_are_told_apart_by_their_content(self, task: Task) -> None:
        fewer = task.config.task.model_copy(update={"max_train": 60})
        other = self.task_of(task.config.model_copy(update={"task": fewer}))

        prepared, others = task.prepare(), other.prepare()

        assert prepared is not None
        assert others is not None
        assert prepared.manifest.content_hash != others.manifest.content_hash
        assert prepared.test_blob != prepared.search_blob

    def test_the_same_data_elsewhere_are_the_same_search_and_others_are_refused(
        self, folder: Path, tmp_path: Path
    ) -> None:
        uri, elsewhere, other = f"memory://{uuid4().hex}", tmp_path / "copy", tmp_path / "other"
        elsewhere.mkdir()
        other.mkdir()

        manifest = steps.prepare_data(OpenSearch(uri), config=self.config(folder))

        again = steps.prepare_data(OpenSearch(uri), config=self.config(elsewhere))
        assert manifest is not None
        assert again == manifest
        with pytest.raises(SearchMismatchError, match="the same settings on other data: give"):
            steps.prepare_data(OpenSearch(uri), config=self.config(other, data=9))

    def test_data_that_were_damaged_on_the_way_are_refused(
        self, task: Task, space: Space, store: SearchStore
    ) -> None:
        whole = store.objects.get(layout.DATA_SEARCH)
        store.objects.replace(layout.DATA_SEARCH, whole[:-1])

        with pytest.raises(CorruptStateError, match=f"object {layout.DATA_SEARCH} is damaged"):
            task.judge(self.child, space, store)

    # --- judging ---------------------------------------------------------------------------------

    def test_the_score_is_that_of_the_best_of_the_last_epochs(
        self, task: Task, space: Space, store: SearchStore
    ) -> None:
        judged, epochs = judge(task, self.child, space, store)

        result = judged.result
        scores = [metrics.score for metrics in result.epochs]
        assert epochs == [1, 2, 3, 4, 5]
        assert result.score == task.measure.best(scores[2:])
        assert result.best_epoch == 3 + scores[2:].index(result.score)
        assert result.num_parameters == self.num_parameters
        assert result.num_multiply_adds

    def test_who_learns_the_validation_data_has_no_score_and_the_last_epochs_weights(
        self, folder: Path
    ) -> None:
        config = self.config(folder)
        includes = config.children.model_copy(update={"include_validation": True})
        task = self.trained_task(config.model_copy(update={"children": includes}))
        store = stored(task)
        manifest = task.find_manifest(store)
        assert manifest is not None

        judged = task.judge(self.child, task.config.space.build(), store)

        result = judged.result
        assert (result.status, result.score, result.reward) == ("ok", None, 0.0)
        assert result.best_epoch == len(result.epochs) == 5
        assert judged.weights is not None
        assert not task.misfit(result)
        assert "no score" in task.misfit(dataclasses.replace(result, reward=0.5))
        share = (manifest.num_train + manifest.num_valid) / manifest.num_train
        assert task.num_steps(manifest) == pytest.approx(self.num_steps * share)

    def test_another_seed_gives_another_network(self, task: Task, space: Space) -> None:
        other = dataclasses.replace(self.child, seed=6)

        one, another = (
            task.judge(child, space, stored(task)).weights for child in (self.child, other)
        )

        assert one != another

    @pytest.mark.parametrize("killed_after", [1, 4])
    def test_a_resumed_training_gives_what_the_undisturbed_one_gives(
        self, task: Task, space: Space, store: SearchStore, killed_after: int
    ) -> None:
        undisturbed = task.judge(self.child, space, stored(task))

        with pytest.raises(KilledError):
            judge(task, self.child, space, store, killed_after=killed_after)
        resumed, epochs = judge(task, self.child, space, store)

        assert epochs == list(range(killed_after + 1, 6))
        assert without_times(resumed) == without_times(undisturbed)
        seconds = sum(metrics.seconds for metrics in resumed.result.epochs)
        assert resumed.result.seconds >= seconds

    def test_training_on_from_before_a_damaged_checkpoint_gives_the_same(
        self, task: Task, space: Space, store: SearchStore
    ) -> None:
        undisturbed = task.judge(self.child, space, stored(task))
        with pytest.raises(KilledError):
            judge(task, self.child, space, store, killed_after=4)
        key = f"checkpoints/{self.child.id}/0004.safetensors"
        store.objects.replace(key, store.objects.get(key)[:-100])

        resumed, epochs = judge(task, self.child, space, store)

        assert epochs == [4, 5]
        assert len(resumed.problems) == 1
        assert resumed.weights == undisturbed.weights

    def test_a_child_that_diverges_says_when_and_how_large_it_is(self, folder: Path) -> None:
        task = self.task_of(self.config(folder, **self.diverging))

        judged, epochs = judge(task, self.child, task.config.space.build(), stored(task))

        result = judged.result
        assert len(result.epochs) == len(epochs)
        assert result.message.startswith(f"in epoch {len(epochs) + 1} the training loss became ")
        assert result.num_parameters == self.num_parameters

    @pytest.mark.parametrize(
        "error", [None, torch.OutOfMemoryError("CUDA out of memory"), MemoryError()], ids=str
    )
    def test_lack_of_memory_is_a_result(
        self,
        task: Task,
        space: Space,
        store: SearchStore,
        error: Exception | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(self.trainer_class, "_train_epoch", failing(error))

        judged = task.judge(self.child, space, store)

        result = judged.result
        assert (result.status, result.reward) == ("out_of_memory", 0.0)
        assert (result.num_parameters, judged.weights) == (self.num_parameters, None)
        assert result.message.startswith("training takes more memory than there is: ")
        assert "\n" not in result.message

    def test_so_it_is_where_there_is_no_room_for_the_network(
        self, task: Task, space: Space, store: SearchStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(self.trainer_class, "__init__", failing(None))

        result = task.judge(self.child, space, store).result

        assert (result.status, result.num_parameters) == ("out_of_memory", None)

    def test_any_other_error_is_an_attempt_that_failed(
        self, task: Task, space: Space, store: SearchStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(self.trainer_class, "_train_epoch", failing(RuntimeError("bug")))

        with pytest.raises(ChildFailedError, match=r"^RuntimeError: bug$"):
            task.judge(self.child, space, store)

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.EMFILE, "Too many open files"),
            FileNotFoundError("the copy of the data"),
            RuntimeError("unable to open shared memory object: Too many open files (24)"),
            RuntimeError("can't start new thread"),
        ],
        ids=str,
    )
    def test_what_the_machine_lacks_is_not_the_childs(
        self,
        task: Task,
        space: Space,
        store: SearchStore,
        error: Exception,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(self.trainer_class, "_train_epoch", failing(error))

        with pytest.raises(type(error), match=re.escape(str(error))):
            task.judge(self.child, space, store)

    def test_a_space_without_plans_is_refused(self, task: Task, store: SearchStore) -> None:
        with pytest.raises(ArchitectureError, match=r"choices has no plans .* children\.evaluate"):
            task.judge(
                Child(self.child.id, Architecture("choices", (0,), "a=1"), seed=0),
                ChoiceSpace(a=[1]),
                store,
            )

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    @pytest.mark.parametrize("device", ["cuda", "cuda:7"])
    def test_a_device_that_is_not_there_is_refused(self, folder: Path, device: str) -> None:
        task = self.task_of(self.config(folder, device=device))
        store = stored(task)

        with pytest.raises(ConfigError, match=rf"children\.device must be .*, got '{device}'"):
            task.judge(self.child, task.config.space.build(), store)

        with pytest.raises(ConfigError, match=rf"children\.device must be .*, got '{device}'"):
            task.check_machine()

    def test_a_device_that_is_there_is_taken(self, task: Task) -> None:
        task.check_machine()

    def test_auto_finds_a_device_and_the_result_names_it(self, folder: Path) -> None:
        task = self.task_of(self.config(folder, epochs=1, device="auto", threads=2))

        result = task.judge(self.child, task.config.space.build(), stored(task)).result

        assert torch.get_num_threads() == 2
        name = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        assert result.where.endswith(f"({name})")

    # --- what is kept ----------------------------------------------------------------------------

    def test_the_network_that_is_kept_is_read_and_tested(
        self, task: TrainedTask[Any], space: Space, store: SearchStore
    ) -> None:
        judged = task.judge(self.child, space, store)
        assert judged.weights is not None
        store.objects.create(layout.child_weights(self.child.id), judged.weights)

        network = task.trained_network(self.child.id, space, store)
        reading, again = (task.read_test(self.child.id, space, store) for _ in range(2))

        assert task.reads_test()
        assert sum(x.numel() for x in network.parameters()) == self.num_parameters
        assert not network.training
        assert (reading.child, reading.score) == (self.child.id, again.score)
        manifest = task.find_manifest(store)
        assert manifest is not None
        expected = NetworkInfo(self.child.architecture, manifest.content_hash)
        assert read_info(judged.weights) == expected
        assert reading.num_examples == manifest.num_test
        examples = sum(num for *_, num in reading.confusion)
        right = sum(num for true, predicted, num in reading.confusion if true == predicted)
        expected_counts = (manifest.num_test, reading.score) if self.classifies else (0, 0.0)
        assert (examples, right / max(1, examples)) == expected_counts
        # the test data are of the same kind as those that it was chosen by
        assert judged.result.score is not None
        assert reading.score == pytest.approx(judged.result.score, rel=0.3)

    def test_a_test_score_that_is_no_number_is_told(
        self,
        task: TrainedTask[Any],
        space: Space,
        store: SearchStore,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(task, "trained_network", lambda *_: None)
        monkeypatch.setattr(task, "_tested", lambda *_: Tested(math.nan))

        with pytest.raises(DivergedError, match=f"test .* of {self.child.id} became nan"):
            task.read_test(self.child.id, space, store)

    def test_without_its_weights_there_is_nothing_to_test(
        self, task: TrainedTask[Any], space: Space, store: SearchStore
    ) -> None:
        with pytest.raises(ObjectNotFoundError, match=f"no children/{self.child.id}/weights"):
            task.read_test(self.child.id, space, store)
        store.objects.create(layout.child_weights(self.child.id), b"damaged")
        with pytest.raises(CorruptStateError, match=f"children/{self.child.id}/weights.* damaged"):
            task.trained_network(self.child.id, space, store)

    # --- preview ---------------------------------------------------------------------------------

    def test_a_step_of_training_can_be_timed_without_data(
        self, task: Task, space: PlannedSpace[Any], folder: Path
    ) -> None:
        prepared = task.prepare()
        assert prepared is not None
        shutil.rmtree(folder)

        task.timed_step(space.plan(self.child.architecture.tokens), prepared.manifest)()

    def test_a_step_that_is_timed_is_of_no_more_examples_than_there_are(self, folder: Path) -> None:
        task = self.task_of(self.config(folder, epochs=5, batch_size=1_000_000))
        prepared, space = task.prepare(), task.config.space.build()
        assert prepared is not None
        num_examples = prepared.manifest.num_train

        # as many steps as epochs: all images at once, or all words, the first of which is no target
        assert task.num_steps(prepared.manifest) == pytest.approx(5, rel=2 / num_examples)
        task.timed_step(space.plan(self.child.architecture.tokens), prepared.manifest)()

    def test_weights_are_counted_without_being_made(
        self, task: Task, space: PlannedSpace[Any]
    ) -> None:
        prepared, plan = task.prepare(), space.plan(self.child.architecture.tokens)
        assert prepared is not None
        network = task.network(plan, prepared.manifest)

        assert task.num_weights(plan, prepared.manifest) == sum(
            tensor.numel() for tensor in network.state_dict().values()
        )

        assert task.num_steps(prepared.manifest) == pytest.approx(self.num_steps)


class SharingTaskContract(TrainedTaskContract):
    """What tasks must do besides whose networks may share weights; subclass it likewise."""

    def shared_config(self, folder: Path, **weights: Any) -> SearchConfig:
        """Return a search by shared weights on the same data."""
        raise NotImplementedError

    def test_the_first_shared_weights_follow_from_the_searchs_seed(self, folder: Path) -> None:
        config = self.shared_config(folder)
        other = config.model_copy(update={"seed": 1})
        states: list[list[torch.Tensor]] = []
        for each in (config, config, other):
            torch.manual_seed(99 + len(states))  # another process
            workload = self.task_of(each).workload(stored(self.task_of(each)))
            states.append([x.clone() for x in workload.network.parameters()])

        one, same, others = states
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not all(torch.equal(a, b) for a, b in zip(one, others, strict=True))

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    @pytest.mark.parametrize("device", ["cuda", "cuda:7"])
    def test_a_device_that_is_not_there_is_refused_for_shared_weights(
        self, folder: Path, device: str
    ) -> None:
        shared = self.task_of(self.shared_config(folder, device=device))
        store = stored(shared)

        for refuses in (shared.check_machine, lambda: shared.workload(store)):
            with pytest.raises(ConfigError, match=rf"search\.weights\.device .*, got '{device}'"):
                refuses()


def empty_store() -> SearchStore:
    return SearchStore.open(f"memory://{uuid4().hex}")


def stored(task: Task) -> SearchStore:
    """Return a store with the task's data, as a search has them."""
    store, prepared = empty_store(), task.prepare()
    if prepared is not None:
        store.objects.create(layout.DATA_SEARCH, prepared.search_blob)
        store.objects.create(layout.DATA_TEST, prepared.test_blob)
        store.settle(layout.DATA_MANIFEST, prepared.manifest)
    return store


def judge(
    task: Task, child: Child, space: Space, store: SearchStore, *, killed_after: int | None = None
) -> tuple[Judged, list[int]]:
    """Have a child judged; return what came of it and the epochs that were trained."""
    epochs: list[int] = []

    def on_epoch(metrics: EpochMetrics) -> None:
        epochs.append(metrics.epoch)
        if metrics.epoch == killed_after:
            raise KilledError

    return task.judge(child, space, store, on_epoch=on_epoch), epochs


def without_times(judged: Judged) -> tuple[ChildResult, bytes | None]:
    epochs = tuple(dataclasses.replace(each, seconds=0.0) for each in judged.result.epochs)
    return dataclasses.replace(judged.result, epochs=epochs, seconds=0.0), judged.weights


def failing(error: Exception | None) -> Callable[..., None]:
    """Return a method that raises, or takes more memory than there is."""

    def fail(*_: object, **__: object) -> None:
        if error is not None:
            raise error
        torch.empty(2**50)

    return fail
