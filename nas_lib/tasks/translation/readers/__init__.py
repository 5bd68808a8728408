"""Readers: from files of the user's to `RawPairs`, a module per format, no torch."""

from nas_lib.tasks.translation.readers.parallel_text import read_parallel_text

__all__ = ["read_parallel_text"]
