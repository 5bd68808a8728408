"""A copy of what lies in a bucket: the same files, fetched once, and never anything else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_proxy import faulty_proxy
from s3_server import S3Server

from nas_lib.buckets import copy, fetched, listed
from nas_lib.buckets.listing import check_names
from nas_lib.errors import ConfigError, DataError, StoreAwayError, StoreError
from nas_lib.store.network import NetworkStore
from nas_lib.store.objects import ObjectInfo
from nas_lib.store.open import open_bucket

FILES = {
    "cat/1.png": b"one",
    "cat/large one.png": os.urandom(3000),
    "dog/empty": b"",
    "dog/\u65e5\u672c %20+.png": b"two",
}


@pytest.fixture
def store(s3_uri: str) -> NetworkStore:
    store = open_bucket(s3_uri)
    for key, data in FILES.items():
        store.replace(key, data)
    return store


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the keys of which parts are asked for, a kilobyte at a time."""
    monkeypatch.setattr(copy, "_PIECE", 1000)
    keys: list[str] = []
    part = NetworkStore.part

    def noted(self: NetworkStore, key: str, begin: int, end: int) -> tuple[bytes, ObjectInfo]:
        keys.append(key)
        return part(self, key, begin, end)

    monkeypatch.setattr(NetworkStore, "part", noted)
    return keys


def files_of(uri: str) -> dict[str, bytes]:
    with fetched(uri) as here:
        paths = [path for path in here.path.rglob("*") if path.is_file()]
        return {path.relative_to(here.path).as_posix(): path.read_bytes() for path in paths}


def test_files_are_those_of_the_bucket_by_their_names(store: NetworkStore) -> None:
    assert files_of(store.uri) == files_of(f"{store.uri}/") == FILES


def test_one_object_is_one_file(store: NetworkStore) -> None:
    with fetched(f"{store.uri}/cat/1.png") as here:
        assert (here.path.name, here.path.read_bytes()) == ("1.png", b"one")


def test_only_what_changed_is_fetched_again(store: NetworkStore, asked: list[str]) -> None:
    files_of(store.uri)
    # 3,000 bytes are 3 parts of 1,000; for an empty file nobody asks
    assert {key: asked.count(key) for key in FILES} == dict(zip(FILES, (1, 3, 0, 1), strict=True))
    asked.clear()
    assert files_of(store.uri) == FILES
    assert asked == []

    store.replace("cat/1.png", b"new")
    store.delete("dog/empty")
    store.replace("dog", b"a file now")
    store.delete("dog/\u65e5\u672c %20+.png")
    assert files_of(store.uri) == {
        "cat/1.png": b"new",
        "cat/large one.png": FILES["cat/large one.png"],
        "dog": b"a file now",
    }
    assert sorted(asked) == ["cat/1.png", "dog"]


def test_a_file_that_somebody_changed_in_the_copy_is_fetched_again(
    store: NetworkStore, asked: list[str]
) -> None:
    with fetched(store.uri) as here:
        (here.path / "cat/1.png").write_bytes(b"eno")
        (here.path / "mine.png").write_bytes(b"x")
    asked.clear()
    assert files_of(store.uri) == FILES
    assert asked == ["cat/1.png"]


