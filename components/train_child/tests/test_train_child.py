from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.train_child import train_child

from nas_lib.records import ChildResult
from nas_lib.store import SearchStore, layout


def test_it_trains_in_a_process_of_its_own_and_stores_the_result(tabular_uri: str) -> None:
    child = sample_architectures.python_func(tabular_uri, 0, "run")[0]

    reward = train_child.python_func(tabular_uri, child, "run")

    result = SearchStore.open(tabular_uri).read(ChildResult, layout.child_result(child))
    assert (result.status, result.reward) == ("ok", reward)
