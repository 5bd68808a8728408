"""What networks for 32 x 32 pictures cost, with and without connections across pooling layers.

`python -m benchmarks.studies.pooling_costs`: of networks drawn uniformly, nothing is trained.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from statistics import fmean
from typing import Final

import torch

from benchmarks.studies.study import print_table
from nas_lib.config import CnnSpaceConfig, DepthConfig
from nas_lib.networks import Cost, build_network, count
from nas_lib.presets import preset
from nas_lib.spaces import PlannedSpace, SizeConfig, SpacePart, planned
from nas_lib.spaces.space import Plan

NETWORKS = 50
IMAGE: Final = (3, 32, 32)
JOINED = CnnSpaceConfig(
    filter_heights=(1, 3, 5),
    filter_widths=(1, 3, 5),
    num_filters=(16, 24, 32, 48),
    pool_layers=(2, 5),
    depth=DepthConfig(start=8, step=0, max=8),
)
"""Of `photos` as it was."""


def drawn(space: PlannedSpace[Plan], rng: random.Random) -> Plan:
    """Return a network at random, each option as likely."""
    return space.plan(
        [
            rng.randrange(decision.num_values)
            for decision in space.decisions(space.max_depth)
            for _ in range(decision.num_tokens)
        ]
    )


def costs(space: SpacePart) -> list[Cost]:
    """Return what networks of a space cost."""
    built, rng = planned(space.build()), random.Random(0)
    found = []
    for _ in range(NETWORKS):
        with torch.device("meta"):
            network = build_network(drawn(built, rng), image_shape=IMAGE, num_classes=10)
        found.append(count(network.to_empty(device="cpu"), IMAGE))
    return found


def main() -> None:
    """Print the table."""
    chain = JOINED.model_copy(update={"skip_connections": False})
    spaces: Mapping[str, tuple[SpacePart, SizeConfig]] = {
        "photos as it was": (JOINED, SizeConfig(more_filters=16)),
        "the same as a chain": (chain, SizeConfig(more_filters=16)),
        **{
            name: (preset(name).space, preset(name).final.size)
            for name in ("photos", "photos-shared")
        },
    }
    rows = []
    for name, (space, size) in spaces.items():
        for stage, at_size in (("search", space), ("end", space.at_size(size))):
            found = costs(at_size)
            adds = [each.num_multiply_adds / 1e6 for each in found]
            weights = fmean(each.num_parameters for each in found)
            ends = f"{min(adds):.0f} to {max(adds):.0f}"
            rows.append([name, stage, f"{fmean(adds):.1f} M", ends, f"{weights / 1000:.0f}k"])
    header = ["networks", "in the", "multiply-adds, mean", "from, to", "parameters, mean"]
    print_table(f"{NETWORKS} networks at random", header, rows)


if __name__ == "__main__":
    main()