def test_a_fetching_that_broke_off_is_gone_on_with(
    store: NetworkStore, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = NetworkStore.part

    def broken(self: NetworkStore, key: str, begin: int, end: int) -> tuple[bytes, ObjectInfo]:
        if begin == 2000:
            raise StoreAwayError("the server is away")
        return part(self, key, begin, end)

    with monkeypatch.context() as patched:
        patched.setattr(NetworkStore, "part", broken)
        with pytest.raises(StoreAwayError, match="the server is away"):
            files_of(store.uri)
    fetched_before = set(asked)
    asked.clear()

    assert files_of(store.uri) == FILES
    assert set(asked) & fetched_before == {"cat/large one.png"}
    assert asked.count("cat/large one.png") == 1  # the last of its 3 parts


def test_a_part_of_an_object_that_became_another_is_not_gone_on_with(
    store: NetworkStore, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    test_a_fetching_that_broke_off_is_gone_on_with(store, asked, monkeypatch)
    old = listed(store.uri)
    place = copy.Copy(old)
    (large,) = [info for info in old.objects if info.size == 3000]
    place._part(large).write_bytes(FILES["cat/large one.png"][:1000])
    (place.files / large.key).unlink()
    store.replace(large.key, bytes(3000))  # between the listing and the fetching

    place.bring_up_to_date()

    assert (place.files / large.key).read_bytes() == bytes(3000)


def test_a_part_is_never_gone_on_with_by_an_object_that_comes_a_moment_later(
    store: NetworkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copy.Copy(listed(store.uri))
    (large,) = [info for info in place._listing.objects if info.size == 3000]
    place._parts.mkdir(parents=True)
    place._part(large).write_bytes(FILES["cat/large one.png"][:1000])
    find = NetworkStore.find

    def replaced(self: NetworkStore, key: str) -> ObjectInfo | None:
        found = find(self, key)
        self.replace(key, bytes(3000))
        return found

    monkeypatch.setattr(NetworkStore, "find", replaced)
    with pytest.raises(DataError, match=r"cat/large one\.png: became another while it was fetched"):
        place.bring_up_to_date()


def test_an_object_that_changes_while_it_is_fetched_is_refused(
    store: NetworkStore, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = NetworkStore.part

    def late(self: NetworkStore, key: str, begin: int, end: int) -> tuple[bytes, ObjectInfo]:
        if begin == 1000:
            self.replace(key, bytes(3000))
        return part(self, key, begin, end)

    monkeypatch.setattr(NetworkStore, "part", late)
    with pytest.raises(DataError, match=r"cat/large one\.png: became another while it was fetched"):
        files_of(store.uri)


def test_answers_that_break_off_and_busy_servers_are_no_obstacle(
    store: NetworkStore, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_proxy(s3_server.endpoint, seed=0, hang_s=1) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        for fault in ("503 slow down", "answer cut off", "dropped after it was done"):
            proxy.arm(fault)
            store.replace("cat/1.png", fault.encode())
            proxy.arm(fault)
            assert files_of(store.uri)["cat/1.png"] == fault.encode()
        assert sum(proxy.counts.values()) >= 3


def test_what_stands_for_folders_and_what_systems_leave_is_passed_over(
    store: NetworkStore,
) -> None:
    for key in ("dog", ".git/config", "cat/.DS_Store", "__MACOSX/cat/1.png"):
        store.replace(key, b"")  # a console writes an empty object for a new folder

    assert files_of(store.uri) == FILES


def test_a_copy_that_another_process_reads_is_waited_for(
    store: NetworkStore, capfd: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import sys; from nas_lib.buckets import fetched\n"
        "with fetched(sys.argv[1]) as here: print('read', len(list(here.path.rglob('*.png'))))"
    )
    with fetched(store.uri):
        other = subprocess.Popen(
            [sys.executable, "-c", script, store.uri],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = other.stderr.readline()
        assert said == f"nas: waiting for another process that reads the copy of {store.uri}\n"
        assert other.poll() is None
    assert other.communicate(timeout=30)[0] == "read 3\n"


def test_errors_name_the_bucket_and_not_the_copy(store: NetworkStore) -> None:
    with pytest.raises(DataError) as caught, fetched(store.uri) as here:
        raise DataError(f"{here.path}/cat: expected images, got none")

    assert str(caught.value) == f"{store.uri}/cat: expected images, got none"


def test_what_the_disk_has_no_room_for_is_not_begun(
    store: NetworkStore, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: (10**6, 10**6 - 3005, 3005))
    with pytest.raises(StoreError, match=f"^{store.uri} takes 0.0 GiB on the disk of "):
        files_of(store.uri)  # 3 + 3,000 + 0 + 3 bytes
    assert asked == []


def test_more_objects_than_anybody_has_are_refused(
    store: NetworkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas_lib.buckets.listing._MOST_OBJECTS", 3)
    with pytest.raises(DataError, match="expected at most 3 objects below it, got more: give the"):
        listed(store.uri)


def test_names_that_a_disk_does_not_tell_apart_are_refused(
    store: NetworkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.replace("Cat/1.png", b"x")
    assert len(files_of(store.uri)) == 5

    monkeypatch.setattr(copy, "_tells_case", lambda folder: False)
    with pytest.raises(DataError, match=r"'Cat/1.png' and 'cat/1.png' are one name on the disk of"):
        files_of(store.uri)


def test_a_long_fetching_says_how_far_it_is(
    store: NetworkStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files_of(store.uri)
    assert capsys.readouterr().err == ""  # of a short one nothing is said

    monkeypatch.setattr("nas_lib.buckets.progress._EVERY_S", 0.0)
    monkeypatch.setenv("NAS_CACHE", str(Path(os.environ["NAS_CACHE"]) / "another"))
    files_of(store.uri)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(f"nas: fetching {store.uri}: \\d of 4 files, 0 of 0 MiB", first)
    assert last == f"nas: fetched {store.uri}: 4 files in 0 s"


def infos(*keys: str) -> list[ObjectInfo]:
    return [ObjectInfo(key, 1, "", 0.0) for key in keys]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (["../x"], "'../x' cannot be a file: it leads out of its folder"),
        (["/etc/x"], "'/etc/x' cannot be a file: it leads out of its folder"),
        (["a/./x"], "'a/./x' cannot be a file: it leads out of its folder"),
        (["a\0b"], "it has a NUL in it"),
        (["\u00e9" * 128], "it has a part of more than 255 bytes"),  # 2 bytes each
        (["a", "a/b"], "'a' cannot be a file: it is an object, and a folder of others, too"),
    ],
)
def test_keys_that_can_be_no_files_are_named(keys: list[str], why: str) -> None:
    with pytest.raises(DataError, match=f"^s3://b/p: .*{re.escape(why)}$"):
        check_names("s3://b/p", infos(*keys))


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), unique=True, max_size=6))
def test_keys_that_are_not_refused_stay_in_their_folder(keys: list[str]) -> None:
    root = Path("/copy/files")
    try:
        check_names("s3://b/p", infos(*keys))
    except DataError:
        return
    paths = [Path(os.path.normpath(root / key)) for key in keys]
    assert all(root in path.parents for path in paths)
    assert not any(path in other.parents for path in paths for other in paths)


def test_an_address_without_a_bucket_is_none() -> None:
    with pytest.raises(ConfigError, match="expected s3://bucket/prefix, got 's3://'"):
        listed("s3://")


def test_refused_credentials_and_a_server_that_is_away_are_a_sentence_each(
    s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(StoreError, match=f"^cannot list {s3_uri}: the credentials were refuse"):
            listed(s3_uri)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("nas_lib.store.network._GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1")
    with pytest.raises(StoreError, match=f"^cannot list {s3_uri}: cannot reach the server; is AWS"):
        listed(s3_uri)
