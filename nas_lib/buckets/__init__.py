"""The user's data where they lie in a bucket: what is there, and this machine's copy of it.

`task.data.path` may be an address such as `s3://bucket/photos`. The readers know files only; so
what lies there is fetched first, by whoever prepares the data, and read from the copy.
"""

from nas_lib.buckets.fetched import Fetched, fetched
from nas_lib.buckets.kept import KeptCopy, kept_copies
from nas_lib.buckets.listing import Listing, is_there, listed
from nas_lib.buckets.settings import Local, fetched_data
from nas_lib.store.open import is_in_bucket

__all__ = [
    "Fetched",
    "KeptCopy",
    "Listing",
    "Local",
    "fetched",
    "fetched_data",
    "is_in_bucket",
    "is_there",
    "kept_copies",
    "listed",
]
