"""Prepared data on this machine, from the store by way of the cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas_lib.data import BlobInfo, DataManifest, Manifest, TextManifest, cached_blob
from nas_lib.steps.open_search import OpenSearch
from nas_lib.store import SearchStore, layout

if TYPE_CHECKING:
    from torch import Tensor

    from nas_lib.data.loading import ImageSplits, ImageTensors, TextSplits


def find_manifest(search: OpenSearch) -> Manifest | None:
    """Return what was prepared, None where nothing was."""
    if search.config.is_text:
        return search.store.find(TextManifest, layout.DATA_MANIFEST)
    return search.store.find(DataManifest, layout.DATA_MANIFEST)


def fetch_images(store: SearchStore) -> tuple[ImageSplits, DataManifest]:
    """Return the training and validation images, mapped into memory, and what they are."""
    from nas_lib.data.loading import load_images  # loads torch

    manifest = store.read(DataManifest, layout.DATA_MANIFEST)
    return load_images(_fetch(store, layout.DATA_SEARCH, manifest.search_blob)), manifest


def fetch_test_images(store: SearchStore) -> tuple[ImageTensors, DataManifest]:
    """Return the test images: for the winner, once the search is finished."""
    from nas_lib.data.loading import load_test_images  # loads torch

    manifest = store.read(DataManifest, layout.DATA_MANIFEST)
    return load_test_images(_fetch(store, layout.DATA_TEST, manifest.test_blob)), manifest


def fetch_text(store: SearchStore) -> tuple[TextSplits, TextManifest]:
    """Return the training and validation texts, mapped into memory, and what they are."""
    from nas_lib.data.loading import load_text  # loads torch

    manifest = store.read(TextManifest, layout.DATA_MANIFEST)
    return load_text(_fetch(store, layout.DATA_SEARCH, manifest.search_blob)), manifest


def fetch_test_text(store: SearchStore) -> tuple[Tensor, TextManifest]:
    """Return the test text: for the winner, once the search is finished."""
    from nas_lib.data.loading import load_test_text  # loads torch

    manifest = store.read(TextManifest, layout.DATA_MANIFEST)
    return load_test_text(_fetch(store, layout.DATA_TEST, manifest.test_blob)), manifest


def _fetch(store: SearchStore, key: str, blob: BlobInfo) -> Path:
    return cached_blob(lambda: store.objects.get(key), blob, key)
