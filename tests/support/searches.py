"""Small searches for tests: spaces and evaluations that workers can import by name."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_lib.architecture import Architecture
from nas_lib.config import (
    ControllerConfig,
    CustomSpaceConfig,
    OwnChildrenConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.errors import ConfigError, StoreError
from nas_lib.spaces import ChoiceSpace
from nas_lib.store import SearchStore

if TYPE_CHECKING:
    from nas_lib.engine import SearchHandle

SUPPORT = Path(__file__).parent
"""For the path of other processes, which find this module by its name."""

SPACE = ChoiceSpace(a=[1, 2, 3, 4], b=[1, 2, 3, 4], c=[1, 2, 3])


def product(architecture: Architecture) -> float:
    """The product of the chosen numbers, 1 at most."""
    return float(np.prod(list(SPACE.options(architecture).values()))) / 48


SMALL_DIGITS: dict[str, Any] = {
    "task.max_train": 200,
    "space.depth": {"start": 2, "max": 2},
    "children": {"epochs": 1, "keep": 2},
    "search": {"max_children": 4, "children_per_round": 2},
}
"""Overrides of the preset `digits`: two rounds of two children, each a second."""


SMALL_SHARED: dict[str, Any] = {
    "task.max_train": 200,
    "space": {
        "layers": 3,
        "operations": ["conv3", "max3"],
        "shared": {"filters": 4},
        "child": {"filters": 4},
    },
    "search": {
        "weights": {"epochs": 2, "threads": 1},
        "controller_steps": 2,
        "architectures_per_step": 2,
        "derive": {"num_samples": 3, "keep": 1, "probes": 1},
    },
    "children": {"epochs": 1},
}
"""Overrides of the preset `enas-macro-digits`: two epochs and two children of a second."""


def constant(architecture: Architecture) -> float:
    """The same for every architecture of any space."""
    return 0.5


def slow_product(architecture: Architecture) -> float:
    """The same after 50 ms."""
    time.sleep(0.05)
    return product(architecture)


def slow_once(architecture: Architecture) -> float:
    """The product; the first time it is called, after 4 s."""
    with suppress(FileExistsError):
        Path("slow").touch(exist_ok=False)
        time.sleep(4)
    return product(architecture)


def dies_once(architecture: Architecture) -> float:
    """The first time it is called, the store goes away; then the product."""
    try:
        Path("died").touch(exist_ok=False)
    except FileExistsError:
        return product(architecture)
    raise StoreError("the store went away")


def kills_its_pod_once(architecture: Architecture) -> float:
    """The first time it is called, kill the process whose fork server began this one."""
    try:
        Path("killed").touch(exist_ok=False)
    except FileExistsError:
        return product(architecture)
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
    time.sleep(10)  # the server ends with it, and takes us along
    return 0.0


def hanging(architecture: Architecture) -> float:
    """Takes a minute; its process can be found by this name in the file `hanging.pid`."""
    Path(f"hanging-{os.getpid()}.pid").touch()
    time.sleep(60)
    return 0.0


def hanging_at_the_least(architecture: Architecture) -> float:
    """Takes a minute where all numbers are 1."""
    reward = product(architecture)
    return hanging(architecture) if reward == 1 / 48 else reward


def late_at_the_least(architecture: Architecture) -> float:
    """Takes a second where all numbers are 1."""
    reward = product(architecture)
    time.sleep(1 if reward == 1 / 48 else 0)
    return reward


def failing(architecture: Architecture) -> float:
    """Raises where a is 1."""
    if SPACE.options(architecture)["a"] == 1:
        raise RuntimeError("a is 1")
    return product(architecture)


def long_winded(architecture: Architecture) -> float:
    """Raises with more to say than a pipe holds."""
    raise RuntimeError("\N{SNOWMAN}" * 100_000)


def talking(architecture: Architecture) -> float:
    """Say a lot, and let libraries warn."""
    print("talk " * 5000, flush=True)
    warnings.warn("a raw warning", stacklevel=1)
    return product(architecture)


def leaves_a_process_behind(architecture: Architecture) -> float:
    """Dies, and leaves behind a process that has all its files open."""
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def negative(architecture: Architecture) -> float:
    """Less than a child that diverges would get."""
    return -1.0


def unconfigured(architecture: Architecture) -> float:
    """The user's input is wrong."""
    raise ConfigError("there is no such device here")


def leaves(architecture: Architecture) -> float:
    """Ends the program, as a script would."""
    sys.exit(0)


def ends_its_process(architecture: Architecture) -> float:
    """Ends its process without a word where a is 1, as if all was well or as a `NasError` would."""
    options = SPACE.options(architecture)
    if options["a"] == 1:
        os._exit((0, 2, 3)[options["c"] - 1])
    return product(architecture)


def interrupted(architecture: Architecture) -> float:
    """Raises what Ctrl-C would, where a is 1."""
    if SPACE.options(architecture)["a"] == 1:
        raise KeyboardInterrupt
    return product(architecture)


def without_room(architecture: Architecture) -> float:
    """Finds no room on the disk."""
    raise OSError(errno.ENOSPC, "No space left on device")


def unless_mended(architecture: Architecture) -> float:
    """Raises as long as there is no file `mended` here."""
    if not Path("mended").exists():
        raise RuntimeError(f"no driver for {architecture.tokens}")
    return product(architecture)


def talkative(architecture: Architecture) -> float:
    """Raises with what is in its environment."""
    try:
        raise ValueError({**os.environ})
    except ValueError as err:
        raise RuntimeError(f"I am {os.environ.get('MY_PASSWORD')}") from err


def text(architecture: Architecture) -> str:
    """The spelling of a number."""
    return "0.7"


def killed(architecture: Architecture) -> float:
    """Kills its own process where a is 1."""
    if SPACE.options(architecture)["a"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return product(architecture)


def diverging(architecture: Architecture) -> float:
    """Is not a number where a is 1."""
    return float("nan") if SPACE.options(architecture)["a"] == 1 else product(architecture)


def nothing_finite(architecture: Architecture) -> float:
    """Is not a number."""
    return float("nan")


def greedy(architecture: Architecture) -> float:
    """Takes 1 GiB of memory, and time to be caught, where a is 1."""
    if SPACE.options(architecture)["a"] == 1:
        block = np.ones(2**27)
        time.sleep(5)
        return float(block[0])
    return product(architecture)


def tabular(
    evaluate: str = "searches:product",
    *,
    max_children: int = 24,
    controller: ControllerConfig | None = None,
    children: dict[str, Any] | None = None,
    **rounds: Any,
) -> SearchConfig:
    """A search over `SPACE` whose evaluation any worker can import.

    Its repeats are trained, so that rounds are full and as many as the budget says.
    """
    return SearchConfig(
        name="tabular",
        space=CustomSpaceConfig(object="searches:SPACE"),
        controller=controller or ReinforceConfig(learning_rate=0.02),
        children=OwnChildrenConfig(evaluate=evaluate, **children or {}),
        search=RoundsConfig(
            max_children=max_children, **{"children_per_round": 4, "repeats": "train", **rounds}
        ),
    )


def account(handle: SearchHandle) -> list[tuple[str, str, float]]:
    """What may not depend on who ran the search: children, architectures, rewards."""
    return [(row.id, row.architecture.config, row.reward) for row in handle.children]


def store_of(handle: SearchHandle) -> SearchStore:
    return SearchStore.open(handle.uri)
