from kfp_nas.components.plan_rounds import plan_rounds

from nas_lib.config_file import resolve_config
from nas_lib.store import SearchStore


def test_it_gives_one_tick_for_each_round_of_this_run(tabular_uri: str) -> None:
    ticks, num_ticks, *_ = plan_rounds.python_func(tabular_uri, 0, 2, "run")

    assert (ticks, num_ticks) == ([0, 1], 2)


def test_it_gives_none_while_another_run_is_at_work(tabular_uri: str) -> None:
    plan_rounds.python_func(tabular_uri, 0, 2, "first")

    ticks, num_ticks, *_ = plan_rounds.python_func(tabular_uri, 0, 2, "second")

    assert (ticks, num_ticks) == ([], 0)


def test_it_says_what_childrens_pods_may_use(tabular_uri: str) -> None:
    store = SearchStore.open(tabular_uri)
    spot = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}
    resources = {"cpu": "4", "memory": "16Gi", "gpu_count": 1, "tolerations": [spot]}
    overrides = {"resources": {**resources, "node_selector": {"example.com/pool": "gpu"}}}
    store.change_settings(resolve_config("", overrides, stored=store.config()))

    _, _, *planned = plan_rounds.python_func(tabular_uri, 0, 2, "run")

    assert planned == ["4", "16Gi", "nvidia.com/gpu", "1", {"example.com/pool": "gpu"}, [spot]]
