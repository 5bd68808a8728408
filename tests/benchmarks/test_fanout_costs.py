"""What benchmarks/fanout.py counts, against sums by hand."""

from __future__ import annotations

import pytest

from benchmarks.fanout import Size, costs, job_costs, levels, run_size
from nas_lib.config import FanOut

# What a final training costs that does not follow: train-best 2, the group final-trainings and the
# loop over its rounds one each. In nodes a task is 6 (two pods and a group, each 2), a group 4 and
# a loop 5: it 2, its driver 2, and its turns together 1
NO_FINAL_TRAINING = Size(2 + 1 + 1, 6 + 4 + 5)
# The root is driven by a pod, prepare-data, plan-rounds and write-report are 2 each; the groups
# search, rounds and the loop over them one each
BESIDES_ROUNDS = 1 + 3 * 2 + 3 + NO_FINAL_TRAINING.pods
# The workflow 2, the root 4, search and rounds 4 each, three tasks, what runs in the end one group
# more, and the loop
NODES_BESIDES_ROUNDS = 2 + 4 + 2 * 4 + 3 * 6 + 2 + 5 + NO_FINAL_TRAINING.nodes


@pytest.mark.parametrize("fanout", ["tasks", "jobs", "pod"])
def test_a_run_with_nothing_to_do_is_few_pods(fanout: FanOut) -> None:
    assert run_size(fanout, rounds=0, children=8) == Size(BESIDES_ROUNDS, NODES_BESIDES_ROUNDS)


@pytest.mark.parametrize(
    ("fanout", "a_round"),
    [
        # the turn, three tasks of 2, the loop over children, and 8 turns with a task of 2 each; in
        # nodes the turn is 6, a task 6, the loop 5
        ("tasks", Size(1 + 3 * 2 + 1 + 8 * (1 + 2), 6 + 3 * 6 + 5 + 8 * (6 + 6))),
        ("pod", Size(1 + 4 * 2, 6 + 4 * 6)),  # the turn, and four tasks of 2
    ],
)
def test_a_round_is_as_many_pods_as_one_counts(fanout: FanOut, a_round: Size) -> None:
    besides = Size(BESIDES_ROUNDS, NODES_BESIDES_ROUNDS)

    assert run_size(fanout, rounds=2, children=8) == besides + a_round * 2


@pytest.mark.parametrize(
    ("fanout", "training"),
    # the loop over children, and 8 turns with a task of 2 each; or one task
    [("tasks", Size(1 + 8 * 3, 5 + 8 * 12)), ("jobs", Size(2, 6)), ("pod", Size(2, 6))],
)
def test_a_round_of_final_training_is_a_group_more_and_exports_in_a_condition(
    fanout: FanOut, training: Size
) -> None:
    none, one = (run_size(fanout, rounds=0, children=8, final_rounds=each) for each in (0, 1))

    # the turn, the group in it, two tasks, and the condition with another one
    assert one == none + training + Size(1 + 1 + 2 * 2 + 1 + 2, 6 + 4 + 2 * 6 + 4 + 6)


@pytest.mark.parametrize(
    ("rounds", "children", "counted"), [(2, 4, Size(51, 197)), (5, 8, Size(171, 668))]
)
def test_the_rule_is_that_of_a_backend_which_counted_a_condition_more(
    rounds: int, children: int, counted: Size
) -> None:
    """Both runs were of 2.17.0, when the loop over rounds lay in a condition: a pod, 4 nodes.

    And no final training could follow.
    """
    today = run_size("tasks", rounds=rounds, children=children)

    assert today + Size(1, 4) == counted + NO_FINAL_TRAINING


@pytest.mark.parametrize(("fanout", "clicks"), [("tasks", 7), ("jobs", 5), ("pod", 5)])
def test_levels_are_clicks_from_the_root_to_the_task_that_trains(
    fanout: FanOut, clicks: int
) -> None:
    assert levels(fanout) == clicks


def test_jobs_are_a_pod_and_a_call_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "NAS_IMAGE", "NAS_NAMESPACE", "NAS_SERVICE_ACCOUNT"):
        monkeypatch.setenv(name, "")  # the benchmark sets them for this process

    pods, calls = job_costs(3)

    assert pods == 3
    assert calls == {
        "create jobs": 3,
        "list jobs": 1,
        "list pods": 1,  # whose this one is
        "watch jobs": 1,
    }
    assert costs("pod", 3)["of them the Jobs'"] == 0
