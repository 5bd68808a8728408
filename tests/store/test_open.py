from __future__ import annotations

import os
from pathlib import Path

import pytest

from nas_lib.errors import ConfigError
from nas_lib.store.clouds import S3Location
from nas_lib.store.folder import FolderStore
from nas_lib.store.open import open_store


def test_a_path_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("search")
    assert isinstance(store, FolderStore)
    assert store.uri == f"{tmp_path}/search"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert open_store("~/search").uri == "/home/ada/search"


def test_a_file_uri_is_a_folder() -> None:
    assert open_store("file:///tmp/a%20b/").uri == "/tmp/a b"


def test_one_name_is_one_memory() -> None:
    open_store("memory://one").create("a", b"x")
    assert open_store("memory://one").get("a") == b"x"
    assert list(open_store("memory://another").list("")) == []


@pytest.mark.usefixtures("gcs_uri", "azure_uri")
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_the_uri_of_a_cloud_names_bucket_and_prefix(scheme: str) -> None:
    assert open_store(f"{scheme}://bucket/p/q/").uri == f"{scheme}://bucket/p/q"
    assert open_store(f"{scheme}://bucket/").uri == f"{scheme}://bucket"


def test_azure_without_an_account_is_refused(
    azure_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(ConfigError) as caught:
        open_store(azure_uri)
    assert str(caught.value) == (
        f"{azure_uri} needs AZURE_STORAGE_ACCOUNT_NAME, the name of its storage account, got none"
    )


@pytest.mark.parametrize("uri", ["s3://bucket/p/q", "s3://bucket/p/q/"])
def test_an_s3_uri_names_bucket_and_prefix(uri: str) -> None:
    location = S3Location.parse(uri)
    assert (location.bucket, location.prefix) == ("bucket", "p/q")
    assert open_store(uri).uri == "s3://bucket/p/q"


def test_a_prefix_may_be_left_out() -> None:
    assert S3Location.parse("s3://bucket").prefix == ""
    assert open_store("s3://bucket/").uri == "s3://bucket"


def test_s3_is_found_as_other_tools_find_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    assert S3Location.parse("s3://b").endpoint == "https://s3.us-east-1.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000/")
    assert S3Location.parse("s3://b").endpoint == "http://minio:9000"
    assert S3Location.parse("s3://b").region == "us-east-1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert S3Location.parse("s3://b").endpoint == "https://s3.example.org"
    assert S3Location.parse("s3://b").region == "eu-central-1"


@pytest.mark.parametrize(
    "uri",
    [
        *("", "abfs://bucket/p", "file://relative", "s3:/x", "gs:/x", "az:/x", "S3://b/p"),
        *("s3:x", "file:/x", "memory:x", "memory://", "file:///", "hdfs:/x", "/", "//", "a\0b"),
        *("runs/a\nb", "s3://b b/p", "s3://b\u00fc/p"),
        *("s3://", "s3:///p", "s3://b//p", "s3://b/../p", "gs://", "gs:///p", "az://c/../p"),
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="got '"):
        open_store(uri)


def test_a_folder_whose_name_only_looks_like_a_scheme_is_one(tmp_path: Path) -> None:
    assert open_store(f"{tmp_path}/s3:/x").uri == f"{tmp_path}/s3:/x"
    assert open_store("./s3:x").uri.endswith("/s3:x")
    assert open_store("12:30").uri.endswith("/12:30")


def test_bytes_that_are_no_text_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latin_1 = os.fsdecode(b"gr\xf6\xdfe")
    said = r"a store's name must be text in UTF-8, got '.*gr\\udcf6\\udcdfe"
    for uri in (f"runs/{latin_1}", f"s3://b/{latin_1}", f"file:///{latin_1}"):
        with pytest.raises(ConfigError, match=said):
            open_store(uri)
    (tmp_path / latin_1).mkdir()
    monkeypatch.chdir(tmp_path / latin_1)
    with pytest.raises(ConfigError, match=said):
        open_store("runs")


def test_a_place_that_cannot_be_told_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="cannot tell which folder '~nobody-here/x' is: "):
        open_store("~nobody-here/x")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match="cannot tell which folder 'runs' is: "):
        open_store("runs")


def test_an_endpoint_without_a_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "minio:9000")
    with pytest.raises(ConfigError, match="must begin with http:// or https://, got 'minio:9000'"):
        open_store("s3://bucket/p")
