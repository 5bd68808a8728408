from pathlib import Path

from kfp_nas.components.train_best import train_best
from toy_finals import begun, finished, train_all

from nas_lib import pods
from nas_lib.open_search import OpenSearch


def test_it_gives_a_place_for_each_round_and_a_spare_one(tmp_path: Path) -> None:
    search = finished(tmp_path)

    (final,) = set(places := train_best.python_func(search.uri, "run"))

    assert len(places) == 2 + 1  # the trials, the winner once more
    assert final.startswith(f"{search.uri}/final/")


def test_it_gives_none_where_no_final_training_follows(tabular_uri: str) -> None:
    assert train_best.python_func(tabular_uri, "run") == []


def test_it_gives_none_once_the_model_is_there(tmp_path: Path) -> None:
    search, final = begun(tmp_path)
    train_all(final)
    pods.export_model(OpenSearch(search.uri), run="run", folder=str(tmp_path / "model"))

    assert train_best.python_func(search.uri, "run") == []
