"""A table of pictures: CSV, Parquet or JSON lines of paths or contents, and classes."""

from __future__ import annotations

from collections import Counter

from nas_lib.config import ImageTableData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, plural
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.opened_pictures import seen_pictures
from nas_lib.starting_documents.seen_images import PartName
from nas_lib.tasks.images.readers.table_columns import find_columns
from nas_lib.tasks.images.readers.table_rows import TABLE_PARTS, listed_pictures
from nas_lib.tasks.images.readers.tables import open_table

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")


def knows(listing: Listing) -> bool:
    """Say whether there is a table with a column of pictures and one of classes."""
    if listing.kind == "a folder":
        tables = [name for name in listing.names if name.lower().endswith((*SUFFIXES, ".tsv"))]
        places = [listing.place / name for name in tables if "/" not in name]
    else:
        is_table = listing.head.startswith(b"PAR1") or listing.is_text
        places = [listing.place] if is_table and not listing.names else []
    try:
        for place in places:
            find_columns(open_table(place), ImageTableData(path=str(place)))
    except DataError:
        return False
    return bool(places)


def look(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Read what the table says, and look at the pictures.

    Raises:
        DataError: It is not as it should be, or does not go with what lies on the disk.
    """
    listed = listed_pictures(ImageTableData(path=listing.path))
    counts: dict[PartName, dict[str, int]] = {}
    for index, part in enumerate(TABLE_PARTS):
        of_part = (
            label for label, at in zip(listed.labels, listed.parts, strict=True) if at == index
        )
        if numbers := dict(Counter(of_part)):
            counts[part] = numbers
    classes = plural(len(counts["train"]), "class", "classes")
    seen = seen_pictures(
        listed.files,
        allowance,
        where=listing.where,
        what=f"a table of {len(listed.labels):,} pictures in {classes}",
        data={"format": "image_table", "path": listing.path},
        counts=counts,
        why={"format": "It has a column of pictures and one of their classes."},
        notes=listed.notices,
    )
    return ImageStarter(seen)
