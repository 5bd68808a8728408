"""Which devices there are, is asked of the machine: here of one with two GPUs."""

from __future__ import annotations

import warnings

import pytest
import torch

from nas_lib.errors import ConfigError, MachineError
from nas_lib.training.devices import find_device, require_gpu


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)


@pytest.mark.parametrize("gpus", [2], indirect=True)
@pytest.mark.parametrize(
    ("name", "found"), [("auto", "cuda"), ("cuda", "cuda"), ("cuda:1", "cuda:1"), ("cpu", "cpu")]
)
def test_a_device_that_is_here_is_found(gpus: None, name: str, found: str) -> None:
    assert find_device(name, "children.device") == torch.device(found)


@pytest.mark.parametrize(
    ("gpus", "name", "here"),
    [
        (0, "cuda", r"auto or cpu \(there is no GPU here\)"),
        (1, "cuda:1", "auto, cpu or cuda"),
        (2, "cuda:2", "auto, cpu, or cuda:0 to cuda:1"),
    ],
    indirect=["gpus"],
)
def test_one_that_is_not_is_refused(gpus: None, name: str, here: str) -> None:
    with pytest.raises(ConfigError, match=f"^children.device must be {here}, got '{name}'$"):
        find_device(name, "children.device")


@pytest.mark.parametrize("gpus", [1], indirect=True)
def test_a_gpu_that_is_required_and_here_is_nothing_to_speak_of(gpus: None) -> None:
    require_gpu("resources.gpu_count is 1")


def refused(monkeypatch: pytest.MonkeyPatch, *, cuda: str | None, hip: str | None = None) -> str:
    """Return what a torch of this build says where a GPU is required."""
    monkeypatch.setattr(torch, "__version__", "2.13.0")
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)
    with pytest.raises(MachineError) as raised:
        require_gpu("resources.gpu_count is 1")
    return str(raised.value)


@pytest.mark.parametrize("gpus", [0], indirect=True)
def test_a_torch_without_cuda_is_told_from_a_pod_without_a_gpu(
    gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(monkeypatch, cuda=None) == (
        "resources.gpu_count is 1, but torch 2.13.0 of this image is built without CUDA: build the "
        "image with TORCH=cuda"
    )
    assert refused(monkeypatch, cuda="13.0") == (
        "resources.gpu_count is 1, but no GPU is visible in this pod: torch 2.13.0 needs a driver "
        "for CUDA 13.0 on the node, and a container runtime that hands the GPU in"
    )
    assert "a driver for ROCm 7.1 on" in refused(monkeypatch, cuda=None, hip="7.1")


def test_why_torch_finds_no_gpu_stands_in_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_available() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver is too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)

    said = refused(monkeypatch, cuda="13.0")

    assert "in this pod (CUDA initialization: The NVIDIA driver is too old): torch" in said
