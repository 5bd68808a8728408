"""What a pod does around a step: it opens the search once, and says in one sentence what failed.

Kubeflow's own pages would not show that sentence; so it is noted in the search, and is the last
line of the pod's log.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from nas_lib import steps
from nas_lib.blame import is_foreseen, sentence_of
from nas_lib.errors import ConfigError, NasError, StoreError, visible
from nas_lib.open_search import OpenSearch
from nas_lib.redaction import without_secrets
from nas_lib.store.environment import kept_in
from nas_lib.store.patience import patience_with
from nas_lib.streams import quiet

_MAY_BE_FIRST = ("prepare_data", "transfer_cells", "write_report")
"""Steps before which none of the run need have reached the store: the report comes in any case."""


@contextmanager
def pod_step(
    search_uri: str,
    step: str,
    run: str,
    *,
    replica: int | None = None,
    children: Sequence[str] = (),
) -> Iterator[OpenSearch]:
    """Open the search for a step; end the process with one sentence where that fails.

    It is noted in the search too, unless the pod was stopped. What nobody foresaw keeps its
    traceback, which nobody could have again from a pod. While the step goes on, the search has a
    note of that: what is left of it when the run ends says which pods ended without a word.

    Args:
        search_uri: Where the search lies.
        step: What the pod does.
        run: For which run.
        replica: Whose open round it works on, if it works on one.
        children: On which children of a round it works.
    """
    work = None
    try:
        with quiet():
            search = OpenSearch(search_uri)
            if step not in _MAY_BE_FIRST:  # else the run would not have come here
                patience_with(search.uri).answered = True
            work = _Work(search, step, run)
            work.begin(replica, children)
            yield search
            work.end()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        if work is not None:
            work.end()  # it was stopped, and is not missing
        raise
    except BaseException as err:
        message = _sentence(err)
        if work is not None:
            work.fail(message)
        if not is_foreseen(err):
            print(visible(without_secrets(traceback.format_exc())), file=sys.stderr)
        raise SystemExit(f"nas: {message}") from None


def _sentence(err: BaseException) -> str:
    """Return what went wrong; of a setting of the store, where a run has it from, too."""
    message = sentence_of(err)
    where = kept_in(message) if isinstance(err, StoreError | ConfigError) else ""
    return f"{message} ({where})" if where else message


class _Work:
    """A step in a pod, as the search has notes of it."""

    def __init__(self, search: OpenSearch, step: str, run: str) -> None:
        self.search = search
        self._step = step
        self._run = run
        self._subject = ""
        self._begun = ""

    def begin(self, replica: int | None, children: Sequence[str]) -> None:
        """Note that it begins; what is wrong with the store is found by reading first."""
        store = self.search.store
        store.find_search()
        self._subject = steps.subject_of(store, step=self._step, replica=replica, children=children)
        self._begun = steps.begin_step(store, run=self._run, step=self._step, subject=self._subject)

    def end(self) -> None:
        """Take that back."""
        if self._begun:
            with suppress(NasError):  # its work is done, and what it did is stored
                steps.end_step(self.search.store, self._begun)

    def fail(self, message: str) -> None:
        """Note what it could not do."""
        with suppress(NasError):  # the store itself may be what is wrong
            about = f"{steps.subject_text(self._subject)}: " if self._subject else ""
            self.search.store.note_problem(run=self._run, step=self._step, message=about + message)
            self.end()
