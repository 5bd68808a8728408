from pathlib import Path

import pytest
from kfp_nas.components.transfer_cells import transfer_cells

from nas_lib.store import SearchStore

SMALL = {"task.max_train": 100, "final.size": {"cells": 3.0, "filters": 2.0}}


class Summary:
    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "summary.md")


def begin(folder: Path, **arguments: object) -> int:
    given = {"source": "enas-micro", "preset": "digits", "overrides": SMALL, **arguments}
    return transfer_cells.python_func(str(folder), run="run", summary=Summary(folder), **given)


def test_it_begins_a_transfer_and_goes_on_with_it(tmp_path: Path) -> None:
    assert begin(tmp_path) == 80  # a fifth of 100 is for validation
    assert "80 training, 20 validation" in (tmp_path / "summary.md").read_text()
    config = SearchStore.open(str(tmp_path)).config()
    assert (config.search.kind, config.search.source) == ("transfer", "enas-micro")
    assert (config.final.size.cells, config.final.follows) == (3, True)

    assert begin(tmp_path, source="", preset="", overrides={}) == 80
    assert SearchStore.open(str(tmp_path)).config() == config


def test_another_search_is_no_transfer(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"this is search\.kind rounds, and no transfer"):
        begin(tmp_path, source="", overrides={})
