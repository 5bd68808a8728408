"""What is in a graph of series besides the network, and how a model of one is used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_infos import model_info
from nas_command import Nas
from safetensors.torch import save_file
from served import ask, ask_json, served
from toy_models import write_model
from toy_series import CLASSES, SERIES_PLAN, toy_series, ts_text

from nas_lib.config import SearchConfig, SeriesCnnSpaceConfig, SeriesTableData, SeriesTaskConfig
from nas_lib.data import BlobInfo, LocalData
from nas_lib.errors import DataError
from nas_lib.export.children import opened
from nas_lib.export.exporter import MAX_DIFFERENCE
from nas_lib.export.series import SeriesExporter
from nas_lib.models import SeriesModel, open_model
from nas_lib.networks import build_network
from nas_lib.tasks.series.fitting import each_standardised
from nas_lib.tasks.series.preparation import SeriesManifest

NUM = 20


def exporter_of(folder: Path, **data: Any) -> SeriesExporter:
    """Return the exporter of a network that has seen some series."""
    torch.manual_seed(0)
    series = toy_series(NUM, seed=3)[0].astype(np.float32)
    mean, std = (0.0, 100.0), (1.0, 10.0)
    if data.get("standardise") == "each":
        series, mean, std = each_standardised(series), (0.0, 0.0), (1.0, 1.0)
    stored = torch.from_numpy(series)[:, :, None]
    parts = {f"{part}_images": stored.clone() for part in ("train", "valid")}
    labels = {f"{part}_labels": torch.zeros(NUM, dtype=torch.int64) for part in ("train", "valid")}
    blob = folder / "series.safetensors"
    save_file({**parts, **labels}, blob)
    manifest = SeriesManifest(
        content_hash="toy",
        source="toy",
        num_train=NUM,
        num_valid=NUM,
        num_test=0,
        search_blob=BlobInfo.of(b""),
        test_blob=BlobInfo.of(b""),
        class_names=CLASSES,
        image_shape=(2, 1, 16),
        dtype="float32",
        mean=mean,
        std=std,
    )
    network = build_network(SERIES_PLAN, image_shape=(2, 1, 16), num_classes=3)
    with torch.no_grad():  # so that BatchNorm's averages are not those it begins with
        network(torch.randn(8, 2, 1, 16))
    task = SeriesTaskConfig(data=SeriesTableData(path=".", **data))
    config = SearchConfig(name="toy", task=task, space=SeriesCnnSpaceConfig())
    return SeriesExporter(network.eval(), manifest, LocalData(blob), config)


def written(folder: Path, **data: Any) -> SeriesModel:
    exporter = exporter_of(folder, **data)
    info = replace(model_info(exporter.inputs), name="toy", labels=CLASSES)
    write_model(str(folder / "model"), "", info, exporter.graphs())
    model = open_model(str(folder / "model"), threads=1)
    assert isinstance(model, SeriesModel)
    return model


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def model(place: Path) -> SeriesModel:
    return written(place, lengths="pad", missing="interpolate")


@pytest.mark.parametrize("standardise", ["all", "each"])
def test_a_graph_says_of_raw_series_what_torch_says_of_stored_ones(
    tmp_path: Path, standardise: str
) -> None:
    exporter = exporter_of(tmp_path, standardise=standardise)

    parity = exporter.parity(opened(exporter.graphs()))

    assert not exporter.misfit(parity)
    assert parity.max_difference <= MAX_DIFFERENCE
    assert (parity.num_examples, parity.agreement) == (NUM, 1.0)
    assert ("at a scale of its own" in parity.compared) == (standardise == "each")


def test_a_flat_channel_of_a_series_standardised_by_itself_is_zero(tmp_path: Path) -> None:
    model = written(tmp_path, standardise="each")
    series = np.stack([np.full((2, 16), level, np.float32) for level in (0, 7, 1e6)])

    found = model.predict(series).probabilities

    np.testing.assert_allclose(found, found[[0, 0, 0]], atol=1e-6)


def test_series_may_be_given_in_many_ways(model: SeriesModel, tmp_path: Path) -> None:
    series, labels = toy_series(3, seed=8)
    np.save(tmp_path / "x.npy", series)
    np.savez(tmp_path / "x.npz", x=series, y=[0, 1, 2])
    (tmp_path / "x.ts").write_text(ts_text(series, labels))
    rows = [
        f"{name},{step},{one!r},{other!r}"
        for name, each in enumerate(series)
        for step, (one, other) in enumerate(each.T.tolist())
    ]
    (tmp_path / "x.csv").write_text("\n".join(["series,time,a,b", *rows]))

    wanted = model.predict(series)

    assert len(wanted) == 3
    assert repr(wanted) == "Predictions(3 series, 3 classes)"
    for name in ("x.npy", "x.npz", "x.ts", "x.csv"):
        found = model.predict(tmp_path / name).probabilities
        np.testing.assert_allclose(found, wanted.probabilities, atol=1e-6)
    listed = model.predict([*series]).probabilities
    np.testing.assert_array_equal(listed, wanted.probabilities)
    np.testing.assert_allclose(
        model.predict(series[0]).probabilities, wanted.probabilities[:1], atol=1e-6
    )


def test_other_lengths_and_gaps_become_what_they_became_in_training(model: SeriesModel) -> None:
    series = toy_series(1, seed=8)[0]
    short, held = series[:, :, :10], series.copy()
    held[:, :, 10:] = series[:, :, 9:10]

    found = model.predict(short).probabilities

    np.testing.assert_allclose(found, model.predict(held).probabilities, atol=1e-6)
    gap = series.copy()
    gap[0, 0, 4], series[0, 0, 4] = np.nan, (series[0, 0, 3] + series[0, 0, 5]) / 2
    found = model.predict(gap).probabilities
    np.testing.assert_allclose(found, model.predict(series).probabilities, atol=1e-6)


@pytest.mark.parametrize(
    ("series", "wrong"),
    [
        (np.zeros((1, 3, 16)), "expected series of 2 channels, got series 0 of shape"),
        (np.full((1, 2, 16), np.inf), "must be finite numbers"),
        (np.array(["a"]), "expected series as numbers"),
        ([np.zeros((1, 2, 16))], "expected a series as numbers"),
    ],
)
def test_what_is_no_such_series_is_refused(model: SeriesModel, series: Any, wrong: str) -> None:
    with pytest.raises(DataError, match=wrong):
        model.predict(series)


def test_a_model_of_one_length_refuses_others(tmp_path: Path) -> None:
    model = written(tmp_path)

    with pytest.raises(DataError, match="which has 9: the model's data all had so many"):
        model.predict(np.zeros((1, 2, 9)))


def test_predict_says_what_each_series_of_a_file_is(
    model: SeriesModel, place: Path, tmp_path: Path, nas: Nas
) -> None:
    series, labels = toy_series(2, seed=8)
    (tmp_path / "x.ts").write_text(ts_text(series, labels))

    code, told, _ = nas("predict", place / "model", tmp_path / "x.ts", "--json", "--top", "1")

    said = [json.loads(line) for line in told.splitlines()]
    assert code == 0
    assert [each["file"] for each in said] == [f"{tmp_path / 'x.ts'}[{index}]" for index in (0, 1)]
    assert tuple(each["label"] for each in said) == model.predict(series).labels


def test_a_model_is_served_to_programs_and_on_a_page(model: SeriesModel, place: Path) -> None:
    series = toy_series(1, seed=8)[0].astype(np.float32)
    text = "\n".join(" ".join(map(str, channel)) for channel in series[0].tolist())
    tensor = {"name": "series", "shape": [1, 2, 16], "datatype": "FP32", "data": series.tolist()}

    with served(place / "model") as url:
        _, answer = ask_json(f"{url}/v2/models/toy/infer", {"inputs": [tensor]})
        status, _, said = ask(f"{url}/predict", text.encode())
        refused = ask(f"{url}/predict", b"1 2\n3")

    wanted = model.predict(series)
    found = {each["name"]: each["data"] for each in answer["outputs"]}
    np.testing.assert_allclose(found["probabilities"], wanted.probabilities[0], atol=1e-6)
    assert (status, json.loads(said)["best"][0]["label"]) == (200, wanted.labels[0])
    assert refused[0] == 400
    assert b"equally many numbers in a line for each channel, got 2, 1" in refused[2]
