from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from allowances import AMPLE
from image_files import random_images
from safetensors.numpy import load

from nas_lib.config import ImageTaskConfig, NpzData
from nas_lib.data import Prepared
from nas_lib.records import from_json, to_json
from nas_lib.tasks.images.preparation import (
    ImageManifest,
    channel_statistics,
    prepare_images,
)

Array = npt.NDArray[Any]
NUM_IMAGES = 40


def numbered_images(*, num_classes: int = 2) -> dict[str, Array]:
    """Return images whose every pixel is the image's number, sorted by class."""
    images = np.arange(NUM_IMAGES, dtype=np.uint8)[:, None, None].repeat(3, 1).repeat(3, 2)
    return {"x_train": images, "y_train": np.arange(NUM_IMAGES) * num_classes // NUM_IMAGES}


def prepare_arrays(
    folder: Path, arrays: dict[str, Array], *, seed: int = 0, **task: Any
) -> Prepared:
    np.savez(folder / "d.npz", **dict[str, Any](arrays))
    return prepare_images(
        ImageTaskConfig(data=NpzData(path=str(folder / "d.npz")), **task),
        seed=seed,
        allowance=AMPLE,
    )


def numbers(images: Array) -> list[int]:
    found: list[int] = images[:, 0, 0, 0].tolist()
    return found


def image_manifest(prepared: Prepared) -> ImageManifest:
    assert isinstance(prepared.manifest, ImageManifest)
    return prepared.manifest


class TestSplit:
    def test_digits_are_split_into_train_valid_and_test(self) -> None:
        manifest = image_manifest(prepare_images(ImageTaskConfig(), seed=0, allowance=AMPLE))
        # test round(0.2 * 1797) = 359; valid round(0.1 * (1797 - 359)) = 144; 1438 - 144 left
        assert (manifest.num_train, manifest.num_valid, manifest.num_test) == (1294, 144, 359)
        assert manifest.image_shape == (1, 8, 8)
        assert manifest.num_classes == 10

    def test_every_image_is_in_one_part_with_its_own_label(self, tmp_path: Path) -> None:
        prepared = prepare_arrays(tmp_path, numbered_images())
        search, test = load(prepared.search_blob), load(prepared.test_blob)
        parts = {"train": search, "valid": search, "test": test}
        found = {
            number: label
            for name, blob in parts.items()
            for number, label in zip(
                numbers(blob[f"{name}_images"]), blob[f"{name}_labels"].tolist(), strict=True
            )
        }
        assert found == {number: number * 2 // NUM_IMAGES for number in range(NUM_IMAGES)}

    def test_the_data_sets_own_test_images_stay_whole(self, tmp_path: Path) -> None:
        arrays = numbered_images()
        arrays |= {"x_test": arrays["x_train"] + 100, "y_test": arrays["y_train"]}
        prepared = prepare_arrays(tmp_path, arrays)
        assert sorted(numbers(load(prepared.test_blob)["test_images"])) == list(range(100, 140))
        assert prepared.manifest.num_train + prepared.manifest.num_valid == NUM_IMAGES

    def test_colour_images_are_stored_channels_first(self, tmp_path: Path) -> None:
        arrays = numbered_images() | {"x_train": random_images(NUM_IMAGES, 4, 3, 3)}
        arrays |= {"x_test": random_images(5, 4, 3, 3, seed=1), "y_test": np.arange(5) % 2}
        stored = load(prepare_arrays(tmp_path, arrays).test_blob)["test_images"]
        given = arrays["x_test"].transpose(0, 3, 1, 2)
        assert {image.tobytes() for image in stored} == {image.tobytes() for image in given}

    def test_the_search_blob_holds_no_test_image(self, tmp_path: Path) -> None:
        prepared = prepare_arrays(tmp_path, numbered_images())
        search = load(prepared.search_blob)
        seen = numbers(search["train_images"]) + numbers(search["valid_images"])
        assert set(seen).isdisjoint(numbers(load(prepared.test_blob)["test_images"]))
        assert set(search) == {"train_images", "train_labels", "valid_images", "valid_labels"}

    def test_max_train_limits_training_and_leaves_the_test_alone(self, tmp_path: Path) -> None:
        whole = prepare_arrays(tmp_path, numbered_images())
        limited = prepare_arrays(tmp_path, numbered_images(), max_train=20)
        assert limited.manifest.num_train + limited.manifest.num_valid == 20
        assert limited.test_blob == whole.test_blob


class TestPureFunction:
    def test_the_same_seed_prepares_the_same_bytes_and_another_seed_others(
        self, tmp_path: Path
    ) -> None:
        first, again, other = (
            prepare_arrays(tmp_path, numbered_images(), seed=seed) for seed in (1, 1, 2)
        )
        assert again == first
        assert other.manifest.content_hash != first.manifest.content_hash

    def test_the_content_hash_depends_on_the_content_alone(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        first = prepare_arrays(tmp_path, numbered_images()).manifest
        moved = prepare_arrays(tmp_path / "other", numbered_images()).manifest
        assert moved.source != first.source
        assert replace(moved, source=first.source) == first

    @pytest.mark.parametrize("change", ["train pixel", "test pixel", "class name", "type"])
    def test_the_content_hash_sees_every_change(self, tmp_path: Path, change: str) -> None:
        arrays = numbered_images()
        arrays |= {"x_test": random_images(4, 3, 3), "y_test": np.arange(4) % 2}
        first = prepare_arrays(tmp_path, arrays).manifest
        if change == "train pixel":
            arrays["x_train"][7, 1, 1] += 1
        elif change == "test pixel":
            arrays["x_test"][2, 0, 1] ^= 1
        elif change == "class name":
            arrays["y_train"], arrays["y_test"] = arrays["y_train"] + 1, arrays["y_test"] + 1
        else:
            arrays["x_train"] = arrays["x_train"].astype(np.float32)
            arrays["x_test"] = arrays["x_test"].astype(np.float32)
        assert prepare_arrays(tmp_path, arrays).manifest.content_hash != first.content_hash

    def test_the_manifest_survives_json(self) -> None:
        manifest = prepare_images(ImageTaskConfig(), seed=3, allowance=AMPLE).manifest
        assert from_json(ImageManifest, to_json(manifest), key="manifest.json") == manifest

    def test_preparing_loads_no_torch(self) -> None:
        code = "import sys, nas_lib.tasks; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class TestChannelStatistics:
    def test_uint8_images_are_measured_as_fractions_of_255(self) -> None:
        images = np.zeros((2, 2, 1, 1), np.uint8)
        images[:, 0, 0, 0] = 0, 255  # mean (0 + 1) / 2, variance ((1/2)^2 + (1/2)^2) / 2 = 1/4
        images[:, 1, 0, 0] = 51, 153  # 0.2 and 0.6: mean 0.4, deviation 0.2
        mean, std = channel_statistics(images)
        assert mean == pytest.approx((0.5, 0.4))
        assert std == pytest.approx((0.5, 0.2))

    def test_float_images_are_measured_as_they_are(self) -> None:
        images = np.array([1, 2, 3, 6], np.float32).reshape(2, 1, 1, 2)
        mean, std = channel_statistics(images)
        assert mean == (3.0,)  # (1 + 2 + 3 + 6) / 4
        assert std == pytest.approx((3.5**0.5,))  # (4 + 1 + 0 + 9) / 4 = 3.5

    @pytest.mark.parametrize("kind", [np.uint8, np.float32])
    def test_many_images_agree_with_numpy(self, kind: Any) -> None:
        images = random_images(2500, 3, 4, 4).astype(kind)
        unit = 255 if kind is np.uint8 else 1
        mean, std = channel_statistics(images)
        np.testing.assert_allclose(mean, images.mean((0, 2, 3), dtype=np.float64) / unit)
        np.testing.assert_allclose(std, images.std((0, 2, 3), dtype=np.float64) / unit)

    @pytest.mark.parametrize("value", [np.uint8(77), np.float32(0.1)])
    def test_a_channel_that_never_varies_has_deviation_one(self, value: Any) -> None:
        _, std = channel_statistics(np.full((3000, 1, 3, 3), value))
        assert std == (1.0,)

    def test_the_statistics_are_those_of_the_training_images(self, tmp_path: Path) -> None:
        prepared = prepare_arrays(tmp_path, numbered_images())
        train = load(prepared.search_blob)["train_images"]
        manifest = image_manifest(prepared)
        assert manifest.mean == pytest.approx((train.mean() / 255,))
        assert manifest.std == pytest.approx((train.std() / 255,))
