"""SharedCheckpoint: where shared-weight training goes on after its process was ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nas_lib.controllers import Controller, Shard
from nas_lib.errors import CorruptStateError
from nas_lib.records import SharedEpoch, from_json, to_json
from nas_lib.training.tensors import misfit, pack, unpack

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class SharedCheckpoint:
    """All that shared-weight training needs to go on after an epoch as if nothing had happened.

    Randomness is not among it: it comes from the search's seed and the epoch.

    Attributes:
        metrics: Of the epoch.
        network: The super-network's state dict.
        momentum: The optimiser's buffer of each parameter that was ever in use.
        controller: The controller's shards.
    """

    metrics: SharedEpoch
    network: Tensors
    momentum: Tensors
    controller: tuple[Shard, ...]

    def to_bytes(self) -> bytes:
        """Return the stored form, from which `from_bytes` gives it back."""
        tensors = {f"network/{name}": tensor for name, tensor in self.network.items()}
        tensors |= {f"momentum/{name}": tensor for name, tensor in self.momentum.items()}
        for shard in self.controller:
            # safetensors hold nothing but tensors: bytes as uint8, in their order by name
            data = np.frombuffer(shard.to_bytes(), dtype=np.uint8).copy()
            tensors[f"controller/{shard.index:03d}"] = torch.from_numpy(data)
        return pack(tensors, to_json(self.metrics).decode())

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> SharedCheckpoint:
        """Return the checkpoint.

        Raises:
            CorruptStateError: The bytes are damaged, or no checkpoint.
        """
        tensors, text = unpack(data, key=key)
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "momentum": {}, "controller": {}}
        for path, tensor in tensors.items():
            part, _, name = path.partition("/")
            parts.setdefault(part, {})[name] = tensor
        shards = tuple(
            Shard.from_bytes(parts["controller"][name].numpy().tobytes(), key=key)
            for name in sorted(parts["controller"])
        )
        metrics = from_json(SharedEpoch, text.encode(), key=key)
        return cls(metrics, parts["network"], parts["momentum"], shards)

    @classmethod
    def checked(
        cls,
        data: bytes,
        epoch: int,
        key: str,
        *,
        network: nn.Module,
        controller: Controller,
        num_shards: int,
    ) -> SharedCheckpoint:
        """Return the checkpoint of this network and this controller after this epoch.

        Raises:
            CorruptStateError: The bytes are damaged, or those of something else.
        """
        found = cls.from_bytes(data, key=key)
        wrong = found._misfit(network, epoch) or found._misfit_of(controller, num_shards)
        if wrong:
            raise CorruptStateError(
                f"stored object {key} is damaged: expected this super-network's tensors after "
                f"{epoch} epochs, got others: {wrong}"
            )
        return found

    def _misfit(self, network: nn.Module, epoch: int) -> str:
        if self.metrics.epoch != epoch:
            return f"they are after {self.metrics.epoch}"
        parameters = dict(network.named_parameters())
        # Weights that no architecture has used yet have no momentum: a part is enough.
        used = {name: weight for name, weight in parameters.items() if name in self.momentum}
        return misfit(self.network, network.state_dict()) or misfit(self.momentum, used)

    def _misfit_of(self, controller: Controller, num_shards: int) -> str:
        if [shard.index for shard in self.controller] != list(range(num_shards)):
            return f"they are of {len(self.controller)} shards of a controller"
        wrong = (controller.misfit(shard, num_shards=num_shards) for shard in self.controller)
        return next(filter(None, wrong), "")
