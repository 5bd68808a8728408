"""StoredModel: the files of a model, in a folder or in the store of a search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas_lib.data import BlobInfo
from nas_lib.errors import ConfigError, CorruptStateError, ObjectNotFoundError, one_line
from nas_lib.models.info import INFO, ModelInfo, pack_info, parse_info
from nas_lib.store.objects import ObjectStore

_MAX_INFO = 64 * 2**20
"""Bytes: many times what a million words take."""


@dataclass(frozen=True, eq=False)
class StoredModel:
    """A model that lies somewhere.

    Attributes:
        objects: The store that it lies in.
        folder: Its prefix there; empty where the store holds nothing else.
        info: What is known of it.
    """

    objects: ObjectStore
    folder: str
    info: ModelInfo

    @classmethod
    def find(cls, objects: ObjectStore, folder: str = "") -> StoredModel | None:
        """Return the model at a place, None where there is none.

        Raises:
            CorruptStateError: It is damaged, or of another format version.
        """
        try:
            data = objects.get(_key(folder, INFO), at_most=_MAX_INFO)
        except ObjectNotFoundError:
            return None
        return cls(objects, folder, parse_info(data, where=_place(objects, folder, INFO)))

    @property
    def uri(self) -> str:
        """Where it lies."""
        return _place(self.objects, self.folder)

    def place_of(self, path: str) -> str:
        """Return where one of its files lies."""
        return _place(self.objects, self.folder, path)

    def read(self, path: str) -> bytes:
        """Return one of its files.

        Raises:
            CorruptStateError: It is missing, or not the one that the model was made with.
        """
        expected = self.info.files.get(path)
        if expected is None:
            raise CorruptStateError(f"{one_line(self.uri)}: {INFO} names no {one_line(path)}")
        try:
            data = self.objects.get(_key(self.folder, path), at_most=expected.num_bytes)
        except ObjectNotFoundError as err:
            raise CorruptStateError(
                f"{one_line(self.uri)} is damaged: {one_line(path)} is missing; export it anew"
            ) from err
        except CorruptStateError as err:  # names it by its key, which does not say which model
            raise CorruptStateError(
                f"{one_line(self.place_of(path))} is damaged: expected the "
                f"{expected.num_bytes:,} bytes that {INFO} names, got more; export it anew"
            ) from err
        if BlobInfo.of(data) != expected:
            raise CorruptStateError(
                f"{one_line(self.place_of(path))} is damaged: expected the {expected.num_bytes:,} "
                f"bytes that {INFO} names, got {len(data):,} others; export it anew"
            )
        return data

    def copy_to(self, folder: Path) -> None:
        """Write its files below a folder, as they lie here; its description comes last.

        Raises:
            ConfigError: Something else lies there, or it cannot be written.
            CorruptStateError: The model is damaged.
        """
        files = {path: self.read(path) for path in self.info.files}
        files[INFO] = pack_info(self.info)
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


def _key(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _place(objects: ObjectStore, *parts: str) -> str:
    return "/".join([objects.uri, *filter(None, parts)])
