"""What cannot be done is said in one sentence, with the place and what to do."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nas_lib.errors import ConfigError, ObjectNotFoundError, StoreError
from nas_lib.store import network
from nas_lib.store.failures import store_error
from nas_lib.store.folder import FolderStore
from nas_lib.store.objects import ObjectStore
from nas_lib.store.open import open_store

Call = Callable[[ObjectStore], object]

CALLS: dict[str, Call] = {
    "read": lambda store: store.get("a/b"),
    "write": lambda store: store.create("a/b", b"x"),
    "delete": lambda store: store.delete("a/b"),
    "list": lambda store: store.list("a/b"),
}
each_call = pytest.mark.parametrize(("action", "call"), CALLS.items(), ids=CALLS)


def message(call: Call, store: ObjectStore) -> str:
    with pytest.raises(StoreError) as caught:
        call(store)
    assert not isinstance(caught.value, ObjectNotFoundError)
    return str(caught.value)


@dataclass(frozen=True)
class Cloud:
    """One kind of store behind a network, and what is said of it."""

    fixture: str
    elsewhere: str  # a place in a bucket that does not exist
    wrong: dict[str, str]  # settings with which the credentials are refused
    refused: str
    missing: str
    address: str


CLOUDS = {
    "s3": Cloud(
        fixture="s3_uri",
        elsewhere="s3://nowhere/p",
        wrong={"AWS_SECRET_ACCESS_KEY": "wrong"},
        refused="check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        missing="the bucket does not exist; make it with `nas store init s3://nowhere/p`",
        address="AWS_ENDPOINT_URL",
    ),
    "gs": Cloud(
        fixture="gcs_uri",
        elsewhere="gs://nowhere/p",
        wrong={"GOOGLE_BEARER_TOKEN": "wrong"},
        refused="check the pod's service account or GOOGLE_APPLICATION_CREDENTIALS",
        missing="the bucket does not exist; make it with `gcloud storage buckets create "
        "gs://nowhere --uniform-bucket-level-access`",
        address="GOOGLE_BASE_URL",
    ),
    "az": Cloud(
        fixture="azure_uri",
        elsewhere="az://nowhere/p",
        wrong={"AZURE_STORAGE_TOKEN": "wrong"},
        refused="check the pod's identity or AZURE_STORAGE_ACCOUNT_KEY",
        missing="the container does not exist; make it with `az storage container create "
        "--name nowhere --auth-mode login --account-name $AZURE_STORAGE_ACCOUNT_NAME`",
        address="AZURE_STORAGE_ACCOUNT_NAME",
    ),
}
ADDRESSES = ("AWS_ENDPOINT_URL", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT")
each_cloud = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)


@pytest.fixture
def uri(cloud: Cloud, request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(cloud.fixture)


@each_call
@each_cloud
def test_wrong_credentials_are_refused(
    cloud: Cloud, uri: str, monkeypatch: pytest.MonkeyPatch, action: str, call: Call
) -> None:
    for name, value in cloud.wrong.items():
        monkeypatch.setenv(name, value)
    assert message(call, open_store(uri)) == (
        f"cannot {action} a/b in {uri}: the credentials were refused; {cloud.refused}"
    )


@pytest.mark.usefixtures("uri")
@each_call
@each_cloud
def test_a_missing_bucket_is_named(cloud: Cloud, action: str, call: Call) -> None:
    assert message(call, open_store(cloud.elsewhere)) == (
        f"cannot {action} a/b in {cloud.elsewhere}: {cloud.missing}"
    )


@pytest.mark.parametrize("text", ["soon", "0", "-1"])
def test_a_timeout_that_is_no_time_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", text)
    with pytest.raises(ConfigError, match=f"NAS_STORE_TIMEOUT_S must be .* above 0, got '{text}'"):
        open_store("s3://b/p")


@each_call
@each_cloud
def test_a_server_where_nobody_listens_is_given_up(
    cloud: Cloud, uri: str, monkeypatch: pytest.MonkeyPatch, action: str, call: Call
) -> None:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.2)
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1")
    for name in ADDRESSES:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert message(call, open_store(uri)) == (
        f"cannot {action} a/b in {uri}: cannot reach the server; is {cloud.address} right?"
    )


@pytest.mark.parametrize(
    "text",  # of obstore and of minio, when they asked for a cloud machine's own credentials
    [
        "Error performing PUT http://169.254.169.254/latest/api/token in 1s",
        "All providers fail to fetch credentials",
    ],
)
def test_missing_credentials_are_said(text: str) -> None:
    assert str(store_error(RuntimeError(text), "read", "a", "s3://b")) == (
        "cannot read a in s3://b: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def test_an_unknown_failure_keeps_its_first_line() -> None:
    err = RuntimeError("Slow down\n\nDebug source: ...")
    assert str(store_error(err, "list", "", "s3://b")) == "cannot list s3://b: slow down"


@each_cloud
def test_a_cloud_in_a_fork_is_refused_and_does_not_hang(cloud: Cloud, uri: str) -> None:
    store = open_store(uri)
    store.create("a", b"x")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.get("a")
        except StoreError as err:
            code = 7 if "in a process forked from one that used such" in str(err) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 256 KiB; without the right to mount one, a limit of that size."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode == 0:
        yield tmp_path
        subprocess.run(["umount", str(tmp_path)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, limits[1]))
    yield tmp_path
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_said_and_leaves_no_object(small_disk: Path) -> None:
    store = FolderStore(small_disk)
    assert message(lambda store: store.create("a", bytes(512 * 1024)), store) in (
        f"cannot write a in {small_disk}: no space left on device",
        f"cannot write a in {small_disk}: file too large",
    )
    assert list(store.list("")) == []
    assert store.create("a", bytes(100 * 1024))  # what was half written takes no room


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that this process may read, not write; root becomes somebody else for a while."""
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to anybody else
    FolderStore(folder).create("a", b"x")
    for path in (folder, folder / ".staging"):
        path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    for path in (folder, folder / ".staging"):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("write", lambda store: store.create("a", b"y")),
        ("write", lambda store: store.replace("a", b"y")),
        ("delete", lambda store: store.delete("a")),
    ],
)
def test_a_folder_one_may_not_write_to_is_named(
    locked_folder: Path, action: str, call: Call
) -> None:
    store = FolderStore(locked_folder)
    assert message(call, store) == f"cannot {action} a in {locked_folder}: permission denied"
    assert store.get("a") == b"x"
