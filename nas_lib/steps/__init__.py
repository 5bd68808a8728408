"""The steps of a search, over its stored state.

Each is small and idempotent: it asks first whether its work is done, and then returns what is
stored. The laptop's engine and the pipeline's components call these same functions.
"""

from nas_lib.steps.children import (
    end_out_of_memory,
    fail_attempt,
    stop_attempt,
    train_child,
)
from nas_lib.steps.garbage import WHY, Garbage, collect_garbage
from nas_lib.steps.learning import RoundSummary, aggregate_rewards, update_controller
from nas_lib.steps.open_search import INLINE, Evaluate, OpenSearch
from nas_lib.steps.prepare import has_data, prepare_data
from nas_lib.steps.reporting import REPORT, view_search, write_report
from nas_lib.steps.rounds import Plan, is_finished, plan_replicas, plan_rounds, sample_architectures
from nas_lib.steps.shared import (
    SharedProgress,
    derive_architectures,
    may_derive,
    shared_progress,
    train_shared_weights,
)

__all__ = [
    "INLINE",
    "REPORT",
    "WHY",
    "Evaluate",
    "Garbage",
    "OpenSearch",
    "Plan",
    "RoundSummary",
    "SharedProgress",
    "aggregate_rewards",
    "collect_garbage",
    "derive_architectures",
    "end_out_of_memory",
    "fail_attempt",
    "has_data",
    "is_finished",
    "may_derive",
    "plan_replicas",
    "plan_rounds",
    "prepare_data",
    "sample_architectures",
    "shared_progress",
    "stop_attempt",
    "train_child",
    "train_shared_weights",
    "update_controller",
    "view_search",
    "write_report",
]
