"""What benchmarks/fanout.py counts, against sums by hand."""

from __future__ import annotations

import pytest

from benchmarks.fanout import costs, job_costs, run_pods

# The root is driven by a pod, prepare-data, plan-rounds and write-report are 2 each; the group that
# the report comes after, nas-rounds and its condition one each: 1 + 3 x 2 + 3
BESIDES_ROUNDS = 10


@pytest.mark.parametrize("fanout", ["tasks", "jobs", "pod"])
def test_a_run_with_nothing_to_do_is_few_pods(fanout: str) -> None:
    assert run_pods(fanout, rounds=0, children=8) == BESIDES_ROUNDS


@pytest.mark.parametrize(
    ("fanout", "a_round"),
    [
        # the turn, three tasks of 2, the loop over children, and 8 turns with a task of 2 each
        ("tasks", 1 + 3 * 2 + 1 + 8 * (1 + 2)),
        ("pod", 1 + 4 * 2),  # the turn, and four tasks of 2
    ],
)
def test_a_round_is_as_many_pods_as_one_counts(fanout: str, a_round: int) -> None:
    # and the loop over rounds, which is there once
    assert run_pods(fanout, rounds=2, children=8) == BESIDES_ROUNDS + 1 + 2 * a_round


def test_jobs_are_a_pod_and_a_call_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "NAS_IMAGE", "NAS_NAMESPACE", "NAS_SERVICE_ACCOUNT"):
        monkeypatch.setenv(name, "")  # the benchmark sets them for this process

    pods, calls = job_costs(3)

    assert pods == 3
    assert calls == {"create jobs": 3, "list jobs": 1, "watch jobs": 1}
    assert costs("pod", 3)["of them the Jobs'"] == 0
