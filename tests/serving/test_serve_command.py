"""`nas serve`, from its start to its end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from nas_command import Nas
from served import ask
from toy_models import colour_model
from tritonclient import http

from nas_lib.serving import listening

_WITHOUT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
sys.modules[{!r}] = None
from nas_lib.cli import main
main()
"""


def command(without: str, *arguments: str | Path) -> list[str]:
    """Return `nas` with these arguments, where a module is missing."""
    return [sys.executable, "-c", _WITHOUT.format(without), *map(str, arguments)]


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def test_it_serves_without_torch_until_it_is_stopped(tmp_path: Path) -> None:
    colour_model(tmp_path)
    process = subprocess.Popen(
        command("torch", "serve", tmp_path, "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        (url, again) = re.findall(r"http://127\.0\.0\.1:\d+", said)
        with http.InferenceServerClient(url.removeprefix("http://")) as client:
            assert client.is_model_ready("colours")
            assert ask(f"{url}/predict", b"none")[0] == 400
            process.send_signal(signal.SIGINT)  # while a client is still connected
            rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()

    assert said.startswith(f"Serving colours (r000-000001-02) at {url}; Ctrl-C ends it\n")
    assert said.endswith(f"POST {again}/v2/models/colours/infer\n")
    assert (process.returncode, rest, errors) == (130, "", "nas: stopped\n")


def test_what_is_missing_is_told_in_a_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(command("uvicorn", "serve", tmp_path), capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        r"nas: nas serve needs Starlette and uvicorn: pip install 'kfp-nas\[serve\]' \(.+\)\n",
        ended.stderr,
    )


def test_a_port_that_is_taken_is_told(tmp_path: Path, nas: Nas) -> None:
    colour_model(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code, said, errors = nas("serve", tmp_path, "--port", port)

    assert (code, said) == (2, "")
    assert errors.startswith(f"nas: cannot listen at port {port} of 127.0.0.1 (Address already")


def test_a_host_that_is_not_this_machine_is_told(tmp_path: Path, nas: Nas) -> None:
    colour_model(tmp_path)

    code, _, errors = nas("serve", tmp_path, "--host", "203.0.113.1")

    assert code == 2
    assert errors.startswith("nas: cannot listen at port 8080 of 203.0.113.1 (")


def test_no_part_of_an_answer_waits_for_another_to_arrive() -> None:
    with (
        listening("localhost", 0) as listener,
        socket.create_connection(listener.getsockname()[:2]),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_where_there_is_no_model_nothing_is_served(tmp_path: Path, nas: Nas) -> None:
    code, _, errors = nas("serve", tmp_path)

    assert code == 2
    assert errors.startswith(f"nas: there is no model at {tmp_path}")


def test_a_damaged_network_is_found_before_it_is_served(tmp_path: Path, nas: Nas) -> None:
    colour_model(tmp_path)
    (tmp_path / "colours/1/model.onnx").write_bytes(b"none")

    code, said, errors = nas("serve", tmp_path, "--port", "0")

    assert (code, said) == (1, "")
    assert "model.onnx is damaged" in errors
