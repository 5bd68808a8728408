from __future__ import annotations

import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_container import FakeContainer

from nas_lib.errors import MachineError, NasError
from nas_lib.training.machine import ContainerMemory
from nas_lib.training.supervisor import Ended, Supervisor

ALL_MB = 10_000
KILLED = (
    "killed by SIGKILL, most likely for want of memory: raise resources.memory (of pods), or "
    "lower --workers or set resources.memory_mb"
)


@contextmanager
def supervising(
    folder: Path,
    *,
    memory_mb: int = ALL_MB,
    container: FakeContainer | None = None,
    gpus: tuple[str, ...] = (),
) -> Iterator[Supervisor]:
    memory = ContainerMemory(container.folder if container else folder)
    with Supervisor(
        "supervised:work", (str(folder),), memory_mb=memory_mb, container=memory, gpus=gpus
    ) as supervisor:
        yield supervisor


def run(supervisor: Supervisor, *tasks: str) -> dict[str, Ended]:
    """Start the tasks and return how each ended."""
    for task in tasks:
        supervisor.start(task)
    ended: dict[str, Ended] = {}
    while supervisor.running:
        came = supervisor.wait(30)
        assert came, "nothing ended in half a minute"
        ended |= {each.task: each for each in came}
    return ended


def begun(folder: Path, task: str) -> int:
    """Wait until a task has begun; return its process."""
    deadline = time.monotonic() + 30
    while not (folder / task).exists() or not (folder / task).read_text():
        assert time.monotonic() < deadline, f"{task} did not begin"
        time.sleep(0.01)
    return int((folder / task).read_text())


def gpus_of(folder: Path, *tasks: str) -> list[str]:
    """Return which GPUs these tasks see, once they have begun."""
    for task in tasks:
        begun(folder, task)
    return [(folder / f"{task}.gpu").read_text() for task in tasks]


