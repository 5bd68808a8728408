"""Where searches lie: objects in a folder, in memory or in S3, and what they mean."""

from nas_lib.store.history import History
from nas_lib.store.objects import ObjectInfo, ObjectStore
from nas_lib.store.open import open_store
from nas_lib.store.search_store import SearchStore, StoredSearch

__all__ = ["History", "ObjectInfo", "ObjectStore", "SearchStore", "StoredSearch", "open_store"]
