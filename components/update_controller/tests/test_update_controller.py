from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.update_controller import update_controller
from logged_metrics import LoggedMetrics

from nas_lib import steps
from nas_lib.open_search import OpenSearch


def test_it_learns_from_a_round(tabular_uri: str) -> None:
    children = sample_architectures.python_func(tabular_uri, 0, "run")
    rewards = [
        steps.train_child(OpenSearch(tabular_uri), child=child, run="run") for child in children
    ]
    steps.aggregate_rewards(OpenSearch(tabular_uri), children=children, run="run")
    metrics = LoggedMetrics()

    update_controller.python_func(tabular_uri, 0, 0, "run", metrics)

    mean = sum(rewards) / 4
    assert metrics.values["learned"] == 1
    assert metrics.values["mean reward"] == metrics.values["baseline"] == mean


def test_it_does_nothing_while_a_result_is_missing(tabular_uri: str) -> None:
    sample_architectures.python_func(tabular_uri, 0, "run")
    metrics = LoggedMetrics()

    update_controller.python_func(tabular_uri, 0, 0, "run", metrics)

    assert metrics.values == {"learned": 0}
