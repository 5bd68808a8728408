"""A model as a folder on this machine."""

from __future__ import annotations

from pathlib import Path

from nas_lib.errors import ConfigError, one_line
from nas_lib.models.info import INFO, pack_info
from nas_lib.models.stored import StoredModel


def write_model(stored: StoredModel, folder: Path) -> None:
    """Copy a model into a folder; what says that it is there comes last.

    Raises:
        ConfigError: Something else lies there, or it cannot be written.
        CorruptStateError: The model is damaged.
    """
    files = {path: stored.read(path) for path in stored.info.files}
    files[INFO] = pack_info(stored.info)
    try:
        _require_room(folder, files[INFO])
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    except OSError as err:
        raise ConfigError(f"cannot write {one_line(folder)}: {err.strerror}") from err


def _require_room(folder: Path, info: bytes) -> None:
    """Refuse a folder that holds anything but this model."""
    has_it = (folder / INFO).is_file() and (folder / INFO).read_bytes() == info
    if not has_it and folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            f"{one_line(folder)}: expected an empty folder, or one that holds this model, got one "
            "with other files"
        )
