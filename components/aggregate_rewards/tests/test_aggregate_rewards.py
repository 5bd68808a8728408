from kfp_nas.components.aggregate_rewards import aggregate_rewards
from kfp_nas.components.sample_architectures import sample_architectures
from logged_metrics import LoggedMetrics

from nas_lib import steps
from nas_lib.open_search import OpenSearch


def test_it_gives_the_rounds_number_and_logs_how_it_went(tabular_uri: str) -> None:
    children = sample_architectures.python_func(tabular_uri, 0, "run")
    rewards = [
        steps.train_child(OpenSearch(tabular_uri), child=child, run="run") for child in children
    ]
    metrics = LoggedMetrics()

    round_ = aggregate_rewards.python_func(tabular_uri, children, rewards, "run", metrics)

    assert round_ == 0
    assert metrics.values == {
        "round": 0,
        "missing results": 0,
        "best reward of the round": max(rewards),
        "best score so far": max(rewards),
    }


def test_it_says_what_is_missing(tabular_uri: str) -> None:
    children = sample_architectures.python_func(tabular_uri, 0, "run")
    metrics = LoggedMetrics()

    aggregate_rewards.python_func(tabular_uri, children, [], "run", metrics)

    assert metrics.values == {"round": 0, "missing results": 4}
