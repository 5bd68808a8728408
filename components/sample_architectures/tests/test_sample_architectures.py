from kfp_nas.components.sample_architectures import sample_architectures


def test_it_gives_the_ids_of_the_rounds_children(tabular_uri: str) -> None:
    children = sample_architectures.python_func(tabular_uri, 0, "run")

    assert children == [f"r000-000000-{index:02d}" for index in range(4)]
