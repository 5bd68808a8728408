"""A table of pictures, as paths or contents, and what is told of them: CSV, Parquet, JSON lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nas_lib.config import ImageTableData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, one_line, plural
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.opened_pictures import seen_pictures
from nas_lib.starting_documents.seen_images import PartName
from nas_lib.starting_documents.table_targets import TableTarget, has_pictures, wanted_target
from nas_lib.tasks.images.readers.table_rows import TABLE_PARTS, listed_pictures, names_of
from nas_lib.tasks.images.readers.tables import open_table

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")


def knows(listing: Listing) -> bool:
    """Say whether there is a table with a column of pictures; what is told of them looking says."""
    if listing.kind == "a folder":
        places = [listing.place / name for name in listing.names if _is_table(name)]
    else:
        is_table = listing.head.startswith(b"PAR1") or listing.is_text
        places = [listing.place] if is_table and not listing.names else []
    try:
        return bool(places) and all(has_pictures(open_table(place)) for place in places)
    except DataError:
        return False


def look(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Read what the table says, and look at the pictures.

    Raises:
        DataError: It is not as it should be, or does not go with what lies on the disk.
    """
    found = _target_at(listing)
    config = ImageTableData(path=listing.path, **found.data)
    listed = listed_pictures(config, found.target)
    counts: dict[PartName, dict[str, int]] = {}
    sizes: dict[PartName, int] = {}
    for index, part in enumerate(TABLE_PARTS):
        of_part = [
            label for label, at in zip(listed.labels, listed.parts, strict=True) if at == index
        ]
        if of_part:
            sizes[part], counts[part] = len(of_part), _counts(of_part, listed.columns.label)
    kinds = {
        "class": f"in {plural(len(counts['train']), 'class', 'classes')}",
        "labels": f"with {plural(len(counts['train']), 'label')}, any number of them each",
        "number": f"with a number each ({one_line(listed.columns.label, 40)})",
    }
    told = {"class": "classes", "labels": "labels", "number": "numbers"}[found.target]
    seen = seen_pictures(
        listed.files,
        allowance,
        where=listing.where,
        what=f"a table of {len(listed.labels):,} pictures {kinds[found.target]}",
        data={"format": "image_table", "path": listing.path, **found.data},
        counts=counts,
        why={"format": f"It has a column of pictures and one of their {told}."},
        notes=listed.notices,
    )
    return ImageStarter(replace(seen, target=found.target, why_target=found.why, sizes=sizes))


def _target_at(listing: Listing) -> TableTarget:
    """Return what the table tells, the first one of a folder: it names no table, but that of one.

    Raises:
        DataError: There is no such table.
    """
    if listing.kind != "a folder":
        return wanted_target(open_table(listing.place), listing.wanted)
    tables = sorted(name for name in listing.names if _is_table(name))
    if not tables:
        return TableTarget()
    return wanted_target(open_table(listing.place / tables[0]), listing.wanted)


def _is_table(name: str) -> bool:
    return name.lower().endswith((*SUFFIXES, ".tsv")) and "/" not in name


def _counts(told: Sequence[Any], column: str) -> dict[str, int]:
    """Return how many pictures there are of each class, with each label, or with a number."""
    if isinstance(told[0], float):
        return {column: len(told)}
    return dict(Counter(name for each in told for name in names_of(each)))
