from pathlib import Path

from kfp_nas.components.prepare_data import prepare_data
from searches import SMALL_DIGITS

from nas_lib import pods
from nas_lib.open_search import OpenSearch
from nas_lib.store import SearchStore


class Summary:
    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "summary.md")


def test_it_creates_a_search_and_says_what_was_prepared(tmp_path: Path) -> None:
    uri, summary = str(tmp_path / "state"), Summary(tmp_path)

    num_examples = prepare_data.python_func(uri, "digits", SMALL_DIGITS, "run", summary)

    assert num_examples == 160  # 1,797 images: a fifth for the test; of the rest 200, a fifth of
    # which is for validation
    assert "160 training, 40 validation and 359 test images" in Path(summary.path).read_text()
    assert SearchStore.open(uri).config().search.max_children == 4


def test_it_continues_what_is_stored(tmp_path: Path) -> None:
    uri, summary = str(tmp_path / "state"), Summary(tmp_path)
    prepare_data.python_func(uri, "digits", SMALL_DIGITS, "run", summary)

    prepare_data.python_func(uri, "", {"search.max_children": 8.0}, "run", summary)
    pods.plan_rounds(OpenSearch(uri), replica=0, rounds_per_run=1, run="run")

    assert SearchStore.open(uri).config().search.max_children == 8
