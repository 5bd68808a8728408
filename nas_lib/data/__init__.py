"""Image data: read, check, split, prepare and cache.

What needs torch is imported from its own module: `nas_lib.data.loading`, `nas_lib.data.batches`.
"""

from nas_lib.data.cache import cached_blob
from nas_lib.data.manifest import BlobInfo, DataManifest
from nas_lib.data.preparation import PreparedImages, prepare

__all__ = ["BlobInfo", "DataManifest", "PreparedImages", "cached_blob", "prepare"]
