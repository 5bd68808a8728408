from kfp_nas.components.plan_rounds import plan_rounds

from nas_lib.config_file import resolve_config
from nas_lib.store import SearchStore


def test_it_gives_one_tick_for_each_round_of_this_run(tabular_uri: str) -> None:
    ticks, *_ = plan_rounds.python_func(tabular_uri, 0, 2, "run")

    assert ticks == [0, 1]


def test_it_gives_none_while_another_run_is_at_work(tabular_uri: str) -> None:
    plan_rounds.python_func(tabular_uri, 0, 2, "first")

    ticks, *_ = plan_rounds.python_func(tabular_uri, 0, 2, "second")

    assert ticks == []


def test_it_says_what_childrens_pods_may_use(tabular_uri: str) -> None:
    store = SearchStore.open(tabular_uri)
    spot = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}
    resources = {"cpu": "4", "memory": "16Gi", "gpu_count": 1, "tolerations": [spot]}
    overrides = {"resources": {**resources, "node_selector": {"example.com/pool": "gpu"}}}
    store.change_settings(resolve_config("", overrides, stored=store.config()))

    _, *planned = plan_rounds.python_func(tabular_uri, 0, 2, "run")

    assert planned == ["4", "16Gi", "nvidia.com/gpu", "1", {"example.com/pool": "gpu"}, [spot]]


def test_without_a_gpu_none_is_named_so_that_no_pod_tolerates_the_taint_of_such_nodes(
    tabular_uri: str,
) -> None:
    """A backend that is given a type and a number, be it 0, makes a limit of them."""
    _, _, _, gpu_type, gpu_count, *_ = plan_rounds.python_func(tabular_uri, 0, 2, "run")

    assert (gpu_type, gpu_count) == ("", "0")
