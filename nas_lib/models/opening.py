"""`open_model`: from what a user writes to a model."""

from __future__ import annotations

import re

from nas_lib.config import ImageTarget
from nas_lib.errors import ConfigError, one_line
from nas_lib.models.image_model import ImageModel
from nas_lib.models.info import INFO
from nas_lib.models.label_model import LabelModel
from nas_lib.models.number_model import NumberModel
from nas_lib.models.series_model import SeriesModel
from nas_lib.models.stored import StoredModel
from nas_lib.models.text_model import TextModel
from nas_lib.models.translation_model import TranslationModel
from nas_lib.spaces import ReferencesConfig
from nas_lib.store import layout
from nas_lib.store.objects import ObjectStore
from nas_lib.store.open import open_store
from nas_lib.training.machine import num_cpus

AnyModel = ImageModel | LabelModel | NumberModel | SeriesModel | TextModel | TranslationModel
_KNOWN = {kind.model_fields["kind"].default for kind in ReferencesConfig.__subclasses__()}
_KINDS: dict[str, type[AnyModel]] = {
    "images": ImageModel,
    "series": SeriesModel,
    "text": TextModel,
    "translation": TranslationModel,
}
"""By the kind of their inputs, which is that of the task."""
_OF_TARGET: dict[ImageTarget, type[AnyModel]] = {"labels": LabelModel, "number": NumberModel}
"""What tells something else of images than their class."""
_MODEL = re.compile(rf"(.+)/{layout.MODELS}/([^/]+)/*")


def open_model(place: str, *, threads: int | None = None) -> AnyModel:
    """Return the model that lies at a place; its network is read when it is first used.

    Args:
        place: A folder that `nas export` wrote, `SEARCH/models/<id>`, or a search, of which it is
            the newest exported winner of a final training, else the newest model. Each of them
            a folder or `s3://bucket/prefix` (`gs://` and `az://` likewise).
        threads: To compute with; by default one for each CPU.

    Raises:
        ConfigError: There is no model.
        CorruptStateError: It is damaged, or of another format version.
    """
    stored = _of_a_search(place) or _at(open_store(place))
    if stored is None:
        raise ConfigError(_nothing_at(place))
    info = stored.info
    kind = _OF_TARGET.get(info.target) or _KINDS[info.inputs.kind]
    return kind(stored, threads=threads or num_cpus())


def _at(objects: ObjectStore) -> StoredModel | None:
    return StoredModel.find(objects) or newest_model(objects)


def _of_a_search(place: str) -> StoredModel | None:
    """Return the model that `SEARCH/models/<id>` names, None where there is none.

    It is looked for in the search's store: one in memory has no other below it.
    """
    match = _MODEL.fullmatch(place)
    return match and StoredModel.find(open_store(match[1]), f"{layout.MODELS}/{match[2]}")


def newest_model(objects: ObjectStore) -> StoredModel | None:
    """Return the newest winner of a final training that a search has exported, else its newest.

    Known networks come last. None where it has exported none.

    Raises:
        CorruptStateError: One is damaged, or of another format version.
    """
    found = (StoredModel.find(objects, f"{layout.MODELS}/{id}") for id in _ids(objects))
    return max(filter(None, found), key=_rank, default=None)


def _ids(objects: ObjectStore) -> list[str]:
    """Return the ids of a search's models."""
    parts = (key.split("/") for key in objects.keys(layout.MODELS))
    return [id for _, id, *path in parts if path == [INFO]]


def _rank(stored: StoredModel) -> tuple[bool, bool, float, str]:
    """Return by what it comes before others; known networks were trained to compare with."""
    info = stored.info
    is_found = info.origin.architecture.space not in _KNOWN
    return is_found, info.id.startswith(layout.winners_model("")), info.created_s, info.id


def _nothing_at(place: str) -> str:
    objects = open_store(place)
    where = one_line(objects.uri)
    if (match := _MODEL.fullmatch(place)) and (ids := _ids(open_store(match[1]))):
        return f"there is no model at {where}: {one_line(match[1])} has {', '.join(ids)}"
    if objects.has(layout.SEARCH):
        return (
            f"{where} has no model yet: `nas train {where}` trains what the search found at length "
            f"and exports it, `nas export {where}` exports its best child as it is"
        )
    return (
        f"there is no model at {where}: expected a folder that `nas export` wrote ({INFO} lies in "
        "it), a search, or SEARCH/models/<id>"
    )
