"""The searches and final trainings of the study of trees: how large they are, and on what.

Children are small networks that learn the beginning of a text for a moment. Of 15 random cells, 12
learn anything in that; two trainings of one of these differ by 0.9 % in perplexity (standard
deviation), and the cells by 7 %. (With 48 units and two epochs it was 2.4 % and 16 %, at twice the
price.) What is trained in the end is larger, and learns more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nas_lib
from benchmarks.studies.study import RUNS
from nas_lib.config import SearchConfig, SizeConfig
from nas_lib.config_file import parse_config
from nas_lib.engine import SearchHandle
from nas_lib.results.final import Contender, best_of_each, outcome, ranked

_VALID_WORDS = 10_000  # judging by all would take as long as training
_RATES = (2e-3, 5e-3, 1e-2, 2e-2, 4e-2)  # bounded outputs want large ones, some cells small ones
_RANKS = {"learning_rate": 1e-2, "entropy_weight": 0.1, "rewards": "rank", "repeats": "mutate"}
_MORE: Mapping[str, Any] = {
    "combinations": ["add", "mul", "max"],
    "activations": ["identity", "tanh", "sigmoid", "relu", "sin"],
}
_ADAM: Mapping[str, Any] = {
    "optimizer": "adam",
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "learning_rate": 5e-3,
    "schedule": "cosine",
    "clip_norm": 1.0,
}
_TEXT: Mapping[str, Any] = {
    "random_bptt": False,
    "init_range": 0.1,
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "input_dropout": 0.0,
    "state_dropout": 0.0,
    "output_dropout": 0.0,
    "slowness_weight": 0.0,
}


class Arm(NamedTuple):
    """Searches that differ by their seeds only: who proposes, and in which space."""

    controller: str | Mapping[str, Any]
    space: Mapping[str, Any] = {}


ARMS: Mapping[str, Arm] = {
    "auto": Arm("auto"),
    "reinforce": Arm({"kind": "reinforce", **_RANKS}),
    "evolution": Arm("evolution"),
    "random": Arm("random"),
    "auto, max and sin": Arm("auto", _MORE),
    "random, max and sin": Arm("random", _MORE),
}


class Level(NamedTuple):
    """What is told from what comes before, and how much of it networks learn.

    Attributes:
        task: Of searches, without the data.
        hidden: Units of a child.
        children: How children are trained.
        final_task: Of the final training.
        final_hidden: Units of its networks, but for the LSTM.
        final: How they are trained.
        arms: Those that there are.
        trained: Those whose best is trained to the end.
        seeds: How many of each.
    """

    task: Mapping[str, Any]
    hidden: int
    children: Mapping[str, Any]
    final_task: Mapping[str, Any]
    final_hidden: int
    final: Mapping[str, Any]
    arms: Sequence[str]
    trained: Sequence[str]
    seeds: int


LEVELS: Mapping[str, Level] = {
    "words": Level(
        task={"max_words": 2000, "max_train": 50_000},
        hidden=32,
        children={"epochs": 1, "batch_size": 16, "text": {**_TEXT, "bptt": 20}},
        final_task={"max_words": 2000, "max_train": 150_000},
        final_hidden=96,
        final={
            "grid": {"learning_rate": _RATES},
            "children": {
                "epochs": 5,
                "batch_size": 20,
                "text": {**_TEXT, "bptt": 35, "input_dropout": 0.1, "output_dropout": 0.1},
            },
        },
        arms=tuple(ARMS),
        trained=("auto", "random"),
        seeds=3,
    ),
    "characters": Level(
        task={"level": "characters", "max_train": 150_000},
        hidden=48,
        children={
            "epochs": 1,
            "batch_size": 16,
            "learning_rate": 1e-2,
            "text": {**_TEXT, "bptt": 25},
        },
        final_task={"level": "characters", "max_train": 500_000},
        final_hidden=96,
        final={
            "grid": {"learning_rate": _RATES},
            "children": {"epochs": 3, "batch_size": 20, "text": {**_TEXT, "bptt": 50}},
        },
        arms=("auto", "random"),
        trained=("auto", "random"),
        seeds=1,
    ),
}


def shortened(folder: Path) -> Path:
    """Return a folder with the texts, of the validation text its beginning only."""
    short = RUNS / "trees" / "text"
    short.mkdir(parents=True, exist_ok=True)
    for part in ("train", "valid", "test"):
        (source,) = folder.rglob(f"*{part}.txt")
        text = source.read_text(encoding="utf-8")
        path = short / f"{part}.txt"
        if not path.exists():
            begun = path.with_suffix(f".{os.getpid()}")  # another process may read the path
            begun.write_text("".join(_begun(text)) if part == "valid" else text, encoding="utf-8")
            begun.replace(path)
    return short


def _begun(text: str) -> Iterator[str]:
    num = 0
    for line in text.splitlines(keepends=True):
        yield line
        num += len(line.split()) + 1
        if num >= _VALID_WORDS:
            return


def config(level: str, arm: str, seed: int, folder: Path, num_children: int) -> SearchConfig:
    """Return one search of the study."""
    settings = LEVELS[level]
    document = {
        "name": f"trees-{level}-{word_of(arm)}-{seed}",
        "seed": seed,
        "task": {"kind": "text", "data": _data(folder), **settings.task},
        "space": {
            "kind": "nas-rnn",
            "child": {"layers": 1, "hidden": settings.hidden},
            **ARMS[arm].space,
        },
        "controller": ARMS[arm].controller,
        "children": {**_ADAM, **settings.children, "keep": 1, "reward": {"last_epochs": 1}},
        "search": {
            "max_children": num_children,
            "repeats": "reuse",
            "confirm": {"networks": 4, "trainings": 2},
        },
    }
    return parse_config(document, source="study")


def final_config(level: str, folder: Path, *, references: Sequence[str] = ()) -> SearchConfig:
    """Return the document of final trainings, the same for all but for who stands beside them."""
    settings = LEVELS[level]
    document = {
        "name": f"trees-{level}-final",
        "task": {"kind": "text", "data": _data(folder), **settings.final_task},
        "space": {"kind": "nas-rnn"},
        "final": {**_final(settings), "references": references},
    }
    return parse_config(document, source="study")


def _final(settings: Level) -> dict[str, Any]:
    children = {**_ADAM, **settings.final["children"], "reward": {"last_epochs": 1}}
    return {
        **settings.final,
        "children": {"kind": "text", **children},
        "seeds": 3,
        "retrain": False,
    }


def _data(folder: Path) -> dict[str, str]:
    return {"format": "text_files", "path": str(folder)}


def word_of(arm: str) -> str:
    """Return what an arm is called in paths."""
    return arm.lower().replace(",", "").replace(" ", "-")


def store(level: str, *names: object) -> str:
    """Return where a search or a transfer lies."""
    return str(RUNS / "trees" / level / "-".join(map(str, names)))


def searched(level: str, arm: str, seed: int, folder: Path, num_children: int) -> SearchHandle:
    """Search, unless that is done."""
    search = config(level, arm, seed, folder, num_children)
    return nas_lib.search(search, store=store(level, word_of(arm), seed), workers=1)


def trained(
    level: str, name: str, source: str, network: str, folder: Path, *, beside: Sequence[str] = ()
) -> Iterator[tuple[str, Contender]]:
    """Train a network to the end, unless that is done; yield it and what stands beside it."""
    handle = nas_lib.transfer(
        source,
        final_config(level, folder, references=beside),
        networks=(network,),
        size=SizeConfig(hidden=LEVELS[level].final_hidden),
        store=store(level, "final", name),
        workers=1,
    )
    # of all grids by which they were trained here
    found = [each for final in handle.view.finals for each in outcome(final).contenders]
    for contender in best_of_each(ranked(found, handle.view.measure)):
        is_beside = contender.origin in beside
        yield contender.network.partition(" ")[0] if is_beside else name, contender