def stat(pid: int) -> list[str]:
    """Return what the kernel says of a process: its state, its parent, and more."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def is_running(pid: int) -> bool:
    try:
        return stat(pid)[0] != "Z"  # for zombie
    except FileNotFoundError:
        return False


def test_every_worker_tells_how_it_ended(tmp_path: Path) -> None:
    with supervising(tmp_path) as supervisor:
        ended = run(
            supervisor, "done", "raise:no luck", "lose:no store", "die:SIGTERM", "die:SIGKILL"
        )

    assert ended["done"] == Ended("done", 0)
    assert ended["die:SIGTERM"] == Ended("die:SIGTERM", -15, "killed by SIGTERM")
    assert ended["die:SIGKILL"] == Ended("die:SIGKILL", -9, KILLED)
    raised, lost = ended["raise:no luck"], ended["lose:no store"]
    assert (raised.exit_code, raised.message) == (1, "RuntimeError: no luck")
    assert (lost.exit_code, lost.message) == (2, "no store")
    assert raised.details.endswith("RuntimeError: no luck\n")


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_only_a_worker_that_says_so_is_done(tmp_path: Path, code: int) -> None:
    with supervising(tmp_path) as supervisor:
        ended = run(supervisor, f"exit:{code}", "close", "interrupt", "wait:0")

    assert ended[f"exit:{code}"] == Ended(
        f"exit:{code}", 1, f"it ended its process (exit code {code})"
    )
    assert ended["close"] == Ended("close", 1, "it ended its process (exit code 0)")
    assert (ended["interrupt"].exit_code, ended["interrupt"].message) == (1, "KeyboardInterrupt")
    assert ended["wait:0"].exit_code == 0  # no other worker is harmed


def test_a_server_that_cannot_load_the_work_says_why(tmp_path: Path) -> None:
    sentence = "no worker can be started on this machine: ModuleNotFoundError: No module named"
    with (
        Supervisor("no_such:work", (), memory_mb=ALL_MB) as supervisor,
        pytest.raises(MachineError, match=sentence),
    ):
        supervisor.wait(30)


def test_a_process_that_cannot_be_had_is_no_fault_of_the_work(tmp_path: Path) -> None:
    with supervising(tmp_path) as supervisor:
        supervisor.start("wait")
        server = int(stat(begun(tmp_path, "wait"))[1])
        resource.prlimit(server, resource.RLIMIT_NOFILE, (3, 3))
        supervisor.start("more")
        (ended,) = supervisor.wait(30)

    assert (ended.task, ended.exit_code) == ("more", 2)
    assert ended.message.startswith("no process can be started: OSError: [Errno 24] Too many open")
    assert ended.message.endswith("allow more open files (ulimit -n)")


def test_waiting_ends_after_its_time(tmp_path: Path) -> None:
    with supervising(tmp_path) as supervisor:
        supervisor.start("wait")
        begun(tmp_path, "wait")
        before_s = time.monotonic()

        assert supervisor.wait(0.2) == []

        assert 0.2 <= time.monotonic() - before_s < 2
        assert len(supervisor.running) == 1


def test_a_stop_ends_every_worker(tmp_path: Path) -> None:
    with supervising(tmp_path) as supervisor:
        supervisor.start("wait")
        pid = begun(tmp_path, "wait")
        assert is_running(pid)

    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with supervising(tmp_path) as supervisor:
        supervisor.start("start:sleep")
        supervisor.start("wait")
        started = begun(tmp_path, "start:sleep.started")
        begun(tmp_path, "wait")
        assert supervisor.wait(0.1) == []
        assert 0 < supervisor.running_s["wait"] < 30

        supervisor.end("start:sleep")
        (ended,) = supervisor.wait(30)

        assert (ended.task, ended.exit_code) == ("start:sleep", -9)
        assert list(supervisor.running_s) == ["wait"]
        deadline = time.monotonic() + 5
        while is_running(started):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_lost_server_is_one_sentence(tmp_path: Path) -> None:
    sentence = re.escape(f"the process that starts the workers was {KILLED}")
    with supervising(tmp_path) as supervisor:
        supervisor.start("wait")
        worker = begun(tmp_path, "wait")
        os.kill(int(stat(worker)[1]), signal.SIGKILL)

        with pytest.raises(NasError, match=sentence):
            supervisor.wait(30)
        with pytest.raises(NasError, match=sentence):
            supervisor.start("more")


def test_a_worker_that_takes_more_than_it_may_is_ended(tmp_path: Path) -> None:
    with supervising(tmp_path, memory_mb=150) as supervisor:
        ended = run(supervisor, "take:300", "done")

    assert ended["done"].exit_code == 0
    taken = ended["take:300"]
    assert (taken.exit_code, taken.out_of_memory) == (-9, True)
    assert taken.message.startswith("used ")
    assert taken.message.endswith(" MiB of memory, more than a child may (150 MiB)")


def test_the_largest_worker_of_a_full_container_is_ended(tmp_path: Path) -> None:
    container = FakeContainer(tmp_path / "cgroup")
    container.set(limit_mb=1000, used_mb=990, files_mb=100)
    with supervising(tmp_path, container=container) as supervisor:
        supervisor.start("take:100")
        supervisor.start("take:10")
        for task in ("take:100", "take:10"):
            begun(tmp_path, task)
        assert supervisor.wait(0.5) == []  # 990 - 100 is room enough

        container.set(limit_mb=1000, used_mb=990, files_mb=60)  # 930 are more than 92 %
        (ended,) = supervisor.wait(30)
        container.set(limit_mb=1000, used_mb=800)

        assert (ended.task, ended.out_of_memory) == ("take:100", True)
        assert ended.message.endswith(" MiB of memory, and its container has no more than 1000 MiB")
        assert supervisor.wait(0.5) == []


def test_a_worker_that_the_kernel_ended_for_memory_ran_out_of_it(tmp_path: Path) -> None:
    container = FakeContainer(tmp_path / "cgroup")
    container.set(limit_mb=1000, used_mb=100)
    container.set_killed(3)  # before we came
    with supervising(tmp_path, container=container) as supervisor:
        first = run(supervisor, "die:SIGKILL")["die:SIGKILL"]
        container.set_killed(4)
        second = run(supervisor, "die:SIGKILL")["die:SIGKILL"]
        third = run(supervisor, "die:SIGKILL")["die:SIGKILL"]

    assert (first.out_of_memory, first.message) == (False, KILLED)
    assert (second.out_of_memory, second.message) == (
        True,
        "killed by the kernel: its container has no more than 1000 MiB of memory",
    )
    assert not third.out_of_memory


def test_a_worker_sees_the_gpu_that_the_fewest_others_have(tmp_path: Path) -> None:
    with supervising(tmp_path, gpus=("2", "GPU-8f")) as supervisor:
        for task in ("wait:1", "wait:2"):
            supervisor.start(task)
        assert gpus_of(tmp_path, "wait:1", "wait:2") == ["2", "GPU-8f"]

        os.kill(begun(tmp_path, "wait:2"), signal.SIGTERM)
        assert [ended.task for ended in supervisor.wait(30)] == ["wait:2"]
        for task in ("wait:3", "wait:4", "wait:5"):
            supervisor.start(task)

        # The first takes over what became free; of the others each has one more beside it.
        assert gpus_of(tmp_path, "wait:3", "wait:4", "wait:5") == ["GPU-8f", "2", "GPU-8f"]


def test_without_gpus_to_share_out_a_worker_sees_what_the_engine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    with supervising(tmp_path) as supervisor:
        supervisor.start("wait")

        assert gpus_of(tmp_path, "wait") == ["5,6"]
