import pytest
from kfp_nas.components.derive_architectures import derive_architectures
from kfp_nas.components.train_shared_weights import train_shared_weights
from logged_metrics import LoggedMetrics


def test_it_gives_the_ids_of_what_is_trained_from_scratch(shared_uri: str) -> None:
    for _ in range(2):
        train_shared_weights.python_func(shared_uri, "run", LoggedMetrics())

    children = derive_architectures.python_func(shared_uri, "run")

    assert children == ["r000-000000-00", "r000-000000-01"]  # one kept, one probe
    assert derive_architectures.python_func(shared_uri, "run") == children


def test_it_is_refused_before_the_weights_are_trained(shared_uri: str) -> None:
    with pytest.raises(SystemExit, match="the shared weights have 0 of 2 epochs"):
        derive_architectures.python_func(shared_uri, "run")
