"""The controller's shards in the store: one create-only object per version."""

from __future__ import annotations

from nas_lib.controllers import Shard
from nas_lib.errors import CorruptStateError
from nas_lib.steps.open_search import OpenSearch
from nas_lib.store import layout


def store_first_shards(search: OpenSearch) -> None:
    """Store version 0 of every shard, unless a controller is there already."""
    config = search.config
    if _versions(search, config.search.shards - 1):
        return
    shards = search.controller.init(seed=[config.seed, 0], num_shards=config.search.shards)
    for index, shard in enumerate(shards):
        search.store.objects.create(layout.shard(index, 0), shard.to_bytes())


def newest_shard(search: OpenSearch, index: int) -> tuple[int, Shard]:
    """Return the newest version of a shard, and its number.

    Raises:
        CorruptStateError: There is none, or it is damaged.
    """
    versions = _versions(search, index)
    if not versions:
        raise CorruptStateError(
            f"{search.uri} has no version of {layout.shard_folder(index)}: it was deleted"
        )
    return versions[-1], shard_at(search, index, versions[-1])


def shard_at(search: OpenSearch, index: int, version: int) -> Shard:
    """Return one version of a shard."""
    key = layout.shard(index, version)
    return Shard.from_bytes(search.store.objects.get(key), key=key)


def _versions(search: OpenSearch, index: int) -> list[int]:
    return search.store.numbers(layout.shard_folder(index), ".safetensors")
