"""Data, images or text: read, check, split, prepare and cache.

What needs torch is imported from its own module: `nas_lib.data.loading`, `nas_lib.data.batches`,
`nas_lib.data.text_batches`.
"""

from nas_lib.data.cache import cached_blob
from nas_lib.data.manifest import BlobInfo, DataManifest, Manifest, TextManifest
from nas_lib.data.preparation import Prepared, PreparedImages, prepare
from nas_lib.data.text_preparation import PreparedText

__all__ = [
    "BlobInfo",
    "DataManifest",
    "Manifest",
    "Prepared",
    "PreparedImages",
    "PreparedText",
    "TextManifest",
    "cached_blob",
    "prepare",
]
