"""What is read of the user's data in a bucket: some of a listing, one entry, parts of objects."""

from __future__ import annotations

import os

import pytest
import small_gcs
from small_server import running

from nas_lib.buckets import is_there, listed
from nas_lib.errors import DataError, ObjectNotFoundError
from nas_lib.store.network import NetworkStore
from nas_lib.store.open import open_bucket


@pytest.fixture(params=["s3_uri", "gcs_uri", "azure_uri"])
def uri(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(uri: str) -> NetworkStore:
    return open_bucket(uri)


def test_no_more_is_listed_than_is_asked_for(store: NetworkStore) -> None:
    for key in ("b", "a/1", "c"):
        store.replace(key, b"x")

    assert [info.key for info in store.first(9)] == ["a/1", "b", "c"]
    assert len(store.first(2)) == 2


def test_one_object_is_found_as_it_is_listed(store: NetworkStore) -> None:
    store.replace("a/1", b"four")

    (listed_one,) = store.first(9)
    assert store.find("a/1") == listed_one
    assert store.find("a") is None


def test_parts_of_an_object_make_the_whole(store: NetworkStore) -> None:
    data = os.urandom(1000)
    store.replace("large", data)

    parts = [store.part("large", at, min(at + 300, 1000)) for at in range(0, 1000, 300)]

    assert b"".join(part for part, _ in parts) == data
    assert {(info.size, info.version) for _, info in parts} == {(1000, store.find("large").version)}
    with pytest.raises(ObjectNotFoundError):
        store.part("small", 0, 1)


def test_an_address_is_that_of_a_folder_or_of_one_object(uri: str, store: NetworkStore) -> None:
    store.replace("photos/cat/1.png", b"12")
    store.replace("photos/readme", b"345")

    folder, one = listed(f"{uri}/photos/"), listed(f"{uri}/photos/readme")

    assert [info.key for info in folder.objects] == ["cat/1.png", "readme"]
    assert (folder.uri, folder.num_bytes, folder.is_one) == (f"{uri}/photos", 5, False)
    assert ([info.key for info in one.objects], one.is_one) == (["readme"], True)
    assert [is_there(f"{uri}/{name}") for name in ("photos", "photos/readme", "ph")] == [
        *(True, True, False)
    ]
    with pytest.raises(DataError, match=r"/ph: expected data, got no object of that name or below"):
        listed(f"{uri}/ph")


def test_a_bucket_that_is_not_there_is_said_to_be_none(uri: str) -> None:
    scheme = uri.partition("://")[0]

    assert not is_there(f"{scheme}://nowhere/photos")
    with pytest.raises(DataError, match=f"^{scheme}://nowhere/photos: there is no such bucket$"):
        listed(f"{scheme}://nowhere/photos")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("../evil", 'illegal character sequence ".."'),
        ("./evil", 'illegal character sequence "."'),
        ("cat//evil", "empty path segment"),
        ("/evil", "empty path segment"),
    ],
)
def test_names_that_lead_out_of_their_folder_are_refused_unread(
    gcs_uri: str, key: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(small_gcs.SmallGCS, objects={f"photos/{key}": b"x"}) as url:
        monkeypatch.setenv("GOOGLE_BASE_URL", url)
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://"))
        with pytest.raises(
            DataError, match=r"gs://tests/photos: a name there can be that of no "
        ) as caught:
            listed("gs://tests/photos")
    assert why in str(caught.value)
