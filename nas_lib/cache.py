"""Where this machine keeps copies of what lies in stores."""

from __future__ import annotations

import os
from pathlib import Path

from nas_lib.errors import ConfigError, one_line


def cache_folder() -> Path:
    """Return `$NAS_CACHE`, by default `~/.cache/nas`. It need not be there.

    Raises:
        ConfigError: Nothing is set, and this user has no home folder.
    """
    path = os.environ.get("NAS_CACHE") or "~/.cache/nas"
    try:
        return Path(path).expanduser()
    except RuntimeError as err:  # no HOME and no entry in the list of users
        raise ConfigError(
            f"{one_line(path)}, for copies of data, lies in a home folder that there is not: let "
            "NAS_CACHE name a folder that can be written"
        ) from err
