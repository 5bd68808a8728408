"""What lies where in a search: the one place that spells keys."""

from __future__ import annotations

import re
from typing import Literal

from nas_lib.records import ChildId
from nas_lib.store.row import Row

SEARCH = "search.json"
DOCUMENT = "search.yaml"  # what was proposed for data, with reasons; for people, never read
START = "start.json"  # known architectures, which are the first children
PROBE = "store-check"  # is created again and again, see `create_only`
DATA_MANIFEST = "data/manifest.json"
DATA_SEARCH = "data/search.safetensors"  # what children learn and are judged from
DATA_TEST = "data/test.safetensors"  # read once, when the search is finished

DataPart = Literal["search", "test"]

DATA_FILES = "data/files"  # which files were found to have the content that is stored

ROUNDS = "rounds"
CONTROLLER = "controller"
CHILDREN = "children"
JUDGED = "judged"  # which child each architecture was first judged by
LEASES = "leases"
HEARTBEATS = "heartbeats"
RUNS = "runs"
REPORTS = "reports"
SETTINGS = Row("settings", ".json", first=1, digits=8)  # later configurations
CONFIRMATIONS = Row("confirmations", ".json", first=1, digits=8)  # who trains the best again
SHARED_EPOCHS = Row("shared/epochs", ".json", first=1, digits=6)
SHARED_SCORES = "shared/scores"  # of the samples, in chunks, while they are made
DERIVED = "shared/derived.json"
SHARED_CHECKPOINTS = "checkpoints/shared"
MODELS = "models"  # what is handed on
TRACKING = "tracking"  # what a tracking server has been told

FRESH = "fresh.json"  # that it is one of several searches on data that change
SUCCESSION = "succession.json"  # ... and whether its model took the place of the one in use

# at the address that such searches lie below, as `<time>`
BEGUN = Row("searches", ".json", first=1, digits=8)  # which of them there are
IN_USE = Row("in-use", ".json", first=1, digits=8)  # whose model is in use, the newest counts
STABLE = "model"  # where that lies

FINALS = Row("finals", ".json", first=1, digits=8)  # which final trainings there are
FINAL = "final"  # ... each a search of its own
CHECKPOINTS = "checkpoints"  # not below the child: S3's lifecycle rules know only prefixes

AttemptEnd = Literal["", "failed", "stopped"]
State = Literal["proposed", "rewarded", "learned"]

_KEY = "[0-9a-f]{8}"  # of a final training
TIME = "%Y%m%d%H%M%S"
"""What a search on data that change is called: when it was begun, as Kubeflow writes that."""
_FINAL_URI = re.compile(rf"/final/({_KEY})$", re.ASCII)


def tracked_search(server: str) -> str:
    """Return the key of what a tracking server knows the search by."""
    return f"{TRACKING}/{server}/search.json"


def tracked_run(server: str) -> str:
    """Return the key of which run there is the search itself."""
    return f"{TRACKING}/{server}/run.json"


def tracked_rounds(server: str, replica: int) -> Row:
    """Return the notes of how many of a replica's rounds a tracking server has."""
    return Row(f"{TRACKING}/{server}/r{replica:03d}", ".json", first=1, digits=8)


def told(event: str) -> str:
    """Return the key of the note that somebody was told of an event."""
    return f"{TRACKING}/told/{event}.json"


def settings(number: int) -> str:
    """Return the key of a later configuration: another budget, resources, device or path."""
    return SETTINGS.key(number)


def data_shard(part: DataPart, number: int) -> str:
    """Return the key of a shard of large data: some rows of what its blob has not."""
    return f"data/{part}-{number:05d}.safetensors"


def data_files(files_hash: str) -> str:
    """Return the key of the note that files of this hash have the content that is stored."""
    return f"{DATA_FILES}/{files_hash}.json"


def shard(index: int, version: int) -> str:
    """Return the key of one version of a controller shard."""
    return versions(index).key(version)


def shard_folder(index: int) -> str:
    """Return the prefix of a controller shard's versions."""
    return f"{CONTROLLER}/shard-{index:03d}"


