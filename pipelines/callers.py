"""Who calls kfp, told at once.

With each setting of a task, kfp asks `inspect.stack` for the name of the method that was called.
That looks among all modules there are for the source of all frames: some seconds for a pipeline,
nine tenths of the time that it took to wire it.
"""

import inspect
import sys
import traceback
from types import SimpleNamespace
from typing import Any, List, Tuple

from kfp.dsl import pipeline_task


def stack() -> List[Tuple[Any, str, int, str]]:
    """Return the callers as `inspect.stack` does, without lines of their source."""
    frames = traceback.walk_stack(sys._getframe(1))
    return [(frame, frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in frames]


def tell_at_once() -> None:
    """Have kfp ask for no source."""
    pipeline_task.inspect = SimpleNamespace(**{**vars(inspect), "stack": stack})
