"""A Python that has loaded what takes long, torch above all, and forks itself for each command.

Most time of a test that starts many processes goes into their imports. `warm_python` yields the
path of a program that stands in for `sys.executable`: what it is given as `-m MODULE ARGUMENT ...`
is done in a process of its own, with the caller's environment, folder and standard streams, and
its exit code. A signal to the program does not reach that process, and its modules are there
already: tests that kill, and those of what is imported, start the real one. A script that
`NAS_TEST_FIRST` names is done first, so that a process may kill itself.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

PRELOAD = (
    "kfp.dsl",
    "kfp.dsl.executor",
    "kfp.dsl.kfp_config",
    "nas_lib.pods",
    "nas_lib.steps",
    "nas_lib.engine",
    "nas_lib.export",
    "nas_lib.report",
    "nas_lib.training.whole_torch",
    "nas_lib.tasks.images.trainer",
    "sklearn.datasets",
    "onnx",
)

CLIENT = """#!{python} -SIE
import array, json, os, socket, sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    streams = array.array("i", [0, 1, 2])
    rights = socket.SOL_SOCKET, socket.SCM_RIGHTS, streams
    server.sendmsg([len(request).to_bytes(8, "big")], [rights])
    server.sendall(request)
    for stream in streams:
        os.close(stream)
    status = int(server.recv(16) or b"255")
    os.kill(os.getpid(), -status) if status < 0 else os._exit(status)
"""


@contextmanager
def warm_python(folder: Path) -> Iterator[Path]:
    """Yield the path of a Python that has everything loaded; it lives in this folder."""
    address, program = folder / "socket", folder / "python"
    program.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, address, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "_KFP_RUNTIME": "true"},
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield program
    finally:
        server.communicate()


def serve(address: str, program: str) -> None:
    """Fork a process for each command, until the standard input ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who mind
    gc.freeze()  # what is shared with forked processes stays so
    print("ready", flush=True)
    while listener in select.select([listener, 0], [], [])[0]:
        caller, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            mind(program, caller)
            os._exit(0)
        caller.close()


def mind(program: str, caller: socket.socket) -> None:
    """Start the process that the caller wants, and tell how it ended."""
    size, streams, _, _ = socket.recv_fds(caller, 8, 3)
    request = json.loads(caller.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
    process = get_context("fork").Process(target=be, args=(program, streams, caller, *request))
    process.start()
    for stream in (*streams, 0, 1, 2):
        os.close(stream)
    process.join()
    caller.sendall(str(process.exitcode).encode())


def be(
    program: str,
    streams: list[int],
    caller: socket.socket,
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
) -> None:
    """Do what a Python of its own would."""
    caller.close()
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False) for n in (1, 2))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = ["", *environment.get("PYTHONPATH", "").split(os.pathsep)]
    sys.executable = program
    if "NAS_TEST_FIRST" in environment:
        runpy.run_path(environment["NAS_TEST_FIRST"])
    option, module, *_ = arguments
    assert option == "-m"
    sys.argv = arguments[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in PRELOAD:
        importlib.import_module(name)
    serve(*sys.argv[1:])
    os._exit(0)
