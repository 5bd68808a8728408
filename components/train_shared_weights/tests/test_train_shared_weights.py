from kfp_nas.components.plan_rounds import plan_rounds
from kfp_nas.components.train_shared_weights import train_shared_weights
from logged_metrics import LoggedMetrics


def test_it_says_when_architectures_are_to_be_derived(shared_uri: str) -> None:
    plan_rounds.python_func(shared_uri, 0, 10, "run")
    logged = [LoggedMetrics(), LoggedMetrics(), LoggedMetrics()]

    said = [train_shared_weights.python_func(shared_uri, "run", metrics) for metrics in logged]

    assert said == [0, 1, 1]  # two epochs, one a tick; the third finds them done
    assert [metrics.values.get("epoch") for metrics in logged] == [1, 2, None]
    assert logged[1].values.keys() == {
        "epoch",
        "train loss",
        "mean score",
        "mean reward",
        "entropy",
        "baseline",
    }


def test_it_leaves_deriving_to_a_run_that_is_at_work_on_it(shared_uri: str) -> None:
    plan_rounds.python_func(shared_uri, 0, 10, "another")
    for _ in range(2):
        said = train_shared_weights.python_func(shared_uri, "run", LoggedMetrics())

    assert said == 0
