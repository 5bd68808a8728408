"""The data of a configuration, checked: those of any task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nas_lib import buckets
from nas_lib.config import ImageTaskConfig, SearchConfig, SeriesTaskConfig
from nas_lib.data.allowance import Allowance
from nas_lib.data_check.found import DataCheck, Finding, PartName
from nas_lib.data_check.images import check_images
from nas_lib.data_check.series import check_series
from nas_lib.errors import ConfigError, DataError
from nas_lib.tasks import task_of
from nas_lib.training.machine import memory_limit_mb


def check_data(config: SearchConfig, *, with_pictures: bool = False) -> DataCheck:
    """Check the data of a search, those in a bucket too.

    Args:
        config: The search's configuration.
        with_pictures: Whether some images are drawn.

    Raises:
        ConfigError: It has no data.
        DataError: There are none at their path.
    """
    task = config.task
    if config.children.kind == "own":
        raise ConfigError(f"{config.name}: children.kind own has no data that could be checked")
    if not isinstance(task, ImageTaskConfig):
        return _read(config)
    allowance = Allowance((config.resources.unpacked_mb or memory_limit_mb() // 2) * 2**20)
    checked: Callable[..., DataCheck] = (
        check_series if isinstance(task, SeriesTaskConfig) else check_images
    )
    with buckets.fetched_data(task.data) as local:
        here = task.model_copy(update={"data": local.data})
        check = checked(here, config.seed, allowance, with_pictures=with_pictures)
        told = (replace(each, text=local.told(each.text)) for each in check.findings)
        return replace(
            check,
            source=local.told(check.source),
            broken=tuple(map(local.told, check.broken)),
            findings=tuple(told),
        )


def _read(config: SearchConfig) -> DataCheck:
    """Return what reading texts tells."""
    task = task_of(config)
    source = str(getattr(config.task.data, "path", config.task.data.format))
    try:
        prepared = task.prepare()
    except DataError as err:
        return DataCheck(source, task.example).with_findings(Finding("stops", str(err)))
    assert prepared is not None
    manifest = prepared.manifest
    counts: dict[PartName, int] = {
        "train": manifest.num_train,
        "valid": manifest.num_valid,
        "test": manifest.num_test,
    }
    check = DataCheck(
        manifest.source, task.example, counts=counts, facts={"data": task.describe(manifest)}
    )
    return check.with_findings(*(Finding("note", text) for text in manifest.notices))
