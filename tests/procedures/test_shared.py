"""train_shared_weights and derive_architectures, on a workload whose every number is known."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from toy_workload import ToyWorkload

from nas_lib import steps
from nas_lib.config import (
    ControllerConfig,
    DeriveConfig,
    EnasMacroSpaceConfig,
    ImageChildrenConfig,
    ImageTaskConfig,
    ImageWeightsConfig,
    PpoConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
    SharedConfig,
)
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import derivation
from nas_lib.procedures.derivation import equal_budget_samples
from nas_lib.records import ChildResult, Derived, Proposed, Rewarded, SharedEpoch, to_json
from nas_lib.shared_weights.workload import Workload
from nas_lib.store import SearchStore, layout
from nas_lib.tasks import ImageTask, Task

EPOCHS = 4


def procedure(derive: DeriveConfig | None = None) -> SharedConfig:
    return SharedConfig(
        weights=ImageWeightsConfig(epochs=EPOCHS, schedule="constant", threads=1),
        controller_steps=3,
        architectures_per_step=4,
        derive=derive or DeriveConfig(num_samples=20, keep=2, probes=3),
    )


def config(
    controller: ControllerConfig | None = None, *, derive: DeriveConfig | None = None
) -> SearchConfig:
    return SearchConfig(
        name="toy",
        task=ImageTaskConfig(max_train=200),
        space=EnasMacroSpaceConfig(layers=3, operations=("conv3", "max3")),
        controller=controller or ReinforceConfig(learning_rate=0.002),
        search=procedure(derive),
        children=ImageChildrenConfig(epochs=1),
    )


@pytest.fixture(autouse=True)
def workloads(monkeypatch: pytest.MonkeyPatch) -> list[ToyWorkload]:
    """The toy workloads that were made, in place of networks and images."""
    made: list[ToyWorkload] = []

    def build(task: Task, store: SearchStore) -> ToyWorkload:
        made.append(ToyWorkload(OpenSearch(store.objects.uri).space.decisions(1)))
        return made[-1]

    monkeypatch.setattr(ImageTask, "workload", build)
    return made


@pytest.fixture
def uri(tmp_path: Path) -> str:
    uri = str(tmp_path / "state")
    steps.prepare_data(OpenSearch(uri), config=config())
    return uri


def store(uri: str) -> SearchStore:
    return SearchStore.open(uri)


def train(uri: str) -> None:
    steps.train_shared_weights(OpenSearch(uri), run="run")


def epochs(uri: str) -> list[SharedEpoch]:
    numbers = store(uri).numbers(layout.SHARED_EPOCHS)
    return [store(uri).read(SharedEpoch, layout.shared_epoch(number)) for number in numbers]


def what_repeats(uri: str) -> list[tuple[float, ...]]:
    return [(each.epoch, each.train_loss, each.mean_score) for each in epochs(uri)]


def judge(uri: str, children: list[str]) -> None:
    """Give every child a result without training it."""
    for index, child in enumerate(children):
        score = 0.5 + index / 100
        result = ChildResult(child, "ok", reward=OpenSearch(uri).task.reward(score), score=score)
        store(uri).settle(layout.child_result(child), result)
    steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")


def test_a_tick_ends_at_the_first_epoch_after_its_minutes_and_the_next_goes_on(
    uri: str, tmp_path: Path
) -> None:
    progress = [
        steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0) for _ in range(EPOCHS)
    ]

    assert [each.epoch for each in progress] == [1, 2, 3, 4]
    assert [each.is_complete for each in progress] == [False, False, False, True]
    unbroken = str(tmp_path / "unbroken")
    steps.prepare_data(OpenSearch(unbroken), config=config())
    train(unbroken)
    assert what_repeats(uri) == what_repeats(unbroken)


@pytest.mark.parametrize(
    ("controller", "batches", "numbers"),
    [
        (ReinforceConfig(), None, list(range(12))),
        (ReinforceConfig(), "common", [0] * 4 + [1] * 4 + [2] * 4),
        (ReinforceConfig(baseline="leave_one_out"), None, [0] * 4 + [1] * 4 + [2] * 4),
        (ReinforceConfig(baseline="leave_one_out"), "own", list(range(12))),
        (PpoConfig(baseline="leave_one_out"), None, [0] * 4 + [1] * 4 + [2] * 4),
        (RandomConfig(), None, list(range(4))),
    ],
)
def test_a_step_has_its_batch_in_common_where_said_or_where_its_architectures_are_compared(
    controller: ControllerConfig,
    batches: Literal["own", "common"] | None,
    numbers: list[int],
    tmp_path: Path,
    workloads: list[ToyWorkload],
) -> None:
    uri = str(tmp_path / "state")
    settings = config(controller)
    search = settings.search.model_copy(update={"validation_batches": batches})
    wanted = settings.model_copy(update={"search": search})
    steps.prepare_data(OpenSearch(uri), config=wanted)

    steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0)

    assert workloads[0].numbers == numbers  # 3 steps of 4 architectures


def test_training_again_once_it_is_complete_does_nothing(
    uri: str, workloads: list[ToyWorkload]
) -> None:
    train(uri)
    train(uri)

    assert len(workloads) == 1


def test_an_epoch_whose_metrics_were_lost_with_its_process_is_not_trained_again(
    uri: str, workloads: list[ToyWorkload]
) -> None:
    steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0)
    store(uri).objects.delete(layout.shared_epoch(1))

    progress = steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0)

    assert progress.epoch == 2
    assert [each.epoch for each in epochs(uri)] == [1, 2]
    assert len(workloads[1].seen) == 4  # the mini-batches of one epoch


def test_a_damaged_checkpoint_costs_an_epoch_and_is_noted(uri: str, tmp_path: Path) -> None:
    steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0)
    steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0)
    store(uri).objects.replace("checkpoints/shared/0002.safetensors", b"damaged")

    train(uri)

    (problem,) = store(uri).problems()
    assert "checkpoints/shared/0002.safetensors is damaged" in problem.message
    unbroken = str(tmp_path / "unbroken")
    steps.prepare_data(OpenSearch(unbroken), config=config())
    train(unbroken)
    assert what_repeats(uri) == what_repeats(unbroken)


def test_deriving_before_training_is_complete_is_refused(uri: str) -> None:
    steps.train_shared_weights(OpenSearch(uri), run="run", minutes=0)

    assert not steps.may_derive(OpenSearch(uri), run="run")
    with pytest.raises(ConfigError, match="the shared weights have 1 of 4 epochs"):
        steps.derive_architectures(OpenSearch(uri), run="run")


def test_the_best_samples_and_the_probes_become_the_children_of_one_round(uri: str) -> None:
    train(uri)

    children = steps.derive_architectures(OpenSearch(uri), run="run")

    assert children == [f"r000-000000-0{index}" for index in range(5)]  # 2 kept and 3 probes
    derived = store(uri).read(Derived, layout.DERIVED)
    assert [judged.score for judged in derived.kept] == sorted(derived.scores, reverse=True)[:2]
    assert len(derived.kept) == len({judged.architecture for judged in derived.kept}) == 2
    proposed = store(uri).read(Proposed, layout.round_state(0, 0, "proposed"))
    assert [child.architecture for child in proposed.children] == [
        judged.architecture for judged in [*derived.kept, *derived.probes]
    ]
    assert len({child.seed for child in proposed.children}) == 5


def test_deriving_again_gives_the_same_children_less_those_with_a_result(uri: str) -> None:
    train(uri)
    children = steps.derive_architectures(OpenSearch(uri), run="run")
    first = store(uri).objects.get(layout.DERIVED)

    judge(uri, children[:1] + children[2:])

    assert steps.derive_architectures(OpenSearch(uri), run="another") == children[1:2]
    judge(uri, children)
    assert steps.derive_architectures(OpenSearch(uri), run="another") == children[:1]  # never none
    assert store(uri).objects.get(layout.DERIVED) == first


def test_scores_that_were_made_before_a_kill_are_not_made_again(
    uri: str, workloads: list[ToyWorkload]
) -> None:
    train(uri)
    steps.derive_architectures(OpenSearch(uri), run="run")
    made = len(workloads[-1].scored)
    for key in (layout.DERIVED, layout.round_state(0, 0, "proposed")):
        store(uri).objects.delete(key)

    steps.derive_architectures(OpenSearch(uri), run="run")

    derived = store(uri).read(Derived, layout.DERIVED)
    assert made == len(derived.scores) + 5  # every sample, then what is trained from scratch
    assert len(workloads[-1].scored) == 5


def test_checkpoints_go_once_their_weights_have_told_what_they_know(uri: str) -> None:
    train(uri)
    assert store(uri).objects.keys("checkpoints")

    steps.derive_architectures(OpenSearch(uri), run="run")

    assert not store(uri).objects.keys("checkpoints")


def test_the_search_is_finished_once_its_children_are_judged(uri: str) -> None:
    assert (
        len(steps.plan_rounds(OpenSearch(uri), replica=0, run="run", rounds_per_run=30).ticks)
        == EPOCHS
    )
    train(uri)
    assert steps.plan_rounds(OpenSearch(uri), replica=0, run="run").ticks == (
        0,
    )  # to derive, and to judge
    assert steps.may_derive(OpenSearch(uri), run="run")

    children = steps.derive_architectures(OpenSearch(uri), run="run")
    view = steps.view_search(OpenSearch(uri))
    assert not view.finished
    assert view.open_children == 5

    judge(uri, children)
    view = steps.view_search(OpenSearch(uri))
    assert view.finished
    assert len(view.rows) == 5
    assert len(view.shared_epochs) == EPOCHS
    assert view.derived is not None
    assert not steps.may_derive(OpenSearch(uri), run="run")
    assert steps.plan_rounds(OpenSearch(uri), replica=0, run="run").ticks == ()
    assert store(uri).find(Rewarded, layout.round_state(0, 0, "rewarded")) is not None


def test_another_run_that_is_at_work_is_not_disturbed(uri: str) -> None:
    train(uri)
    steps.plan_rounds(OpenSearch(uri), replica=0, run="first")

    assert steps.may_derive(OpenSearch(uri), run="first")
    assert not steps.may_derive(OpenSearch(uri), run="second")


def test_random_search_scores_as_many_more_samples_as_a_controllers_steps_would_have_cost(
    tmp_path: Path,
) -> None:
    uri = str(tmp_path / "random")
    steps.prepare_data(OpenSearch(uri), config=config(RandomConfig()))
    train(uri)

    steps.derive_architectures(OpenSearch(uri), run="run")

    shared = procedure()
    workload = ToyWorkload()
    # 4 epochs x 3 steps x 4 architectures, a validation batch each: 48 passes. Scoring one sample
    # takes 3 validation batches: 16 more than 20.
    assert equal_budget_samples(shared, workload) == 36
    derived = store(uri).read(Derived, layout.DERIVED)
    assert 20 < len(derived.scores) <= 36  # without those drawn twice
    # A controller that learns after 3 epochs only has 12 passes: 4 more than 20.
    late = shared.model_copy(update={"controller_after": 3})
    assert equal_budget_samples(late, workload) == 24
    # With a refitting batch each: 96 passes, and 4 for a sample: 24 more than 20.
    workload.has_batch_norm = True
    assert equal_budget_samples(shared, workload) == 44


def test_garbage_is_found_beside_shared_weights(uri: str) -> None:
    train(uri)
    kept = steps.collect_garbage(OpenSearch(uri), older_than_s=0)
    assert {garbage.kind: len(garbage.infos) for garbage in kept}["checkpoints"] == 0
    checkpoints = {
        key: store(uri).objects.get(key) for key in store(uri).objects.keys("checkpoints")
    }
    steps.derive_architectures(OpenSearch(uri), run="run")
    for key, data in checkpoints.items():  # as a kill in between would have left them
        store(uri).objects.replace(key, data)

    steps.collect_garbage(OpenSearch(uri), older_than_s=0, delete=True)

    assert not store(uri).objects.keys("checkpoints")


def test_a_search_without_shared_weights_is_refused(tmp_path: Path) -> None:
    uri = str(tmp_path / "plain")
    plain = config().model_copy(update={"search": RoundsConfig()})
    steps.prepare_data(OpenSearch(uri), config=plain)

    with pytest.raises(ConfigError, match="has rounds: the pipeline for it is nas-search"):
        steps.train_shared_weights(OpenSearch(uri), run="run")


def test_a_run_that_comes_to_derive_after_another_has_takes_what_that_found(
    uri: str, workloads: list[ToyWorkload], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(uri)
    build = ImageTask.workload

    def meanwhile(task: ImageTask, store: SearchStore) -> Workload:
        """Another run derives while this one builds its network."""
        monkeypatch.setattr(ImageTask, "workload", build)
        steps.derive_architectures(OpenSearch(uri), run="another")
        return build(task, store)

    monkeypatch.setattr(ImageTask, "workload", meanwhile)

    children = steps.derive_architectures(OpenSearch(uri), run="run")

    assert len(children) == 5
    assert store(uri).read(Derived, layout.DERIVED).run == "another"
    assert not workloads[-1].seen  # nothing was trained again


def test_scores_of_other_samples_are_not_taken_for_these(uri: str) -> None:
    train(uri)
    steps.derive_architectures(OpenSearch(uri), run="run")
    expected = store(uri).read(Derived, layout.DERIVED).scores
    key = layout.shared_scores(0)
    found = store(uri).read(derivation._Scores, key)
    other = derivation._Scores(found.samples[::-1], tuple(0.0 for _ in found.scores))
    store(uri).objects.replace(key, to_json(other))
    for each in (layout.DERIVED, layout.round_state(0, 0, "proposed")):
        store(uri).objects.delete(each)

    steps.derive_architectures(OpenSearch(uri), run="run")

    assert store(uri).read(Derived, layout.DERIVED).scores == expected


def test_no_network_is_trained_from_scratch_twice(tmp_path: Path) -> None:
    few = DeriveConfig(num_samples=2, keep=2, probes=60)  # there are 8 x 8 = 64 architectures
    uri = str(tmp_path / "few")
    steps.prepare_data(OpenSearch(uri), config=config(derive=few))
    train(uri)

    steps.derive_architectures(OpenSearch(uri), run="run")

    proposed = store(uri).read(Proposed, layout.round_state(0, 0, "proposed"))
    ids = [child.architecture.id for child in proposed.children]
    assert len(set(ids)) == len(ids) > 50
