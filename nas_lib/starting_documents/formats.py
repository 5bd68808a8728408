"""Which format data at a path are of: each tells whether it knows what lies there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from nas_lib.config_file import parse_override
from nas_lib.data.allowance import Allowance
from nas_lib.data.archives import SUFFIXES
from nas_lib.data.paths import is_there, kind_of, user_path
from nas_lib.errors import ConfigError, DataError, one_line
from nas_lib.starting_documents import arrays, folders, npz, series, tables, texts
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.starter import Starter


class Format(NamedTuple):
    """A format, as `task.data.format` calls it.

    Attributes:
        name: There.
        what: In words.
        knows: Says by names and first bytes whether it may be this.
        look: Looks at it.
        suffixes: Of single files that are of this format.
    """

    name: str
    what: str
    knows: Callable[[Listing], bool]
    look: Callable[[Listing, Allowance], Starter]
    suffixes: tuple[str, ...] = ()


FORMATS: Final = (
    Format(
        "image_folder",
        "a folder with one subfolder of images per class",
        folders.knows,
        folders.look,
    ),
    Format(
        "image_table",
        "a table of pictures and their classes",
        tables.knows,
        tables.look,
        tables.SUFFIXES,
    ),
    Format("npz", "a numpy archive", npz.knows, npz.look, (".npz",)),
    Format("ts", "the .ts files of UCR's archive", series.knows_ts, series.look_ts, (".ts",)),
    Format(
        "series_table",
        "a table of series and their classes",
        series.knows_table,
        series.look_table,
        (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"),
    ),
    Format("series_npz", "a numpy archive of series", series.knows_npz, series.look_npz, (".npz",)),
    Format("idx", "the idx files of MNIST's family", arrays.knows_idx, arrays.look_idx, SUFFIXES),
    Format("cifar10", "CIFAR-10", arrays.knows_cifar10, arrays.look_cifar10, SUFFIXES),
    Format(
        "text_files",
        "train.txt, valid.txt and test.txt",
        texts.knows_texts,
        texts.look_texts,
        SUFFIXES,
    ),
    Format(
        "parallel_text",
        "sentences and translations with a tab between them",
        texts.knows_pairs,
        texts.look_pairs,
        (".tsv", ".tsv.gz", ".tsv.bz2", ".tsv.xz", *SUFFIXES),
    ),
)
_MOST_NAMED: Final = 3


def is_data(path: str) -> bool:
    """Say whether a path that a command was given is one of data, and of no document.

    That is any folder, and a file whose name ends as one of these formats does.
    """
    if not is_there(path):
        return False
    place = user_path(path)
    suffixes = tuple(suffix for each in FORMATS for suffix in each.suffixes)
    return kind_of(place) == "a folder" or place.name.lower().endswith(suffixes)


def look(
    path: str,
    allowance: Allowance,
    *,
    format_name: str | None = None,
    overrides: Sequence[str] = (),
) -> Starter:
    """Look at data, and return what proposes a document for them.

    Args:
        path: Where they lie.
        allowance: How much memory they may take.
        format_name: Which format they are of, where the user says so.
        overrides: What the user wants in any case, as `section.key=value`.

    Raises:
        DataError: There are none, or nobody can tell what they are.
        ConfigError: There is no such format.
    """
    named = [each for each in FORMATS if each.name == format_name]
    if format_name is not None and not named:
        raise ConfigError(
            f"--format {one_line(format_name, 40)}: expected one of "
            f"{', '.join(each.name for each in FORMATS)}"
        )
    listing = Listing.of(path, allowance, dict(map(parse_override, overrides)))
    found = named or [each for each in FORMATS if each.knows(listing)]
    if not found:
        raise DataError(_unknown(listing))
    if len(found) > 1:
        kinds = " and ".join(f"{each.what} (--format {each.name})" for each in found)
        raise DataError(f"{listing.where}: may be {kinds}: say which of them it is")
    return found[0].look(listing, allowance)


def _unknown(listing: Listing) -> str:
    """Say what was found instead of data, and what could be done."""
    if listing.kind not in ("a file", "a folder"):
        return f"{listing.where}: expected data, got {listing.kind}"
    wanted = ", ".join(each.what for each in FORMATS)
    if listing.pictures and listing.kind == "a file":
        return f"{listing.where}: is an archive of pictures: unpack it, and give the folder"
    if listing.pictures:
        return (
            f"{listing.where}: found pictures that are not in several folders, such as "
            f"{one_line(listing.pictures[0], 60)}: expected a subfolder for each class, with its "
            "pictures in it"
        )
    if listing.texts:
        return (
            f"{listing.where}: found text in {one_line(listing.texts[0], 60)}: expected for a "
            "language model a folder with train.txt, valid.txt and test.txt, three parts of it; "
            "for translations, lines with a tab between a sentence and its translation"
        )
    names = ", ".join(one_line(name, 60) for name in islice(listing.names, _MOST_NAMED))
    got = (
        f"got {names}{' ...' if len(listing.names) > _MOST_NAMED else ''}" if names else "is empty"
    )
    if listing.kind == "a file":
        got = "is none of these by its name and its first bytes"
    return f"{listing.where}: expected {wanted}: {got}; --format says which it is"
