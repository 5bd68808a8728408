"""`nas export`: a model in a folder, where it is, and how to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from exports import searched
from nas_command import Nas

from nas_lib.open_search import OpenSearch


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        yield searched(folder)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def test_a_search_is_exported_into_a_folder_and_its_use_is_told(
    nas: Nas, search: OpenSearch, tmp_path: Path
) -> None:
    folder = tmp_path / "my model"

    code, output, said = nas("export", search.uri, "-o", folder)

    assert (code, output) == (0, "")
    (model,) = search.store.models()
    assert said == (
        f"Model {model} of shapes: {folder}\n"
        f"Use it: nas predict '{folder}' picture.png, or nas serve '{folder}'\n"
    )
    assert (folder / "shapes" / "1" / "model.onnx").is_file()
    assert nas("export", search.uri, "-o", folder)[0] == 0  # the same model
    code, _, said = nas("export", search.uri, "-o", tmp_path)
    assert code == 2
    assert said == (
        f"nas: {tmp_path}: expected an empty folder, or one that holds this model, got one with "
        "other files\n"
    )


def test_a_model_may_stay_in_its_search(nas: Nas, search: OpenSearch) -> None:
    code, _, said = nas("export", search.uri)

    (model,) = search.store.models()
    assert (code, said.splitlines()[0]) == (
        0,
        f"Model {model} of shapes: {search.uri}/models/{model}",
    )


def test_a_place_that_kserve_cannot_fetch_from_is_a_sentence(nas: Nas, search: OpenSearch) -> None:
    code, output, said = nas("export", search.uri, "--kserve")

    assert (code, output) == (2, "")
    assert said.startswith(f"nas: KServe cannot fetch a model from {search.uri}/models/r000-")


def test_an_inference_service_is_printed_alone_on_standard_output(
    nas: Nas, search: OpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas_lib.models.stored import StoredModel

    (model,) = search.store.models()
    uri = f"s3://bucket/search/models/{model}"
    monkeypatch.setattr(StoredModel, "uri", uri)

    code, output, _ = nas("export", search.uri, "--kserve", "--network", model)

    assert code == 0
    assert yaml.safe_load(output)["spec"]["predictor"]["model"]["storageUri"] == uri


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--network", "../x"], "nas: --network: expected the id of a child of {uri} such as r000"),
        (["--network", "r000-000009-00"], "nas: {uri} has no finished child r000-000009-00\n"),
        (["--network", "final-0123abcd"], "nas: {uri} has no final training 0123abcd: it has none"),
    ],
)
def test_a_network_that_is_not_there_is_the_users_input(
    nas: Nas, search: OpenSearch, arguments: list[str], said: str
) -> None:
    code, _, found = nas("export", search.uri, *arguments)

    assert code == 2
    assert found.startswith(said.format(uri=search.uri))


def test_a_place_without_a_search_is_the_users_input(nas: Nas, tmp_path: Path) -> None:
    code, _, said = nas("export", tmp_path)

    assert (code, said) == (2, f"nas: there is no search at {tmp_path}\n")
