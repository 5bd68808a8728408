from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fake_container import FakeContainer

from nas_lib.training.machine import (
    ContainerMemory,
    memory_limit_mb,
    num_cpus,
    process_memory_mb,
    visible_gpus,
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


@pytest.mark.parametrize(
    ("environment", "num", "gpus"),
    [
        ({}, 0, ()),
        ({}, 3, ("0", "1", "2")),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-a1,GPU-b2"}, 2, ("0", "1")),  # all that is in this pod
        ({"CUDA_VISIBLE_DEVICES": "2, 3"}, 2, ("2", "3")),
        ({"CUDA_VISIBLE_DEVICES": "GPU-a1,GPU-b2"}, 2, ("GPU-a1", "GPU-b2")),
        ({"CUDA_VISIBLE_DEVICES": "1,9,0"}, 1, ("1",)),  # there is no 9, and CUDA stops at it
        ({"CUDA_VISIBLE_DEVICES": ""}, 0, ()),
        ({"CUDA_VISIBLE_DEVICES": "MIG-a1,MIG-b2"}, 1, ("MIG-a1", "MIG-b2")),
        ({"NVIDIA_VISIBLE_DEVICES": "MIG-a1,MIG-b2"}, 1, ("MIG-a1", "MIG-b2")),
        ({"NVIDIA_VISIBLE_DEVICES": "MIG-a1,MIG-b2"}, 0, ()),
        ({"NVIDIA_VISIBLE_DEVICES": "MIG-a1", "CUDA_VISIBLE_DEVICES": "0"}, 1, ("0",)),
    ],
)
def test_gpus_have_the_names_that_cuda_knows_them_by(
    tmp_path: Path,
    environment: dict[str, str],
    num: int,
    gpus: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: num)
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert visible_gpus(tmp_path) == gpus


@pytest.mark.parametrize(
    ("file", "gpus"),
    [
        ("nvidia0", ("0",)),
        ("nvhost-gpu", ("0",)),
        ("dxg", ("0",)),
        ("kfd", ("0",)),
        ("nvme0", ()),
        ("nvram", ()),
    ],
)
def test_a_gpu_shows_among_the_devices(
    tmp_path: Path, file: str, gpus: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).touch()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("NVIDIA_VISIBLE_DEVICES", raising=False)

    assert visible_gpus(tmp_path) == gpus


def test_torch_is_not_loaded_where_there_can_be_no_gpu(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from nas_lib.training.machine import visible_gpus; "
        "print(visible_gpus(pathlib.Path(sys.argv[1])), 'torch' in sys.modules)"
    )

    shown = subprocess.check_output([sys.executable, "-c", program, tmp_path], text=True)

    assert shown == "() False\n"
