"""A folder of pictures: all are counted, and some of them opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, one_line, plural
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.opened_pictures import seen_pictures
from nas_lib.tasks.images.readers.class_folders import ClassFolders, find_class_folders
from nas_lib.tasks.images.readers.decoding import FilesInFolder


def knows(listing: Listing) -> bool:
    """Say whether there are pictures in several folders; one alone is no class among others."""
    folders = {name.rpartition("/")[0] for name in listing.pictures}
    return listing.kind == "a folder" and len(folders - {""}) > 1


def look(listing: Listing, allowance: Allowance) -> ImageStarter:
    """Look at the pictures of classes.

    Raises:
        DataError: They are not laid out as a folder of images is, or none can be read.
    """
    found = find_class_folders(listing.place)
    _refuse_deeper(listing, found)
    files = [(folder.path.relative_to(listing.place), folder.files) for folder in found]
    names = [f"{folder}/{name}" for folder, within in files for name in within]
    counts = {
        part: {folder.class_name: len(folder.files) for folder in folders}
        for part, folders in found.parts.items()
    }
    parts = [part for part in ("valid", "test") if part in counts]
    own = f", with folders for {' and '.join(('train', *parts))}" if parts else ""
    classes = plural(len(counts["train"]), "class", "classes")
    seen = seen_pictures(
        FilesInFolder(listing.place, np.array(names, object)),
        allowance,
        where=listing.where,
        what=f"{len(names):,} pictures in {classes}, a folder each{own}",
        data={"format": "image_folder", "path": listing.path},
        counts=counts,
        why={"format": "It has a subfolder with pictures for each class."},
    )
    return ImageStarter(seen)


def _refuse_deeper(listing: Listing, found: ClassFolders) -> None:
    """Refuse a folder around the folder that is meant, as archives often have one."""
    folders = found.parts["train"]
    if len(folders) == 1 and not folders[0].files and folders[0].num_deeper:
        inner = one_line(Path(listing.path, folders[0].path.name))
        raise DataError(
            f"{listing.where}: expected a subfolder of pictures for each class, got one folder "
            f"with folders in it: try {inner}"
        )
