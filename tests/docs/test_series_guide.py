"""The page on series: its commands are typed as they stand, its tables are read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from allowances import AMPLE
from toy_series import toy_series, ts_text

from nas_lib.cli.commands import cli
from nas_lib.config import SeriesTableData
from nas_lib.config_file import read_config, to_yaml
from nas_lib.errors import DataError
from nas_lib.presets import preset
from nas_lib.tasks import task_of
from nas_lib.tasks.series.readers import find_series

PAGE = (Path(__file__).parents[2] / "docs/series.md").read_text(encoding="utf-8")
SHOWN = [
    shlex.split(line, comments=True)
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines()
]


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_its_commands_are_read_as_they_stand(words: list[str]) -> None:
    """They are not run: each takes a while."""
    _, name, *arguments = words
    cli.commands[name].make_context(name, arguments)


def test_its_document_reads_files_with_the_names_that_it_says(tmp_path: Path) -> None:
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"NAME_{part}.ts").write_text(ts_text(*toy_series(40, seed=1)))
    (tmp_path / "search.yaml").write_text(to_yaml(preset("series")))

    config = read_config(tmp_path / "search.yaml", [f"task.data.path={tmp_path}"])

    assert task_of(config).prepare()


def test_both_tables_that_it_shows_are_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```\n(label,.*?)^```", PAGE, re.M | re.S)
    columns = [re.split(r"\s{2,}", line) for line in block.splitlines()]
    wide = [left for left, *_ in columns if left]
    long = [right for _, right in columns]
    for name, lines in (("wide.csv", wide), ("long.csv", long)):
        (tmp_path / name).write_text("\n".join(lines) + "\n")

    one, other = (
        find_series(SeriesTableData(path=str(tmp_path / name), group="person"), AMPLE)
        for name in ("wide.csv", "long.csv")
    )

    assert [each.tolist() for each in one.parts["training"].values] == [
        [[0.1, 0.4, 0.3]],
        [[0.9, 0.2, 0.7]],
    ]
    assert [each.tolist() for each in other.parts["training"].values] == [
        [[0.1, 0.4], [9.8, 9.7]],
        [[0.9], [9.1]],
    ]
    assert one.parts["training"].groups == other.parts["training"].groups == ["ann", "bob"]
    with pytest.raises(DataError, match="got other values in person"):  # which nobody has named
        find_series(SeriesTableData(path=str(tmp_path / "wide.csv")), AMPLE)
