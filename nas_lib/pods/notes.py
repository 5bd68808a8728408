"""What a run notes in the search: what it set out to do, and what its report is to say of it."""

from __future__ import annotations

import time

from nas_lib.open_search import OpenSearch
from nas_lib.pods.log import say
from nas_lib.procedures import procedure_of
from nas_lib.records import RunPlan, to_json
from nas_lib.store import layout


def note_plan(search: OpenSearch, replica: int, run: str, num_ticks: int) -> None:
    """Note what this run set out to do, which its report compares with what came of it."""
    num_done = procedure_of(search.config).num_done(search, replica)
    planned = RunPlan(run, replica, num_ticks, num_done, created_s=time.time())
    search.store.objects.create(layout.run_plan(run), to_json(planned))  # the first one counts


def tell(search: OpenSearch, run: str, step: str, sentence: str | None) -> None:
    """Say a sentence in the pod's log and in the report, if there is one."""
    if sentence:
        search.store.note_problem(run=run, step=step, message=sentence)
        say(sentence)
