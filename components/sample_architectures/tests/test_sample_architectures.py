import pytest
from kfp_nas.components.sample_architectures import sample_architectures


def test_it_gives_the_ids_of_the_rounds_children(tabular_uri: str) -> None:
    children = sample_architectures.python_func(tabular_uri, 0, "run")

    assert children == [f"r000-000000-{index:02d}" for index in range(4)]


def test_children_of_shared_weights_are_not_sampled(shared_uri: str) -> None:
    with pytest.raises(SystemExit, match="the pipeline for it is enas-search"):
        sample_architectures.python_func(shared_uri, 0, "run")
