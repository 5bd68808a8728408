"""The steps of a search, over its stored state.

Each is small and idempotent: it asks first whether its work is done, and then returns what is
stored. The laptop's engine and the pipeline's components call these same functions. Those that are
one procedure's own lie with it in `nas_lib.procedures`.
"""

from nas_lib.procedures.derivation import derive_architectures, may_derive
from nas_lib.procedures.rounds import update_controller
from nas_lib.procedures.shared_training import train_shared_weights
from nas_lib.steps.aggregation import RoundSummary, aggregate_rewards
from nas_lib.steps.attempts import fail_attempt, stop_attempt
from nas_lib.steps.begun import begin_step, end_step, subject_of, subject_text
from nas_lib.steps.children import end_child, judge_at_once, train_child
from nas_lib.steps.export_model import NothingToExportError, export_model, require_model
from nas_lib.steps.fresh import as_fresh, begin_fresh, check_fresh, find_fresh, next_search
from nas_lib.steps.garbage import WHY, Garbage, collect_garbage
from nas_lib.steps.planning import Plan, plan_replicas, plan_rounds
from nas_lib.steps.prepare import prepare_data, require_same
from nas_lib.steps.reporting import REPORT, view_for_page, view_search, write_report
from nas_lib.steps.run_account import note_what_is_missing
from nas_lib.steps.sampling import sample_architectures
from nas_lib.steps.sizing import settled_size, sized, sizes_text
from nas_lib.steps.succession import is_settled, settle_succession
from nas_lib.steps.train_best import opened_finals
from nas_lib.steps.transfer import Transferred, transferred

__all__ = [
    "REPORT",
    "WHY",
    "Garbage",
    "NothingToExportError",
    "Plan",
    "RoundSummary",
    "Transferred",
    "aggregate_rewards",
    "as_fresh",
    "begin_fresh",
    "begin_step",
    "check_fresh",
    "collect_garbage",
    "derive_architectures",
    "end_child",
    "end_step",
    "export_model",
    "fail_attempt",
    "find_fresh",
    "is_settled",
    "judge_at_once",
    "may_derive",
    "next_search",
    "note_what_is_missing",
    "opened_finals",
    "plan_replicas",
    "plan_rounds",
    "prepare_data",
    "require_model",
    "require_same",
    "sample_architectures",
    "settle_succession",
    "settled_size",
    "sized",
    "sizes_text",
    "stop_attempt",
    "subject_of",
    "subject_text",
    "train_child",
    "train_shared_weights",
    "transferred",
    "update_controller",
    "view_for_page",
    "view_search",
    "write_report",
]
