"""From modules to graphs, and what cannot become one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nas_lib.errors import ConfigError, NasError
from nas_lib.export.graphs import traced


class Sorts(nn.Module):
    """What ONNX has no operation for."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(x)


def test_a_network_that_torch_cannot_export_is_a_sentence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(NasError, match=r"^torch 2\S+ cannot export this network: .*linalg_eigv"):
        traced(Sorts(), [torch.eye(3)], inputs=["x"], outputs=["y"])
    assert capfd.readouterr().out == ""


def test_more_weights_than_a_file_holds_are_refused_before_anything_is_done() -> None:
    with torch.device("meta"):
        large = nn.Linear(2**15, 2**14)

    with pytest.raises(ConfigError, match=r"^the network has 2\.0 GiB of weights, and an ONNX"):
        traced(large, [torch.zeros(1, 2**15)], inputs=["x"], outputs=["y"])
