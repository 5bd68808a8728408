from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.train_children import train_children

from nas_lib.records import ChildResult
from nas_lib.store import SearchStore, layout


def test_it_trains_all_children_and_returns_their_rewards_in_order(tabular_uri: str) -> None:
    children = sample_architectures.python_func(tabular_uri, 0, "run")

    rewards = train_children.python_func(tabular_uri, children, "run")

    store = SearchStore.open(tabular_uri)
    results = [store.read(ChildResult, layout.child_result(child)) for child in children]
    assert rewards == [result.reward for result in results]
    assert len(rewards) == 4