def versions(index: int) -> Row:
    """Return a controller shard's versions."""
    return Row(shard_folder(index), ".safetensors", first=0, digits=8, loses_old=True)


def rounds_folder(replica: int) -> str:
    """Return the prefix of a replica's rounds."""
    return f"{ROUNDS}/r{replica:03d}"


def rounds(replica: int, state: State) -> Row:
    """Return a replica's rounds that have come to a state."""
    return Row(rounds_folder(replica), f".{state}.json", first=0, digits=6)


def round_state(replica: int, round_: int, state: State) -> str:
    """Return the key of one state of a round."""
    return rounds(replica, state).key(round_)


def lessons(replica: int) -> Row:
    """Return what a replica's rounds teach; each exists while it is being pushed."""
    return Row(rounds_folder(replica), ".lesson.safetensors", first=0, digits=6, loses_old=True)


def round_lesson(replica: int, round_: int) -> str:
    """Return the key of what a round teaches."""
    return lessons(replica).key(round_)


def confirmation(number: int) -> str:
    """Return the key of who trains which of the best again, at the search's so many-th end."""
    return CONFIRMATIONS.key(number)


def judged(architecture: str) -> str:
    """Return the key of the note by which child an architecture, given by its id, was judged."""
    return f"{JUDGED}/{architecture}.json"


def child_result(child: str) -> str:
    """Return the key of a child's result."""
    return f"{CHILDREN}/{_checked(child)}/result.json"


def child_weights(child: str) -> str:
    """Return the key of a child's weights of its best epoch."""
    return f"{CHILDREN}/{_checked(child)}/weights.safetensors"


def child_test(child: str) -> str:
    """Return the key of a child's score on the test data."""
    return f"{CHILDREN}/{_checked(child)}/test.json"


def child_speed(child: str) -> str:
    """Return the key of how fast a child's network is."""
    return f"{CHILDREN}/{_checked(child)}/speed.json"


def attempts_folder(child: str) -> str:
    """Return the prefix of a child's attempts."""
    return f"{CHILDREN}/{_checked(child)}/attempts"


def attempts(child: str) -> Row:
    """Return the notes that an attempt at a child began."""
    return Row(attempts_folder(child), ".json", first=1, digits=4, starts_anew=True)


def attempt(child: str, number: int, *, end: AttemptEnd = "") -> str:
    """Return the key of the note that an attempt began, or how it ended."""
    return f"{attempts_folder(child)}/{number:04d}{'.' if end else ''}{end}.json"


def checkpoints_folder(child: str) -> str:
    """Return the prefix of a child's checkpoints."""
    return f"{CHECKPOINTS}/{_checked(child)}"


def checkpoints(folder: str) -> Row:
    """Return the checkpoints of a child or of shared weights, by their epochs."""
    return Row(folder, ".safetensors", first=1, digits=4, loses_old=True)


def damaged_checkpoints(folder: str) -> Row:
    """Return those of them that were set aside."""
    return Row(f"{folder}/damaged", ".safetensors", first=1, digits=4, loses_old=True)


def leases_folder(replica: int) -> str:
    """Return the prefix of a replica's leases."""
    return f"{LEASES}/r{replica:03d}"


def leases(replica: int) -> Row:
    """Return a replica's leases."""
    return Row(leases_folder(replica), ".json", first=1, digits=8, loses_old=True)


def lease(replica: int, number: int) -> str:
    """Return the key of one lease."""
    return leases(replica).key(number)


def heartbeats(replica: int) -> Row:
    """Return what shows that somebody waits for the Jobs of a replica's rounds."""
    return Row(f"{HEARTBEATS}/r{replica:03d}", ".json", first=0, digits=6, loses_old=True)


def heartbeat(replica: int, round_: int) -> str:
    """Return the key of what shows that somebody waits for a round's Jobs."""
    return heartbeats(replica).key(round_)


