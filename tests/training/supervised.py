"""Work for supervisors to supervise: a worker does what its task says."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from nas_lib.errors import StoreError


def work(folder: str, task: str) -> None:
    """Do `verb` or `verb:argument`; the file `task` in the folder then holds the process id.

    And the file `task.gpu` which GPUs it sees.
    """
    verb, _, argument = task.partition(":")
    if verb == "take":
        argument = "x" * (int(argument) << 20)
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    (Path(folder) / f"{task}.gpu").write_text(gpus)
    (Path(folder) / task).write_text(str(os.getpid()))
    if verb == "raise":
        raise RuntimeError(argument)
    if verb == "lose":
        raise StoreError(argument)
    if verb == "start":
        started = subprocess.Popen([argument, "60"])
        (Path(folder) / f"{task}.started").write_text(str(started.pid))
        started.wait()
    if verb == "exit":
        os._exit(int(argument))
    if verb == "close":
        os.closerange(3, 64)  # with it goes the way on which it would say how it ended
    if verb == "interrupt":
        raise KeyboardInterrupt
    if verb == "die":
        os.kill(os.getpid(), signal.Signals[argument])
    if verb in ("take", "wait"):
        time.sleep(0 if argument == "0" else 60)
