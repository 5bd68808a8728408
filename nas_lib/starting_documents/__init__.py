"""From a path to a whole document: what lies there, and what a search of it should be."""

from nas_lib.starting_documents.document import (
    DEFAULT_HOURS,
    StartingDocument,
    starting_document,
    untimed_config,
)
from nas_lib.starting_documents.formats import FORMATS, is_data
from nas_lib.starting_documents.names import begun_on, is_on

__all__ = [
    "DEFAULT_HOURS",
    "FORMATS",
    "StartingDocument",
    "begun_on",
    "is_data",
    "is_on",
    "starting_document",
    "untimed_config",
]
