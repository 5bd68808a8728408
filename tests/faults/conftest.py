"""The account that the full run of fault tests ends with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tally import Tally

RESULT = Path(__file__).parents[2] / "benchmarks/results/faults.json"


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count over all tests; after a full run in which none failed, print and write it."""
    tally = Tally()
    yield tally
    is_full = request.config.option.markexpr == ""  # `make test-faults`
    if not is_full or request.session.testsfailed:
        return
    assert tally.store_faults.total() >= 900
    assert tally.kills.total() >= 60
    account = json.dumps(tally.as_dict(), indent=1)
    RESULT.write_text(f"{account}\n", encoding="utf-8")
    request.config.pluginmanager.get_plugin("terminalreporter").write_line(f"\n{account}")
