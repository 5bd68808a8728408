from pathlib import Path
from types import SimpleNamespace

import pytest
from kfp_nas.components.prepare_data import prepare_data
from kfp_nas.components.write_report import write_report
from logged_metrics import LoggedMetrics
from searches import tabular

from nas_lib import pods
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch


def files(folder: Path) -> tuple[SimpleNamespace, SimpleNamespace]:
    return tuple(SimpleNamespace(path=str(folder / name)) for name in ("page.html", "text.md"))


def test_it_writes_a_page_a_text_and_metrics(tmp_path: Path) -> None:
    handle = search(tabular(), store=str(tmp_path / "state"), workers=1)
    (page, text), metrics = files(tmp_path), LoggedMetrics()
    pods.plan_rounds(OpenSearch(handle.uri), replica=0, rounds_per_run=5, run="the-run")

    write_report.python_func(handle.uri, 0, "the-run", text, page, metrics)

    assert Path(page.path).read_text().startswith("<!DOCTYPE html>")
    assert (
        "This run, the-run, learned from 0 rounds (planned: 0 rounds); no problem noted."
        in Path(text.path).read_text()
    )
    assert metrics.values == {"children": 24, "best score": handle.best.score}


def test_it_says_why_there_is_no_search(tmp_path: Path) -> None:
    uri, (page, text) = str(tmp_path / "state"), files(tmp_path)
    with pytest.raises(SystemExit, match="nas: no preset is called 'digit'"):
        prepare_data.python_func(uri, "digit", {}, "the-run", None)

    write_report.python_func(uri, 0, "the-run", text, page, LoggedMetrics())

    assert "no preset is called" in Path(page.path).read_text()
    assert "no preset is called 'digit'" in Path(text.path).read_text()


def test_the_summary_comes_first_by_its_name() -> None:
    """Kubeflow's page has a task's artifacts in that order."""
    assert min(write_report.component_spec.outputs) == "about_this_run"
