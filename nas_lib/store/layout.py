"""What lies where in a search: the one place that spells keys."""

from __future__ import annotations

import re
from typing import Literal

from nas_lib.records import ChildId

SEARCH = "search.json"
PROBE = "store-check"  # is created again and again, see `create_only`
DATA_MANIFEST = "data/manifest.json"
DATA_SEARCH = "data/search.safetensors"  # what children learn and are judged from
DATA_TEST = "data/test.safetensors"  # read once, when the search is finished

DATA_FILES = "data/files"  # which files were found to have the content that is stored

ROUNDS = "rounds"
CHILDREN = "children"
LEASES = "leases"
RUNS = "runs"
SHARED_EPOCHS = "shared/epochs"
SHARED_SCORES = "shared/scores"  # of the samples, in chunks, while they are made
DERIVED = "shared/derived.json"
SHARED_CHECKPOINTS = "checkpoints/shared"
CHECKPOINTS = "checkpoints"  # not below the child: S3's lifecycle rules know only prefixes

State = Literal["proposed", "rewarded", "learned"]


def settings(number: int) -> str:
    """Return the key of a later configuration: another budget, resources, device or path."""
    return f"settings/{number:08d}.json"


def data_files(files_hash: str) -> str:
    """Return the key of the note that files of this hash have the content that is stored."""
    return f"{DATA_FILES}/{files_hash}.json"


def shard(index: int, version: int) -> str:
    """Return the key of one version of a controller shard."""
    return f"{shard_folder(index)}/{version:08d}.safetensors"


def shard_folder(index: int) -> str:
    """Return the prefix of a controller shard's versions."""
    return f"controller/shard-{index:03d}"


def rounds_folder(replica: int) -> str:
    """Return the prefix of a replica's rounds."""
    return f"{ROUNDS}/r{replica:03d}"


def round_state(replica: int, round_: int, state: State) -> str:
    """Return the key of one state of a round."""
    return f"{rounds_folder(replica)}/{round_:06d}.{state}.json"


def round_lesson(replica: int, round_: int) -> str:
    """Return the key of what a round teaches, which exists while it is being pushed."""
    return f"{rounds_folder(replica)}/{round_:06d}.lesson.safetensors"


def child_result(child: str) -> str:
    """Return the key of a child's result."""
    return f"{CHILDREN}/{_checked(child)}/result.json"


def child_weights(child: str) -> str:
    """Return the key of a child's weights of its best epoch."""
    return f"{CHILDREN}/{_checked(child)}/weights.safetensors"


def child_test(child: str) -> str:
    """Return the key of a child's score on the test data."""
    return f"{CHILDREN}/{_checked(child)}/test.json"


def attempts_folder(child: str) -> str:
    """Return the prefix of a child's attempts."""
    return f"{CHILDREN}/{_checked(child)}/attempts"


def attempt(child: str, number: int, *, end: Literal["", "failed", "stopped"] = "") -> str:
    """Return the key of the note that an attempt began, or how it ended."""
    return f"{attempts_folder(child)}/{number:04d}{'.' if end else ''}{end}.json"


def checkpoints_folder(child: str) -> str:
    """Return the prefix of a child's checkpoints."""
    return f"{CHECKPOINTS}/{_checked(child)}"


def leases_folder(replica: int) -> str:
    """Return the prefix of a replica's leases."""
    return f"{LEASES}/r{replica:03d}"


def lease(replica: int, number: int) -> str:
    """Return the key of one lease."""
    return f"{leases_folder(replica)}/{number:08d}.json"


def shared_epoch(epoch: int) -> str:
    """Return the key of what an epoch of shared-weight training came to."""
    return f"{SHARED_EPOCHS}/{epoch:06d}.json"


def shared_scores(chunk: int) -> str:
    """Return the key of the scores of some samples."""
    return f"{SHARED_SCORES}/{chunk:06d}.json"


def problems_folder(run: str) -> str:
    """Return the prefix of what a run could not do."""
    return f"{RUNS}/{run}"


def is_problem(key: str) -> bool:
    """Say whether it is the key of a thing that a run could not do."""
    return re.fullmatch(rf"{RUNS}/[^/]+/[^/]+-\d{{1,9}}\.json", key, re.ASCII) is not None


def problem(run: str, step: str, number: int) -> str:
    """Return the key of one thing a run could not do."""
    return f"{problems_folder(run)}/{step}-{number}.json"


def wanted_settings(run: str) -> str:
    """Return the key of the configuration that a run wants to count once it has its lease."""
    return f"{problems_folder(run)}/settings.json"


def report(run: str, name: str) -> str:
    """Return the key of a run's report."""
    return f"reports/{run}/{name}"


def _checked(child: str) -> str:
    return str(ChildId.parse(child))
