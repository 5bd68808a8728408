"""Tracker: has a tracking server told of a run's children, beside the run.

That is done by a process of its own: whatever becomes of it, the run goes on, and it is ended where
it takes longer than it may.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from threading import Thread

from nas_lib.errors import NasError, one_line
from nas_lib.open_search import OpenSearch
from nas_lib.tracking.addresses import place
from nas_lib.tracking.work import STEP, Closing, mirror_until_closed

_MOST_SAID = 2000  # characters


class Tracker:
    """Tells of one run; without an address it does nothing."""

    def __init__(self, search: OpenSearch, run: str, say: Callable[[str], None]) -> None:
        """Take the run.

        Args:
            search: Its search, or final training.
            run: Its id.
            say: Is told what could not be done.
        """
        self._search = search
        self._run = run
        self._say = say
        self._replicas: Sequence[int] = ()
        self._process: subprocess.Popen[str] | None = None

    def begin(self, replicas: Sequence[int]) -> None:
        """Begin to tell of the children of these replicas, which nobody else works on."""
        if self._search.config.notify.mlflow.uri is None or not replicas:
            return
        if find_spec("mlflow") is None:
            self._note("notify.mlflow.uri needs MLflow's client: pip install 'kfp-nas[mlflow]'")
            return
        self._replicas = replicas
        if not self._is_of_this_process:
            self._start()

    def end(self, closing: Closing, *, within_s: float = math.inf) -> None:
        """Wait until all is told, no longer than the settings say.

        Args:
            closing: How the run ended.
            within_s: A time that is shorter than theirs, if it must be.
        """
        if not self._replicas:
            return
        wait_s = min(within_s, self._search.config.notify.mlflow.wait_s)
        tell = self._by_thread if self._process is None else self._by_process
        told = tell(closing, wait_s)
        self._replicas = ()
        if told is None:
            self._note(
                f"MLflow at {self._place} was not told of everything within {wait_s:.0f} s "
                "(notify.mlflow.wait_s): the next run of this search goes on with that"
            )
        elif told:
            self._say(told)  # it is noted

    @property
    def _is_of_this_process(self) -> bool:
        return self._search.uri.startswith("memory:")

    @property
    def _place(self) -> str:
        return place(self._search.config.notify.mlflow.uri or "")

    def _start(self) -> None:
        replicas = ",".join(map(str, self._replicas))
        module = [sys.executable, "-P", "-m", "nas_lib.tracking"]
        try:
            self._process = subprocess.Popen(
                [*module, self._search.uri, self._run, replicas],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        except OSError as err:
            self._replicas = ()
            self._note(f"MLflow is not told of anything: {one_line(err)}")

    def _by_process(self, closing: Closing, wait_s: float) -> str | None:
        assert self._process is not None
        process, self._process = self._process, None
        try:
            said, _ = process.communicate(closing.to_line(), timeout=wait_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            return self._note(f"MLflow at {self._place}: its client died, and not all was told")
        return one_line(said, _MOST_SAID)

    def _by_thread(self, closing: Closing, wait_s: float) -> str | None:
        """Tell from here, where the state lies in the memory of this process."""
        told: list[str] = []

        def tell() -> None:
            told.append(
                mirror_until_closed(
                    self._search.uri,
                    replicas=self._replicas,
                    run=self._run,
                    closed=lambda seconds: closing,
                )
            )

        thread = Thread(target=tell, daemon=True, name="mlflow")
        thread.start()
        thread.join(wait_s)
        return told[0] if told else None

    def _note(self, sentence: str) -> str:
        with suppress(NasError):  # the store itself may be what is wrong
            self._search.store.note_problem(run=self._run, step=STEP, message=sentence)
        self._say(sentence)
        return ""
