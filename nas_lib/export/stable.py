"""The model in use, at an address that stays when another takes its place.

A store replaces one object at a time, so nothing that belongs together is replaced: each model's
graph is another version beside the one before, as Triton counts them, and `model.json` names it.
Whoever reads either finds a whole model at any moment.
"""

from __future__ import annotations

from dataclasses import replace

from nas_lib.data import BlobInfo
from nas_lib.export.card import card, labels, metrics
from nas_lib.export.kserve import triton_configs
from nas_lib.models.info import CARD, INFO, LABELS, METRICS, ModelInfo, pack_info
from nas_lib.models.stored import StoredModel
from nas_lib.store import layout
from nas_lib.store.objects import ObjectStore


def model_in_use(objects: ObjectStore) -> StoredModel | None:
    """Return the model in use of searches that lie in this store, None where there is none.

    Raises:
        CorruptStateError: It is damaged, or of another format version.
    """
    return StoredModel.find(objects, layout.STABLE)


def put_in_use(
    objects: ObjectStore, model: StoredModel, *, version: int, anew: bool = False
) -> None:
    """Let a model be the one in use, unless that is of this version, or of a later one.

    Args:
        objects: The store that the searches lie in.
        model: As a search handed it on.
        version: Which of the models in use it is, from 1.
        anew: Whether it is written in any case, as some of it may be of another one.

    Raises:
        CorruptStateError: The model is damaged.
    """
    before = model_in_use(objects)
    if before is not None and before.info.version >= version and not anew:
        return
    info = replace(model.info, version=version)
    served = {path: model.read(model.info.onnx[graph]) for graph, path in info.onnx.items()}
    served = {**{path: text.encode() for path, text in triton_configs(info).items()}, **served}
    info = replace(info, files={path: BlobInfo.of(data) for path, data in sorted(served.items())})
    for path, data in {**served, **_for_people(info)}.items():
        objects.replace(f"{layout.STABLE}/{path}", data)
    objects.replace(f"{layout.STABLE}/{INFO}", pack_info(info))
    # whoever has read the description of the one before may be about to read its graph
    _tidy(objects, keep={*info.files, *_for_people(info), *(before.info.files if before else ())})


def _for_people(info: ModelInfo) -> dict[str, bytes]:
    """Return the files that say nothing but what the description says."""
    return {LABELS: labels(info), METRICS: metrics(info), CARD: card(info)}


def _tidy(objects: ObjectStore, *, keep: set[str]) -> None:
    kept = {f"{layout.STABLE}/{path}" for path in (*keep, INFO)}
    for key in objects.keys(layout.STABLE):
        if key not in kept:
            objects.delete(key)
