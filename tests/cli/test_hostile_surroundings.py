"""The command in bad company: names, streams, folders, limits, errors, signals."""

from __future__ import annotations

import errno
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import click
import pytest
from nas_command import Nas
from searches import tabular

from nas_lib import cli
from nas_lib.architecture import Architecture
from nas_lib.cli import commands
from nas_lib.config_file import parse_config, to_yaml
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.spaces import ChoiceSpace
from nas_lib.steps.attempts import Failure

NAS = f"{sys.executable} -m nas_lib.cli"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the command think that this process is its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def sh(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line of the shell, in which $NAS is the command."""
    environment = {**ENVIRONMENT, "NAS": NAS}
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, env=environment, check=False, timeout=60
    )


# --- names and messages from outside -------------------------------------------------------------

STEERING = "\x1b[31mred\x1b[0m \x9b2J\x1b]0;title\x07 \u202eabc"
SHOWN = r"\x1b[31mred\x1b[0m \x9b2J\x1b]0;title\x07 \u202eabc"


def hostile_space() -> ChoiceSpace:
    return ChoiceSpace(**{f"op {STEERING}": ["a\nb", "[bold]c[/bold]", "<b>d</b>"]})


def hostile_evaluation(architecture: Architecture) -> float:
    if "<b>" in architecture.config:
        raise ValueError(f"{STEERING}\nsecond line [/nope] :smile:")
    return 1.0


@pytest.fixture
def hostile_search() -> str:
    uri = "memory://hostile-names"
    document = {
        "name": "hostile",
        "space": {"kind": "custom", "object": f"{__name__}:hostile_space"},
        "children": {"kind": "own", "evaluate": f"{__name__}:hostile_evaluation"},
        "search": {"max_children": 8, "children_per_round": 4},
    }
    config = parse_config(document, source="here")
    search(config, store=uri)
    return uri


def test_names_and_messages_steer_no_terminal_and_break_no_line(
    nas: Nas, hostile_search: str, tmp_path: Path
) -> None:
    search_uri = hostile_search
    outputs = [
        nas("top", search_uri),
        nas("compare", search_uri, search_uri, "-o", "compare.html"),
        nas("report", search_uri),
        nas("report", search_uri, "-o", f"{STEERING}.html"),
        nas("top", STEERING),
        nas(STEERING),
    ]
    assert [code for code, *_ in outputs] == [0, 0, 0, 0, 2, 2]
    for text in (
        *(text for _, *texts in outputs for text in texts),
        (tmp_path / "report.html").read_text(),
        (tmp_path / "compare.html").read_text(),
    ):
        assert not {*text} & {"\x1b", "\x9b", "\x07", "\u202e"}
    (winner,) = (line for line in outputs[0][1].splitlines() if line.startswith("Winner"))
    assert f"op {SHOWN}=" in winner
    assert SHOWN in (tmp_path / "report.html").read_text()
    assert outputs[3][2] == f"Report: {SHOWN}.html\n"


def test_what_is_stored_of_a_failure_is_one_line(hostile_search: str) -> None:
    store = OpenSearch(hostile_search).store
    store.note_problem(run="run", step="search", message=f"{STEERING}\nsecond line")
    assert store.problems()[-1].message == f"{SHOWN} second line"
    failures = [
        store.read(Failure, key) for key in store.objects.keys("children") if "failed" in key
    ]
    assert failures
    assert {each.message for each in failures} == {
        f"ValueError: {SHOWN} second line [/nope] :smile:"
    }


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "said"), [("ascii", b"gr??e ?"), ("latin-1", b"gr\xfc\xdfe ?")]
)
def test_a_terminal_that_is_not_utf_8_shows_what_it_can(encoding: str, said: bytes) -> None:
    name = "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}\N{LATIN SMALL LETTER SHARP S}e \N{SNOWMAN}"
    done = sh(f"PYTHONIOENCODING={encoding} $NAS top '{name}'")
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        (">/dev/full", 1, b"nas: output is lost: No space left on device\n"),
        (">&-", 1, b"nas: output is lost: it is closed\n"),
        ("2>&-", 0, b""),  # there was nothing to say
        (">&- 2>&- <&-", 1, b""),
    ],
)
def test_output_that_is_lost_is_told_by_the_exit_code(
    redirected: str, code: int, said: bytes
) -> None:
    done = sh(f"$NAS presets {redirected}")
    assert (done.returncode, done.stderr) == (code, said)


def test_a_search_goes_on_to_its_end_where_nobody_can_hear_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")  # nobody would hear that it is not there
    (tmp_path / "search.yaml").write_text(to_yaml(tabular("searches:talking", max_children=8)))

    done = sh("$NAS search search.yaml --store state --workers 1 2>/dev/full")

    assert done.returncode == 1
    assert b"8 of 8 children" in done.stdout


# --- folders -------------------------------------------------------------------------------------


def test_a_user_without_a_home_is_told_at_once_what_to_set(
    nas: Nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_uid: int) -> NoReturn:
        raise KeyError("no such user")

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("NAS_CACHE", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)

    code, _, errors = nas("search", "digits", "--store", "state")

    assert code == 2
    assert errors == (
        "nas: ~/.cache/nas, for copies of data, lies in a home folder that there is not: let "
        "NAS_CACHE name a folder that can be written\n"
    )
    assert not Path("state").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "digits", "-o", "~nouser/search.yaml"],
        ["check", "~nouser/search.yaml"],
        ["check", "nas-cnn", "--set", "task.data.path=~nouser/data"],
        ["search", "digits", "--store", "~nouser/state"],
        ["search", "--store", "~nouser/state"],
        ["top", "~nouser/state"],
        ["report", "~nouser/state"],
        ["compare", "~nouser/state", "~nouser/other"],
        ["gc", "~nouser/state"],
        ["prepare", "digits", "--store", "~nouser/state"],
        ["compile", "-o", "~nouser/pipeline.yaml"],
        ["store", "init", "~nouser/state"],
    ],
)
def test_a_home_folder_of_nobody_is_one_sentence(nas: Nas, arguments: list[str]) -> None:
    code, _, errors = nas(*arguments)

    assert code == 2
    assert errors.startswith("nas: ")
    assert "~nouser" in errors
    assert errors.count("\n") == 1
    assert "internal" not in errors


def test_a_working_folder_that_was_deleted_is_one_sentence(nas: Nas, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()

    assert nas("presets") == (
        2,
        "",
        "nas: the folder that this began in is gone: change to another one\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "digits", "-o", "folder"],
        ["check", "folder"],
        ["report", "memory://hostile-names", "-o", "folder"],
        ["compare", "memory://hostile-names", "memory://hostile-names", "-o", "folder"],
        ["compile", "-o", "folder"],
        ["compile", "-o", "folder.yaml"],
        ["compile", "-o", "file/pipeline.yaml"],
        ["init", "digits", "-o", "file/search.yaml"],
        ["check", "file/search.yaml"],
        ["check", ""],
        ["init", ""],
        ["init", "digits", "-o", ""],
        ["compile", "-o", ""],
        ["train-child", "state", "nonsense", "--run", "x"],
        ["train-child", "state", "r000-000000-00", "--run", ".."],
        ["train-child", "state", "r000-000000-00", "--run", ""],
        ["search", "digits", "--workers", "1000000"],
    ],
)
def test_a_path_to_something_else_is_one_sentence(
    nas: Nas, hostile_search: str, arguments: list[str]
) -> None:
    Path("folder").mkdir()
    Path("folder.yaml").mkdir()
    Path("file").touch()

    code, _, errors = nas(*arguments)

    assert code == 2
    assert "internal" not in errors
    assert "Traceback" not in errors


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "limit", "size"),
    [
        ("search digits", 800_000, "781 MiB"),
        ("check digits", 800_000, "781 MiB"),
        ("compare digits --against random", 800_000, "781 MiB"),
        ("predict x y", 500_000, "488 MiB"),
        ("top x", 100_000, "97 MiB"),
    ],
)
def test_too_little_address_space_is_told_before_anything_hangs(
    command: str, limit: int, size: str
) -> None:
    done = sh(f"ulimit -v {limit}; $NAS {command}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"nas: this process may have {size} of address space".encode())


@pytest.mark.parametrize("limit", ["-v 40000", "-n 6"])
def test_little_of_what_a_process_needs_is_no_traceback(limit: str) -> None:
    done = sh(f"ulimit {limit}; $NAS top absent")
    assert done.returncode != 0
    assert done.stderr.startswith(b"nas: ")
    assert done.stderr.count(b"\n") == 1


# --- whatever is raised --------------------------------------------------------------------------


class PanicException(BaseException):
    """As clients written in Rust raise it."""


class Unwritable(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("no")


def import_error() -> ImportError:
    error = ImportError("a page of advice")
    error.__cause__ = ImportError("libx.so: failed to map segment from shared object")
    return error


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (MemoryError(), 1, "memory has run out: allow more of it"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "memory has run out ("),
        (SystemError("error return without exception set"), 1, "as it does without memory"),
        (RecursionError("maximum depth"), 1, "something is nested too deeply (maximum depth)"),
        (RuntimeError("can't start new thread"), 1, "allow more processes (ulimit -u"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "make room"),
        (OSError(errno.EMFILE, "Too many open files"), 1, "allow more open files (ulimit -n)"),
        (PermissionError(errno.EACCES, "Permission denied", "x\ny"), 1, "x y: Permission denied\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, "nas: Broken pipe\n"),
        (EOFError("truncated"), 1, "internal error: EOFError: truncated (NAS_DEBUG=1"),
        (import_error(), 1, "libx.so: failed to map segment from shared object: allow more"),
        (PanicException("inside\nrust"), 1, "internal error: PanicException: inside rust (NAS"),
        (Unwritable(), 1, "internal error: Unwritable: Unwritable without a text (NAS_DEBUG=1"),
        (SystemExit("nas: a step\x1b failed"), 1, "nas: a step\\x1b failed\n"),
        (SystemExit(3), 3, ""),
        (click.Abort(), 130, "nas: stopped\n"),
        (KeyboardInterrupt(), 130, "nas: stopped\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_whatever_is_raised_is_one_sentence(
    nas: Nas, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, said: str
) -> None:
    def broken(**_: object) -> None:
        raise raised

    monkeypatch.setattr(commands.presets, "callback", broken)

    got, output, errors = nas("presets")

    assert (got, output) == (code, "")
    assert said in errors
    assert errors.count("\n") == bool(said)


def test_what_a_thread_dies_of_is_one_sentence(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies() -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", "x")

    def broken(**_: object) -> None:
        thread = threading.Thread(target=dies)
        thread.start()
        thread.join()

    monkeypatch.setattr(commands.presets, "callback", broken)

    assert nas("presets") == (0, "", "nas: x: Permission denied\n")


def test_debugging_shows_where(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(commands.presets, "callback", broken)
    monkeypatch.setenv("NAS_DEBUG", "1")

    with pytest.raises(MemoryError):
        nas("presets")


# --- being stopped -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_command_and_is_given_back(
    nas: Nas, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def stopped_in_a_library(**_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except BaseException as err:  # some make an error of their own of it
            raise ImportError("numpy failed") from err

    monkeypatch.setattr(commands.presets, "callback", stopped_in_a_library)
    before = signal.signal(number, signal.SIG_DFL)  # the shell may have it ignored for the suite
    try:
        assert nas("presets") == (130, "", "nas: stopped\n")
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_signal_that_was_ignored_stays_ignored(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `nohup` has it."""
    monkeypatch.setattr(
        commands.presets, "callback", lambda **_: os.kill(os.getpid(), signal.SIGHUP)
    )
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert nas("presets")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_during_imports_is_one_line() -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'rich' or name == 'click': os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from nas_lib.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stderr) == (130, "nas: stopped\n")


def test_the_entry_point_is_light() -> None:
    """What is imported before errors are told in a sentence."""
    assert cli.__file__ is not None
    code = "import sys, nas_lib.cli; print(sorted({'click', 'rich', 'yaml'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ENVIRONMENT)
    assert done.stdout == b"[]\n"
