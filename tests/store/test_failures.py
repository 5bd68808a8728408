"""What cannot be done is said in one sentence, with the place and what to do."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from faulty_store import DiskWithoutLinks
from small_server import SmallServer, running

from nas_lib.errors import ConfigError, ObjectNotFoundError, StoreError
from nas_lib.store import network, parts
from nas_lib.store.failures import explained, store_error
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


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "-inf", "1e300", "86401"])
def test_a_timeout_that_is_no_time_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", text)
    with pytest.raises(ConfigError, match=f"NAS_STORE_TIMEOUT_S must be .* a day, got '{text}'"):
        open_store("s3://b/p")


@pytest.mark.parametrize(
    ("scheme", "setting", "value", "sentence"),
    [
        ("s3", "AWS_REGION", "eu\n", r"AWS_REGION must be of letters.* got 'eu\\n'"),
        ("s3", "AWS_REGION", "eu west", "AWS_REGION must be of letters, digits and dashes"),
        ("s3", "AWS_ENDPOINT_URL", "http://", "must be like https://host or .* got 'http://'"),
        ("s3", "AWS_ENDPOINT_URL", "http://h:99999", "must be like .* got 'http://h:99999'"),
        ("s3", "AWS_ENDPOINT_URL", "http://[::1", "must be like "),
        ("s3", "AWS_ENDPOINT_URL", "http://a b", "must be like "),
        ("s3", "AWS_ENDPOINT_URL", "http://h\u00fc:1", "must be like "),
        ("s3", "AWS_ENDPOINT_URL", "ftp://h", "must begin with http:// or https://"),
        ("s3", "AWS_ENDPOINT_URL", "http://me:mine@h:x", "must be like .* got 'http://\\*{3}@h:x'"),
        ("s3", "AWS_ENDPOINT_URL_S3", "http://h?a", "AWS_ENDPOINT_URL_S3 must be like "),
        ("s3", "AWS_ACCESS_KEY_ID", "mine\n", "AWS_ACCESS_KEY_ID has a blank, a line break or "),
        ("s3", "AWS_SECRET_ACCESS_KEY", "mine\u00fc", "AWS_SECRET_ACCESS_KEY has a blank"),
        ("s3", "AWS_SESSION_TOKEN", "mine mine", "AWS_SESSION_TOKEN has a blank"),
        ("gs", "GOOGLE_BASE_URL", "http://h:99999", "GOOGLE_BASE_URL must be like "),
        ("az", "AZURE_STORAGE_ENDPOINT", "https://", "AZURE_STORAGE_ENDPOINT must be like "),
        ("az", "AZURE_STORAGE_ACCOUNT_NAME", "a\nb", "AZURE_STORAGE_ACCOUNT_NAME must be of "),
    ],
)
def test_settings_at_which_a_client_would_panic_are_refused_before(
    gcs_uri: str,
    azure_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    setting: str,
    value: str,
    sentence: str,
) -> None:
    del gcs_uri, azure_uri  # only their environment
    monkeypatch.setenv(setting, value)
    with pytest.raises(ConfigError, match=sentence) as caught:
        open_store(f"{scheme}://bucket/p")
    assert caught.value.exit_code == 2
    assert "mine" not in str(caught.value)
    assert "\n" not in str(caught.value)


class PanicException(BaseException):
    """What a client raises that panics; it is no Exception."""


def test_a_client_that_panics_all_the_same_is_one_sentence() -> None:
    with (
        pytest.raises(StoreError, match="cannot read a in s3://b: the store's client broke down"),
        explained("read", "a", "s3://b"),
    ):
        raise PanicException("request valid:\nInvalidUri")


class Refusing(SmallServer):
    """Answers every request with this error."""

    status, code = 500, ""

    def refused(self) -> None:
        self.body()
        self.refuse(self.status, self.code)

    get = head = put = delete = post = refused


CANNOT = {
    (403, "RequestTimeTooSkewed"): (
        "this machine's clock and the server's differ too much; set this machine's",
    )
    * 2,
    (400, "ExpiredToken"): (
        "the credentials have expired; renew AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )
    * 2,
    (403, "AccessDenied"): (
        "these credentials may not write here; check the rights of AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY",
        "the credentials were refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (501, "NotImplemented"): (
        "the server does not implement this; a search needs one that knows create-only writes "
        "(If-None-Match)",
    )
    * 2,
    (301, "PermanentRedirect"): ("the bucket is in another region; set AWS_REGION",) * 2,
    (507, "InsufficientStorage"): ("no space left on the server",) * 2,
    (503, "SlowDown"): ("the server is too busy",) * 2,
    (400, "InvalidArgument"): ("the server answered 400 Bad Request",) * 2,
    (500, "InternalError"): ("the server answered 500 Internal Server Error",) * 2,
}


@pytest.mark.parametrize(("answer", "reasons"), CANNOT.items(), ids=lambda case: str(case))
def test_what_a_server_says_has_its_sentence(
    s3_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, str],
    reasons: tuple[str, str],
) -> None:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1")
    with running(Refusing, status=answer[0], code=answer[1]) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url.replace("//", "//user:canary@"))
        store = open_store(s3_uri)
        for action, reason in zip(("write", "read"), reasons, strict=True):
            said = message(CALLS[action], store)
            assert said == f"cannot {action} a/b in {s3_uri}: {reason}"


@each_call
@each_cloud
def test_a_server_where_nobody_listens_is_given_up(
    cloud: Cloud, uri: str, monkeypatch: pytest.MonkeyPatch, action: str, call: Call
) -> None:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.2)
    # credentials of a pod come from a server, which may be slow on a busy machine
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1" if cloud.fixture == "s3_uri" else "0.5")
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


def test_a_disk_that_can_neither_link_nor_rename_safely_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with gcsfuse."""
    monkeypatch.setattr(parts, "os", DiskWithoutLinks())
    monkeypatch.setattr(parts, "_renamed", lambda part, path: errno.EINVAL)
    store = FolderStore(tmp_path)
    assert message(CALLS["write"], store) == (
        f"cannot write a/b in {tmp_path}: this disk can neither link a file nor rename one without "
        "replacing another, which a search needs; keep it on another disk (of a bucket that is "
        "mounted here: by its own address, such as s3:// or gs://)"
    )
    assert store.keys("") == []
