"""Who calls kfp, told at once."""

from __future__ import annotations

import inspect

from kfp.dsl import pipeline_task
from kfp_nas.pipelines import callers, state


def test_kfp_hears_of_the_same_callers_as_from_the_whole_stack() -> None:
    told = [(each[0], *each[1:4]) for each in callers.stack()]
    whole = [(each.frame, each.filename, each.lineno, each.function) for each in inspect.stack()]

    assert told[0][3] == "test_kfp_hears_of_the_same_callers_as_from_the_whole_stack"
    assert [each[3] for each in told] == [each[3] for each in whole]
    assert told[1:] == whole[1:]


def test_settings_of_tasks_ask_it() -> None:
    assert state.tell_at_once is callers.tell_at_once
    assert pipeline_task.inspect.stack is callers.stack
