"""What data of all tasks have in common: how they come; once prepared, their names and copies.

Readers import `nas_lib.data.paths`, `file_sets` and `allowance`. What needs torch is imported from
its own module, `nas_lib.data.tensors`.
"""

from nas_lib.data.blobs import BlobInfo, Manifest, Prepared, cached_blob, prepared

__all__ = ["BlobInfo", "Manifest", "Prepared", "cached_blob", "prepared"]
