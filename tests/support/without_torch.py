"""A pytest plugin for a Python that has no torch (`-p without_torch`).

A test that fails because it asked for torch is skipped instead. Where those are many, something
asks for torch that should not: then the run fails.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Sequence

import pytest

_MOST_SKIPPED = 0.15  # of all tests
_SAID = "No module named 'torch'"  # by another process, or by the command


class _Asked:
    """Stands first where modules are looked for, notes whether torch was, and finds nothing."""

    is_asked = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        """Look whether it is torch."""
        self.is_asked = self.is_asked or name == "torch"


_asked = _Asked()
_ended: Counter[str] = Counter()


def pytest_configure() -> None:
    """Begin to watch."""
    sys.meta_path.insert(0, _asked)  # type: ignore[arg-type]


def pytest_runtest_logstart() -> None:
    """Begin with a test."""
    _asked.is_asked = False


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file that imports torch."""
    report = yield
    _excuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test that asked for torch."""
    report = yield
    _excuse(report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count how tests ended."""
    if report.when == "call" or report.skipped:
        _ended[report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where much was skipped."""
    if _ended["skipped"] > _MOST_SKIPPED * _ended.total():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many were skipped."""
    terminalreporter.write_line(
        f"{_ended['skipped']} of {_ended.total()} tests need torch; {_MOST_SKIPPED:.0%} may"
    )


def _excuse(report: pytest.CollectReport | pytest.TestReport) -> None:
    if report.failed and (_asked.is_asked or _SAID in str(report.longrepr)):
        report.outcome = "skipped"
        report.longrepr = (report.nodeid, 0, "Skipped: needs torch")
