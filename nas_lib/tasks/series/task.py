"""SeriesTask: series of numbers in classes."""

from __future__ import annotations

import hashlib
from typing import cast

from nas_lib import buckets
from nas_lib.config import ImageTaskConfig, SeriesTaskConfig
from nas_lib.data import Manifest, Prepared
from nas_lib.data.paths import files_hash, user_path
from nas_lib.errors import plural
from nas_lib.spaces import SpacePart
from nas_lib.tasks.images.targets import TARGETS
from nas_lib.tasks.images.task import ImageTask
from nas_lib.tasks.series.preparation import SeriesManifest, prepare_series
from nas_lib.tasks.series.readers.part_files import others_beside
from nas_lib.tasks.trained import TrainedTask


class SeriesTask(ImageTask):
    """Series of numbers in classes: images one pixel high, with readers of their own."""

    example = "series"
    preload = (*TrainedTask.preload, "nas_lib.tasks.series.trainer")
    manifest_class = SeriesManifest
    trainer_class = "nas_lib.tasks.series.trainer:SeriesTrainer"

    def _read(self, task: ImageTaskConfig) -> Prepared:
        return prepare_series(cast(SeriesTaskConfig, task), self.config.seed, self.allowance())

    def files_hash(self) -> str:
        """Return a hash of the user's files, of those beside the one that is named, too."""
        found, path = super().files_hash(), self._task.data.path  # type: ignore[union-attr]
        if not found or buckets.is_in_bucket(path):
            return found
        others = "".join(map(files_hash, others_beside(user_path(path)).values()))
        return hashlib.sha256(f"{found} {others}".encode()).hexdigest() if others else found

    def check_space(self, space: SpacePart, manifest: Manifest) -> None:
        """Accept any space: what is one step long stays so."""
        return

    def describe(self, manifest: Manifest) -> str:
        """Say in a sentence what was prepared."""
        assert isinstance(manifest, SeriesManifest)
        channels = plural(manifest.num_channels, "channel")
        return (
            f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} "
            f"validation and {manifest.num_test:,} test series of {manifest.length:,} steps and "
            f"{channels} {TARGETS[manifest.target].describe(manifest)}"
        )
