"""Writes what pip would install as requirements with hashes; its report comes on standard input."""

import json
import sys
from typing import Any


def main() -> None:
    """Print a line for each file; ours has none."""
    installed = json.load(sys.stdin)["install"]
    for package in sorted(installed, key=lambda each: each["metadata"]["name"].lower()):
        if archive := package["download_info"].get("archive_info"):
            print(line(package["metadata"], archive))


def line(metadata: dict[str, Any], archive: dict[str, Any]) -> str:
    """Return a file's line."""
    return f"{metadata['name']}=={metadata['version']} --hash=sha256:{archive['hashes']['sha256']}"


if __name__ == "__main__":
    main()
