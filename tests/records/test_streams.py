"""Standard streams that are closed, full, narrow in their characters, or a terminal to steer."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import warnings

import pytest

from nas_lib.streams import PlainStream, SteadyStream, plain_streams, quiet, without_logs


class FullStream(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_what_a_full_disk_does_not_take_is_lost_and_remembered() -> None:
    stream = SteadyStream(FullStream())
    assert stream.failure is None
    stream.write("one")
    stream.write("two")
    assert stream.failure is not None
    assert stream.failure.strerror == "No space left on device"


def test_a_closed_stream_has_lost_something_once_something_is_written() -> None:
    stream = SteadyStream(None)
    stream.flush()
    assert stream.failure is None
    stream.write("one")
    assert str(stream.failure) == "it is closed"


def test_a_stream_that_somebody_closes_later_is_no_error() -> None:
    beneath = io.StringIO()
    stream = SteadyStream(beneath)
    beneath.close()
    stream.write("one")
    stream.flush()
    assert not stream.isatty()
    assert stream.failure is not None


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("latin-1", b"gr\xfc\xdfe ?"),
        ("ascii", b"gr??e ?"),
        ("utf-8", "gr\xfc\xdfe \u65e5".encode()),
    ],
)
def test_characters_that_a_terminal_does_not_know_are_replaced(
    encoding: str, written: bytes
) -> None:
    beneath = io.BytesIO()
    stream = SteadyStream(io.TextIOWrapper(beneath, encoding))
    stream.write("gr\xfc\xdfe \u65e5")
    stream.flush()
    assert beneath.getvalue() == written
    assert stream.failure is None


def test_only_what_is_ours_steers_the_terminal() -> None:
    beneath = io.StringIO()
    plain = PlainStream(SteadyStream(beneath))
    plain.write("a\x1b[31m\tb\n")
    plain.live.write("\x1b[2K")
    assert beneath.getvalue() == "a\\x1b[31m\tb\n\x1b[2K"


def test_printing_goes_through_plain_streams_meanwhile(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with plain_streams() as streams:
        print("out \x07")
        print("err \x9b", file=sys.stderr)
        assert streams.failure() is None
    print("after \x07")
    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines()] == ["out \\x07", "after \x07"]  # kfp indents
    assert err == "err \\x9b\n"


def complain() -> None:
    warnings.warn("a raw warning", UserWarning, stacklevel=1)
    warnings.simplefilter("always")  # as some libraries do
    warnings.warn("another", DeprecationWarning, stacklevel=1)
    logging.getLogger("somebody").warning("a raw log line")


def test_warnings_of_libraries_are_kept_from_people(capfd: pytest.CaptureFixture[str]) -> None:
    filters, last_resort, show = warnings.filters[:], logging.lastResort, warnings.showwarning
    with quiet():
        complain()
    assert capfd.readouterr() == ("", "")
    assert (warnings.filters, logging.lastResort, warnings.showwarning) == (
        filters,
        last_resort,
        show,
    )


def test_warnings_are_shown_where_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_DEBUG", "1")
    with warnings.catch_warnings(record=True) as shown, quiet():
        complain()
    assert [str(each.message) for each in shown] == ["a raw warning", "another"]


def test_nobody_logs_without_having_said_where_to(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []  # pytest's own
    try:
        with without_logs():
            logging.error("of a library")
        handlers = root.handlers
    finally:
        root.handlers = kept
    assert capfd.readouterr() == ("", "")
    assert handlers == []


CLOSED = """
import os, sys
from nas_lib.streams import plain_streams
with plain_streams() as streams:
    with open(os.devnull) as file:
        assert file.fileno() > 2, file.fileno()
    print("lost")
    os._exit(7 if streams.failure() else 0)
"""


def test_nothing_is_opened_in_place_of_a_closed_standard_stream() -> None:
    command = f"exec {sys.executable} -c '{CLOSED}' <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 7


def test_a_stream_that_goes_leaves_alone_what_is_beneath() -> None:
    class Beneath(io.StringIO):
        num_flushes = 0

        def flush(self) -> None:
            self.num_flushes += 1

    beneath = Beneath()
    stream = SteadyStream(beneath)
    stream.close()
    stream.write("still open")
    del stream

    assert (beneath.getvalue(), beneath.closed, beneath.num_flushes) == ("still open", False, 0)
