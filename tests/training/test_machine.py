from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_container import FakeContainer

from nas_lib.training.machine import (
    ContainerMemory,
    memory_limit_mb,
    num_cpus,
    process_memory_mb,
)

HERE_MB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


@pytest.fixture(params=[1, 2], ids=["version 1", "version 2"])
def container(tmp_path: Path, request: pytest.FixtureRequest) -> FakeContainer:
    return FakeContainer(tmp_path, request.param)


def test_without_control_groups_the_machine_is_the_limit(tmp_path: Path) -> None:
    assert num_cpus(tmp_path) == len(os.sched_getaffinity(0))
    assert memory_limit_mb(tmp_path) == HERE_MB
    assert ContainerMemory(tmp_path).limit_mb is None
    assert ContainerMemory(tmp_path).num_killed() == 0


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("50000 100000", 1), ("100000 100000", 1), ("100001 100000", 2), ("max 100000", None)],
)
def test_a_containers_cpus_are_its_quota_rounded_up(
    tmp_path: Path, quota: str, cpus: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    version_1, version_2 = tmp_path / "1", tmp_path / "2"
    for folder in (version_1 / "cpu", version_2):
        folder.mkdir(parents=True)
    (version_2 / "cpu.max").write_text(f"{quota}\n")
    quota_us, period_us = quota.replace("max", "-1").split()
    (version_1 / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota_us}\n")
    (version_1 / "cpu" / "cpu.cfs_period_us").write_text(f"{period_us}\n")

    assert num_cpus(version_1) == num_cpus(version_2) == (cpus or 8)


def test_a_containers_limit_counts_where_there_is_one(container: FakeContainer) -> None:
    assert ContainerMemory(container.folder).limit_mb is None
    assert memory_limit_mb(container.folder) == HERE_MB

    container.set(limit_mb=700, used_mb=0)

    assert ContainerMemory(container.folder).limit_mb == 700
    assert memory_limit_mb(container.folder) == 700


def test_pages_of_files_that_the_kernel_can_drop_are_not_used(container: FakeContainer) -> None:
    container.set(limit_mb=700, used_mb=650, files_mb=300)

    assert ContainerMemory(container.folder).used_mb() == 350  # 650 - 150 - 150


def test_the_kernels_kills_are_counted(container: FakeContainer) -> None:
    memory = ContainerMemory(container.folder)
    assert memory.num_killed() == 0

    container.set_killed(2)

    assert memory.num_killed() == 2


def test_a_processes_memory_grows_with_what_it_takes_and_is_gone_with_it() -> None:
    take = "block = b'x' * (100 << 20); print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", take], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()

    assert 100 <= process_memory_mb(process.pid) < 130

    process.communicate(b"\n")
    assert process_memory_mb(process.pid) == 0
