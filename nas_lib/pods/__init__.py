"""The steps as pods run them."""

from nas_lib.pods.final_training import export_model, round_to_learn_from, train_best
from nas_lib.pods.log import Log
from nas_lib.pods.step import pod_step
from nas_lib.pods.training import (
    SharedTick,
    derive_architectures,
    train_child,
    train_child_in_job,
    train_children,
    train_shared_weights,
)
from nas_lib.pods.whole_run import plan_rounds, prepare_data, transfer_cells, write_report

__all__ = [
    "Log",
    "SharedTick",
    "derive_architectures",
    "export_model",
    "plan_rounds",
    "pod_step",
    "prepare_data",
    "round_to_learn_from",
    "train_best",
    "train_child",
    "train_child_in_job",
    "train_children",
    "train_shared_weights",
    "transfer_cells",
    "write_report",
]
