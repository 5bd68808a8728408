"""The process beside a run: `python -m nas_lib.tracking URI RUN REPLICAS`.

How the run ends, it is told by a line on standard input. Where that is closed without one, the run
was killed; then this ends too, before another run begins to tell the same.
"""

from __future__ import annotations

import os
import signal
import sys
from queue import Empty, Queue
from threading import Thread

from nas_lib.streams import quiet
from nas_lib.tracking.work import Closing, mirror_until_closed


def main() -> None:
    """Tell until the run is over; print what could not be told."""
    uri, run, replicas = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # are for the run, which says what follows of it
    said, sys.stdout = sys.stdout, sys.stderr  # what the client prints is no answer of ours
    ends: Queue[Closing] = Queue()
    Thread(target=_listen, args=(ends,), daemon=True).start()

    def closed(seconds: float) -> Closing | None:
        try:
            return ends.get(timeout=seconds) if seconds else ends.get_nowait()
        except Empty:
            return None

    with quiet():
        sentence = mirror_until_closed(
            uri, replicas=[int(each) for each in replicas.split(",")], run=run, closed=closed
        )
    print(sentence, file=said, flush=True)
    os._exit(0)  # threads of the client's may wait for whatever they like


def _listen(ends: Queue[Closing]) -> None:
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        os._exit(1)
    ends.put(Closing.of_line(line))


if __name__ == "__main__":
    main()
