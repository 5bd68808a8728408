"""Which devices there are, is asked of the machine: here of one with two GPUs."""

from __future__ import annotations

import pytest
import torch

from nas_lib.errors import ConfigError
from nas_lib.training.devices import find_device


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
