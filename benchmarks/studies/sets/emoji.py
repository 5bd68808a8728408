"""Emoji in nine classes: a table of pictures of 64 x 64 pixels, each as two designers drew it.

npm's `emoji-datasource-google` (Noto Emoji, Apache 2.0) and `emoji-datasource-twitter` (Twemoji,
CC BY 4.0). Both pictures of an emoji are of one group, and so are those of a woman, a man and a
person who do the same.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

from benchmarks.studies.sets.packages import npm_package

VERSION = "16.0.0"
DESIGNERS = ("google", "twitter")
_NO_CLASS = "Component"
_WHO = re.compile(r"\b(woman|man|person|women|men|people|female|male|girl|boy)\b", re.IGNORECASE)


def group_of(name: str) -> str:
    """Return what an emoji shows, whoever does it."""
    return " ".join(_WHO.sub("", name).lower().split()) or name.lower()


def write_emoji(packages: Path, folder: Path) -> None:
    """Write the table and its pictures."""
    rows = []
    for designer in DESIGNERS:
        package = npm_package(f"emoji-datasource-{designer}@{VERSION}", packages)
        (folder / designer).mkdir(parents=True, exist_ok=True)
        for each in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
            if each["category"] == _NO_CLASS or not each[f"has_img_{designer}"]:
                continue
            picture = f"{designer}/{each['image']}"
            shutil.copyfile(package / "img" / designer / "64" / each["image"], folder / picture)
            rows.append((picture, each["category"], group_of(each["name"] or each["short_name"])))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "group"))
        writer.writerows(rows)
