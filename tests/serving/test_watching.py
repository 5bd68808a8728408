"""A search's report, live: over HTTP, and `nas watch` from its start to its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from searches import tabular
from served import ask, watched
from toy_images import IMAGE_SPACE, children, write_toy_images

import nas_lib
from nas_lib.config import SearchConfig
from nas_lib.serving.watching import Watched

pytestmark = pytest.mark.usefixtures("in_this_process")


def numbers(url: str) -> Iterator[int]:
    """Yield the numbers of pages that are told of."""
    with urllib.request.urlopen(f"{url}/events", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer:
            if line.startswith(b"data: "):
                yield int(line.removeprefix(b"data: "))


def page(url: str) -> str:
    status, _, content = ask(f"{url}/")
    assert status == 200
    return content.decode()


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_the_page_is_renewed_when_the_search_goes_on(where: str, tmp_path: Path) -> None:
    uri = str(tmp_path / "s") if where == "folder" else "memory://watched"
    config = tabular(max_children=12, confirm=None)
    with watched(uri) as url:
        told = numbers(url)
        assert next(told) == 0
        assert f"Waiting for one to begin in <code>{uri}</code>" in page(url)

        nas_lib.search(config, store=uri, workers=1, rounds=1)
        assert next(number for number in told if number >= 1)
        before = page(url)
        nas_lib.search(config, store=uri, workers=1)
        for _ in told:
            if "r000-000002-03" in page(url):  # the last child
                break

    assert "r000-000000-03" in before
    assert "r000-000002-03" not in before
    assert 'new EventSource("events")' in before  # as it is, nothing escaped


def test_it_is_the_page_of_reports_with_how_children_learned(tmp_path: Path) -> None:
    config = SearchConfig(
        task=write_toy_images(tmp_path / "toy.npz"),
        space=IMAGE_SPACE,
        children=children(epochs=2),
        search={"max_children": 2, "children_per_round": 2, "confirm": None},
    )
    nas_lib.search(config, store="memory://learning")

    with Watched("memory://learning") as search:
        assert "Learning curves of all children" in search.page


def test_only_who_names_this_machine_is_shown_it() -> None:
    with watched("memory://nothing-there") as url:
        port = url.rpartition(":")[2]
        for name, status in (
            (f"127.0.0.1:{port}", 200),
            (f"localhost:{port}", 200),
            (f"[::1]:{port}", 200),
            ("lab.example", 200),
            (f"rebound.example:{port}", 421),
            ("", 421),
        ):
            assert ask(f"{url}/", headers={"Host": name})[0] == status, name
            if status == 421:
                assert ask(f"{url}/events", headers={"Host": name})[0] == status, name


def test_ctrl_c_ends_the_command_though_somebody_looks_on(tmp_path: Path) -> None:
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = f"{begin}from nas_lib.cli import main; main()"
    command = [sys.executable, "-c", program, "watch", str(tmp_path / "s"), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = said.split(" is at ")[1].split(";")[0]
        told = numbers(url)
        assert next(told) == 0
        process.send_signal(signal.SIGINT)
        assert list(told) == []
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()

    assert (process.returncode, rest, errors) == (0, "", "")
