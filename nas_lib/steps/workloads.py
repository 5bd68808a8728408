"""The super-network of a search, with its data: what shared weights are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nas_lib.config import (
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    SearchConfig,
)
from nas_lib.store import SearchStore

if TYPE_CHECKING:
    from nas_lib.shared_weights.workload import Workload

_WORKLOAD = 5  # stream of randomness


def build_workload(config: SearchConfig, store: SearchStore) -> Workload:
    """Return the super-network and the prepared data of a search by shared weights.

    This process's torch is set to the search's number of threads and to deterministic algorithms,
    and its generator is seeded, so that the first weights are always the same.

    Raises:
        ConfigError: There is no such device here.
    """
    import torch

    from nas_lib.shared_weights.image_workload import ImageWorkload
    from nas_lib.shared_weights.text_workload import TextWorkload
    from nas_lib.steps.datasets import fetch_images, fetch_text
    from nas_lib.training.devices import set_up_torch

    shared, space = config.shared, config.space
    assert shared is not None
    device = set_up_torch(shared.device, threads=shared.threads, setting="shared.device")
    state = np.random.SeedSequence([config.seed, _WORKLOAD]).generate_state(2, np.uint64)
    seed = int(state[0] >> 1)
    torch.manual_seed(int(state[1] >> 1))
    if isinstance(space, EnasRnnSpaceConfig):
        text, text_manifest = fetch_text(store)
        return TextWorkload(
            space,
            shared,
            text,
            len(text_manifest.words),
            seed=seed,
            device=device,
            perplexity_constant=config.children.reward.perplexity_constant,
        )
    assert isinstance(space, EnasMacroSpaceConfig | EnasMicroSpaceConfig)
    images, manifest = fetch_images(store)
    return ImageWorkload(space, shared, images, manifest, seed=seed, device=device)
