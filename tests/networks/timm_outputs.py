"""`PYTHON tests/networks/timm_outputs.py FILE [--large]`: what timm's NASNet-A puts out, as JSON.

With a Python that has timm, in an environment of its own: `make check-timm`. Its weights are those
of `formula_weights`. A small network of timm's class, or besides it `nasnetalarge` as it is.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from formula_weights import uniform, weights
from timm.models.nasnet import NASNetALarge

Sizes = list[tuple[int, int]]

SMALL = {"num_features": 24 * 8, "stem_size": 6, "num_classes": 5}
SMALL_SIZES: Sizes = [(64, 64), (47, 70), (35, 35)]
LARGE: dict[str, int] = {"num_features": 4032, "stem_size": 96, "num_classes": 1000}
LARGE_SIZES: Sizes = [(331, 331), (224, 224), (97, 130)]


@torch.inference_mode()
def outputs(arguments: dict[str, int], sizes: Sizes) -> dict[str, Any]:
    """Return the number of parameters, and the logits of one image of each size."""
    network = NASNetALarge(**arguments).double().eval()
    for name, x in network.state_dict().items():
        if x.is_floating_point():
            x.copy_(torch.from_numpy(weights(name, tuple(x.shape))))
    return {
        **arguments,
        "parameters": sum(x.numel() for x in network.parameters()),
        "logits": {
            f"{height}x{width}": network(
                torch.from_numpy(uniform("images", (1, 3, height, width)))
            )[0].tolist()
            for height, width in sizes
        },
    }


def main(file: Path, *, large: bool) -> None:
    found = {"timm": version("timm"), "small": outputs(SMALL, SMALL_SIZES)}
    if large:
        found["large"] = outputs(LARGE, LARGE_SIZES)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), large="--large" in sys.argv)
