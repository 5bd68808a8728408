"""What a person sees while a search runs: counts, pace, staleness."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.progress import Progress
from searches import SMALL_SHARED, tabular

from nas_lib.cli.progress import LiveProgress, PlainProgress
from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, Learned, SharedEpoch
from nas_lib.steps import prepare_data


class Time:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr("nas_lib.cli.progress.time", clock)
    return clock


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


CONFIG = tabular(replicas=2)
"""Three rounds of four children in each of two replicas."""


def opened_search(name: str) -> OpenSearch:
    search(CONFIG, store=f"memory://{name}", rounds=1)
    return OpenSearch(f"memory://{name}")


def learned(replica: int, number: int, *staleness: int) -> Learned:
    metrics = {"mean_reward": 0.5, "entropy": 2.0, "baseline": 0.5}
    return Learned(replica, number, "run", (1,), staleness, metrics, created_s=0.0)


def ids(replica: int, number: int) -> list[str]:
    return [f"r{replica:03d}-{number:06d}-{index:02d}" for index in range(4)]


def test_children_of_two_replicas_at_once_are_each_counted_once(
    clock: Time, console: Console
) -> None:
    progress = PlainProgress(CONFIG, console)
    progress.opened(opened_search("counts"), num_rounds=4, workers=8)
    progress.proposed(0, 1, ids(0, 1), num_done=0, num_repeats=0)
    progress.proposed(1, 1, ids(1, 1)[3:], num_done=3, num_repeats=0)  # three are finished already
    for child in (ids(1, 1)[3], *ids(0, 1)):
        clock.now_s += 2.0
        progress.ended(ChildResult(child, "ok", 0.25))
    progress.learned(learned(0, 1, 1, 2))

    last = text_of(console).splitlines()[-1]

    assert last.startswith("replica 0 round 2/3: 8/16 children, mean reward 0.5000, entropy 2.00")
    # five children in 10 s are 1,800 in an hour; eight are left, 2 s each; (1 + 2) / 2 = 1.5
    assert last.endswith("staleness 1.5, 1,800 children/h, 16.0 s left")


def test_of_searches_one_after_the_other_none_tells_what_belongs_to_the_one_before(
    clock: Time, console: Console
) -> None:
    progress = PlainProgress(CONFIG, console)
    progress.comparing("random, seed 0, in a", number=1, total=2, is_done=True)
    progress.comparing("random, seed 1, in b", number=2, total=2, is_done=False)
    progress.opened(opened_search("first"), num_rounds=4, workers=1)
    progress.proposed(0, 1, ids(0, 1), num_done=0, num_repeats=3)
    clock.now_s += 2.0
    progress.ended(ChildResult(ids(0, 1)[0], "ok", 0.99))
    progress.learned(learned(0, 1, 7))
    second = tabular(replicas=2, max_children=16)
    search(second, store="memory://second", rounds=1)
    progress.opened(OpenSearch("memory://second"), num_rounds=2, workers=1)
    progress.proposed(0, 1, ids(0, 1), num_done=0, num_repeats=0)
    clock.now_s += 2.0
    progress.ended(ChildResult(ids(0, 1)[0], "ok", 0.0))
    progress.learned(learned(0, 1, 1))

    lines = text_of(console).splitlines()
    assert lines[:2] == ["1/2: random, seed 0, in a, done before", "2/2: random, seed 1, in b"]
    assert lines[-1].startswith("replica 0 round 2/2: 1/8 children, mean reward")
    assert "best 99" not in lines[-1]
    assert "staleness 1.0" in lines[-1]


def test_repeats_are_told_and_none_of_the_count(clock: Time, console: Console) -> None:
    progress = PlainProgress(CONFIG, console)
    progress.opened(opened_search("repeats"), num_rounds=4, workers=8)
    progress.proposed(0, 1, ids(0, 1)[:1], num_done=1, num_repeats=2)
    clock.now_s += 2.0
    progress.ended(ChildResult(ids(0, 1)[0], "ok", 0.25))
    progress.learned(learned(0, 1, 0))
    progress.proposed(0, 3, [], num_done=0, num_repeats=4)  # a fourth round of three
    progress.learned(learned(0, 3, 0))

    first, second = text_of(console).splitlines()[-2:]
    assert first.startswith("replica 0 round 2/3: 2/16 children, 2 repeats, mean reward")
    assert second.startswith("replica 0 round 4: 2/16 children, 6 repeats, mean reward")


def test_it_is_said_where_the_best_are_trained_again(console: Console) -> None:
    config = tabular(max_children=24, children={"noisy": True})  # the best 2 again, 4 times each
    search(config, store="memory://again", listener=PlainProgress(config, console))

    lines = text_of(console).splitlines()[-3:]
    assert [line.split(":")[0] for line in lines] == [
        "replica 0 round 6/6",
        "replica 0 round 7, the best again",
        "replica 0 round 8, the best again",
    ]


def test_the_live_line_says_it_too(console: Console) -> None:
    with Progress(console=console) as bar:
        progress = LiveProgress(CONFIG, bar)
        progress.opened(opened_search("again-live"), num_rounds=4, workers=1)
        progress.training_again(1, 3)
        progress.proposed(1, 3, ids(1, 3), num_done=0, num_repeats=0)

    assert bar.tasks[0].description == "the best again"


def test_a_search_goes_on_at_the_pace_of_this_run_only(clock: Time, console: Console) -> None:
    progress = PlainProgress(CONFIG, console)
    progress.opened(opened_search("pace"), num_rounds=4, workers=1)
    progress.proposed(0, 1, ids(0, 1)[3:], num_done=3, num_repeats=0)
    clock.now_s += 10.0
    progress.ended(ChildResult(ids(0, 1)[3], "ok", 0.25))
    progress.learned(learned(0, 1, 0))

    assert text_of(console).endswith("360 children/h, 2 min 0 s left\n")  # 12 left, 10 s each


def test_the_live_line_shows_the_slowest_and_the_fastest_replica(
    clock: Time, console: Console
) -> None:
    with Progress(console=console) as bar:
        progress = LiveProgress(CONFIG, bar)
        progress.opened(opened_search("live"), num_rounds=4, workers=8)
        progress.proposed(0, 1, ids(0, 1), num_done=0, num_repeats=0)
        progress.proposed(1, 1, ids(1, 1), num_done=0, num_repeats=0)
        (task,) = bar.tasks
        assert task.description == "2 replicas, round 2/3"
        for child in ids(1, 1):
            clock.now_s += 1.0
            progress.ended(ChildResult(child, "ok", 2.0, score=2.0))
        progress.learned(learned(1, 1, 3))
        progress.proposed(1, 2, ids(1, 2), num_done=0, num_repeats=0)
        clock.now_s += 1.0
        progress.ended(ChildResult(ids(1, 2)[0], "ok", 0.5))

    assert task.description == "2 replicas, rounds 2-3/3"
    assert (task.completed, task.total) == (5, 16)
    assert task.fields["note"] == (
        "best 2 (r001-000001-00), staleness 3.0, 3,600 children/h, 11.0 s left"
    )


@pytest.mark.parametrize("replicas", [1, 2])
def test_staleness_is_shown_for_several_replicas_only(replicas: int, console: Console) -> None:
    config = tabular(max_children=8, replicas=replicas)
    search(config, store=f"memory://{replicas}", listener=PlainProgress(config, console))

    assert ("staleness" in text_of(console)) == (replicas > 1)


def test_a_failure_is_a_line_of_its_own(console: Console) -> None:
    config = tabular("searches:failing", max_children=16, replicas=2)
    search(config, store="memory://failing", listener=PlainProgress(config, console))

    text = text_of(console)
    assert re.search(r"^r00[01]-\d{6}-0\d failed: RuntimeError: a is 1$", text, re.MULTILINE)
    assert "16/16 children" in text


SHARED = resolve_config(
    "enas-macro-digits",
    {**SMALL_SHARED, "search.weights.epochs": 4, "search.derive.probes": 2},
    stored=None,
)
"""Four epochs of shared weights, then three children."""


def shared_search(name: str) -> OpenSearch:
    prepare_data(OpenSearch(f"memory://{name}"), config=SHARED)
    return OpenSearch(f"memory://{name}")


def epoch(number: int, *, entropy: float | None = 2.5) -> SharedEpoch:
    return SharedEpoch(
        epoch=number,
        run="run",
        train_loss=1.25,
        learning_rate=0.1,
        num_steps=18,
        num_evaluations=4,
        mean_score=0.5,
        metrics={} if entropy is None else {"mean_reward": 0.5, "entropy": entropy},
        seconds=2.0,
        controller_seconds=1.0,
        created_s=0.0,
    )


def test_the_live_line_shows_epochs_and_then_children(clock: Time, console: Console) -> None:
    with Progress(console=console) as bar:
        progress = LiveProgress(SHARED, bar)
        progress.opened(shared_search("live-shared"), num_rounds=1, workers=1)
        (task,) = bar.tasks
        assert (task.description, task.completed, task.total) == ("shared weights", 0, 4)
        clock.now_s += 3.0
        progress.trained_shared_weights(epoch(1))
        assert (task.completed, task.total, task.fields["unit"]) == (1, 4, "epochs")
        # three more, 3 s each
        note = "loss 1.2500, mean score 50.00 %, entropy 2.50, 9.0 s left"
        assert task.fields["note"] == note
        for number in (2, 3, 4):
            progress.trained_shared_weights(epoch(number))
        assert task.description == "deriving"

        clock.now_s += 100.0  # deriving says nothing of how long a child takes
        progress.proposed(0, 0, ids(0, 0)[:3], num_done=0, num_repeats=0)
        assert (task.description, task.completed, task.total) == ("from scratch", 0, 3)
        clock.now_s += 10.0
        progress.ended(ChildResult(ids(0, 0)[0], "ok", 0.25, score=0.25))

    assert (task.completed, task.total, task.fields["unit"]) == (1, 3, "children")
    assert task.fields["note"] == "best 25.00 % (r000-000000-00), 360 children/h, 20.0 s left"


def test_each_epoch_and_each_child_from_scratch_is_a_plain_line(
    clock: Time, console: Console
) -> None:
    progress = PlainProgress(SHARED, console)
    progress.opened(shared_search("plain-shared"), num_rounds=1, workers=2)
    clock.now_s += 3.0
    progress.trained_shared_weights(epoch(3, entropy=None))  # the run before trained two
    progress.trained_shared_weights(epoch(4))
    progress.proposed(0, 0, ids(0, 0)[1:3], num_done=1, num_repeats=0)  # one has its result already
    clock.now_s += 10.0
    progress.ended(ChildResult(ids(0, 0)[1], "ok", 0.5, score=0.5))

    lines = text_of(console).splitlines()
    assert lines[0].endswith("4 epoch(s) of shared weights to do, 3 children, 2 worker(s)")
    assert lines[1] == (
        "shared weights, epoch 3: loss 1.2500, mean validation accuracy 50.00 %, 3.0 s, 3.0 s left"
    )
    assert lines[2].endswith("mean reward 0.5000, entropy 2.50, 3.0 s, 0.0 s left")
    assert lines[3] == (
        "from scratch: 2/3 children, best 50.00 % (r000-000000-01), 360 children/h, 10.0 s left"
    )


def test_a_failing_child_of_shared_weights_is_two_lines(clock: Time, console: Console) -> None:
    progress = PlainProgress(SHARED, console)
    progress.opened(shared_search("failing-shared"), num_rounds=1, workers=1)
    progress.proposed(0, 0, ids(0, 0)[:3], num_done=0, num_repeats=0)
    clock.now_s += 1.0
    progress.ended(ChildResult(ids(0, 0)[0], "diverged", 0.0, message="loss is nan"))

    assert "r000-000000-00 diverged: loss is nan\n" in text_of(console)


def test_brackets_in_a_message_are_no_markup(console: Console) -> None:
    with Progress(console=console) as bar:
        progress = LiveProgress(CONFIG, bar)
        progress.opened(opened_search("brackets"), num_rounds=1, workers=1)
        progress.ended(ChildResult(ids(0, 1)[0], "crashed", 0.0, message="[bold]no[/b] [/such]"))

    assert "crashed: [bold]no[/b] [/such]" in text_of(console)
