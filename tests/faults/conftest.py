"""The account that the full run of fault tests ends with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tally import Tally


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--account", type=Path, help="Demand enough faults, kills and documents, and write them."
    )


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count over all tests; with `--account`, and if none failed, print and write the counts."""
    tally = Tally()
    yield tally
    path = request.config.getoption("--account", None)
    if path is None or request.session.testsfailed:
        return
    account = json.dumps(tally.as_dict(), indent=1)
    request.config.pluginmanager.get_plugin("terminalreporter").write_line(f"\n{account}")
    assert tally.store_faults.total() >= 900
    assert tally.kills.total() >= 60
    assert tally.documents.total() >= 100_000
    path.write_text(f"{account}\n", encoding="utf-8")
