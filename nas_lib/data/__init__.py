"""What data of all tasks have in common: how they come; once prepared, their names and copies.

What readers use is imported from its own module (`nas_lib.data.paths`, `file_sets`, ...), as is
what needs torch: `nas_lib.data.tensors`.
"""

from nas_lib.data.blobs import BlobInfo, Manifest
from nas_lib.data.copies import LocalData, cached_blob, cached_blobs
from nas_lib.data.packing import Prepared, prepared

__all__ = [
    "BlobInfo",
    "LocalData",
    "Manifest",
    "Prepared",
    "cached_blob",
    "cached_blobs",
    "prepared",
]
