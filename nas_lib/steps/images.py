"""Prepared images on this machine, from the store by way of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_lib.data import DataManifest, cached_blob
from nas_lib.store import SearchStore, layout

if TYPE_CHECKING:
    from nas_lib.data.loading import ImageSplits, ImageTensors


def fetch_images(store: SearchStore) -> tuple[ImageSplits, DataManifest]:
    """Return the training and validation images, mapped into memory, and what they are."""
    from nas_lib.data.loading import load_images  # loads torch

    manifest = store.read(DataManifest, layout.DATA_MANIFEST)
    key = layout.DATA_SEARCH
    path = cached_blob(lambda: store.objects.get(key), manifest.search_blob, key)
    return load_images(path), manifest


def fetch_test_images(store: SearchStore) -> tuple[ImageTensors, DataManifest]:
    """Return the test images: for the winner, once the search is finished."""
    from nas_lib.data.loading import load_test_images  # loads torch

    manifest = store.read(DataManifest, layout.DATA_MANIFEST)
    key = layout.DATA_TEST
    path = cached_blob(lambda: store.objects.get(key), manifest.test_blob, key)
    return load_test_images(path), manifest