def shared_epoch(epoch: int) -> str:
    """Return the key of what an epoch of shared-weight training came to."""
    return SHARED_EPOCHS.key(epoch)


def shared_scores(chunk: int) -> str:
    """Return the key of the scores of some samples."""
    return f"{SHARED_SCORES}/{chunk:06d}.json"


def is_problem(key: str) -> bool:
    """Say whether it is the key of a thing that a run could not do."""
    return re.fullmatch(rf"{RUNS}/[^/]+/[^/]+-\d{{1,9}}\.json", key, re.ASCII) is not None


def problem(run: str, step: str, number: int) -> str:
    """Return the key of one thing a run could not do."""
    return f"{_run_folder(run)}/{step}-{number}.json"


def wanted_settings(run: str) -> str:
    """Return the key of the configuration that a run wants to count once it has its lease."""
    return f"{_run_folder(run)}/settings.json"


def begun_folder(run: str) -> str:
    """Return the prefix of the steps that pods of a run began and have not ended."""
    return f"{_run_folder(run)}/begun"


def is_begun(key: str) -> bool:
    """Say whether it is the key of a step that a pod began."""
    return re.fullmatch(rf"{RUNS}/[^/]+/begun/[^/]+-\d{{1,9}}\.json", key, re.ASCII) is not None


def begun(run: str, work: str, number: int) -> str:
    """Return the key of one such step: what it is, and of which child or round."""
    return f"{begun_folder(run)}/{work}-{number}.json"


def is_plan(key: str) -> bool:
    """Say whether it is the key of what a run set out to do."""
    return re.fullmatch(rf"{RUNS}/[^/]+/plan\.json", key) is not None


def run_plan(run: str) -> str:
    """Return the key of what a run on Kubeflow set out to do."""
    return f"{_run_folder(run)}/plan.json"


def report(run: str, name: str) -> str:
    """Return the key of a run's report."""
    return f"{REPORTS}/{run}/{name}"


def model_parts(model: str) -> tuple[str, str]:
    """Return the final training that a model is of, and the child; empty for none, the winner.

    Raises:
        ValueError: The text is no model's id.
    """
    winner = re.fullmatch(winners_model(f"({_KEY})"), model)
    if winner:
        return winner[1], ""
    of_final = re.fullmatch(rf"({_KEY})-(.+)", model)
    return (of_final[1], _checked(of_final[2])) if of_final else ("", _checked(model))


def winners_model(key: str) -> str:
    """Return the id of the model that the winner of a final training is."""
    return f"{FINAL}-{key}"


def model_folder(model: str) -> str:
    """Return the prefix of a model.

    Raises:
        ValueError: The text is no model's id.
    """
    model_parts(model)
    return f"{MODELS}/{model}"


def model_of(key: str) -> str:
    """Return of which model a key is the description, which is written last; empty of none."""
    match = re.fullmatch(rf"{MODELS}/([^/]+)/model\.json", key)
    return "" if match is None else match[1]


def model_file(model: str, path: str) -> str:
    """Return the key of one file of a model; `model.json` is written last."""
    return f"{model_folder(model)}/{path}"


def final_training(number: int) -> str:
    """Return the key of the note that there is a final training."""
    return FINALS.key(number)


def within(uri: str, key: str) -> str:
    """Return where a final training lies, of the search at this URI."""
    return f"{uri}/{FINAL}/{key}"


def around(uri: str) -> str:
    """Return the URI of the search whose final training lies at this one."""
    return uri.rsplit("/", 2)[0]


def above(uri: str) -> tuple[str, str]:
    """Return the address that a search lies below with others, and its name there."""
    base, _, name = uri.rstrip("/").rpartition("/")
    return base, name


def final_key(uri: str) -> str:
    """Return the key of the final training that lies at a URI, by its looks; else nothing."""
    found = _FINAL_URI.search(uri)
    return found[1] if found else ""


def _run_folder(run: str) -> str:
    """Return the prefix of what is noted of a run."""
    return f"{RUNS}/{run}"


def _checked(child: str) -> str:
    return str(ChildId.parse(child))
