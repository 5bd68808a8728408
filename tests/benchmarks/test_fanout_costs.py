"""What benchmarks/fanout.py counts, against sums by hand."""

from __future__ import annotations

import pytest

from benchmarks.fanout import Size, costs, job_costs, levels, run_size
from nas_lib.config import FanOut

# The root is driven by a pod, prepare-data, plan-rounds and write-report are 2 each; the groups
# search, rounds and the loop over them one each: 1 + 3 x 2 + 3
BESIDES_ROUNDS = 10
# In nodes a pod and a group are 2. The workflow 2, the root 4, search and rounds 4 each, three
# tasks of 6 (two pods and a group), what runs in the end one group more, the loop 2, its driver 2,
# and its turns together 1
NODES_BESIDES_ROUNDS = 2 + 4 + 2 * 4 + 3 * 6 + 2 + 2 + 2 + 1


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
    ("rounds", "children", "counted"), [(2, 4, Size(51, 197)), (5, 8, Size(171, 668))]
)
def test_the_rule_is_that_of_a_backend_which_counted_a_condition_more(
    rounds: int, children: int, counted: Size
) -> None:
    """Both runs were of 2.17.0, when the loop over rounds lay in a condition: a pod, 4 nodes."""
    assert run_size("tasks", rounds=rounds, children=children) + Size(1, 4) == counted


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
