"""What the prepared data of all tasks have in common: their names, this machine's copies.

What needs torch is imported from its own module, `nas_lib.data.tensors`.
"""

from nas_lib.data.blobs import BlobInfo, Manifest, Prepared, cached_blob, prepared

__all__ = ["BlobInfo", "Manifest", "Prepared", "cached_blob", "prepared"]
