from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from s3_server import S3Server
from small_s3 import running_small_s3

from nas_lib.errors import StoreError
from nas_lib.store.create_only import check_create_is_atomic
from nas_lib.store.folder import FolderStore
from nas_lib.store.obstores import MemoryStore
from nas_lib.store.open import open_store
from nas_lib.store.setup import StoreSetup, init_store


@pytest.fixture
def client(s3_server: S3Server) -> Minio:
    return Minio(
        s3_server.endpoint.removeprefix("http://"),
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        secure=False,
        region="us-east-1",
    )


@pytest.mark.usefixtures("s3_uri")
def test_a_bucket_is_made_and_its_old_checkpoints_expire(client: Minio) -> None:
    bucket = f"new-{uuid4().hex[:8]}"
    uri = f"s3://{bucket}/my/search"
    assert init_store(uri, num_races=1) == StoreSetup(
        uri=uri,
        is_new=True,
        expiry="checkpoints below my/search/checkpoints/ expire after 30 days",
        num_races=1,
    )
    (rule,) = client.get_bucket_lifecycle(bucket).rules
    assert (rule.rule_filter.prefix, rule.expiration.days) == ("my/search/checkpoints/", 30)
    assert list(open_store(uri).list("")) == []


@pytest.mark.usefixtures("s3_uri")
def test_doing_it_again_keeps_what_is_there(client: Minio) -> None:
    bucket = f"old-{uuid4().hex[:8]}"
    client.make_bucket(bucket)
    others = Rule(
        status=ENABLED,
        rule_id="logs",
        rule_filter=Filter(prefix="logs/"),
        expiration=Expiration(days=7),
    )
    client.set_bucket_lifecycle(bucket, LifecycleConfig([others]))
    for _ in range(2):
        assert not init_store(f"s3://{bucket}", num_races=1).is_new
    rules = client.get_bucket_lifecycle(bucket).rules
    assert {rule.rule_filter.prefix for rule in rules} == {"logs/", "checkpoints/"}


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    found = init_store(str(tmp_path / "search"))
    assert found.is_new
    assert (tmp_path / "search").is_dir()
    assert list(FolderStore(tmp_path / "search").list("")) == []
    assert not init_store(str(tmp_path / "search")).is_new


@pytest.fixture
def small_s3_settings(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url)


def test_a_server_that_knows_no_rules_is_good_enough(
    small_s3_settings: Callable[[str], None],
) -> None:
    with running_small_s3(heeds_conditions=True) as url:
        small_s3_settings(url)
        assert init_store("s3://bucket/p").expiry == (
            "the store lets no rule remove old checkpoints (NotImplemented)"
        )


def test_a_server_that_ignores_conditions_is_refused(
    small_s3_settings: Callable[[str], None],
) -> None:
    with running_small_s3(heeds_conditions=False) as url:
        small_s3_settings(url)
        with pytest.raises(StoreError) as caught:
            init_store("s3://bucket/p")
    assert str(caught.value) == (
        "s3://bucket/p cannot hold a search: 8 of 8 writers were told that they created the same "
        "object, expected one (does it support If-None-Match?)"
    )


class LookThenWrite(MemoryStore):
    """Sees that there is no object, and writes one a moment later."""

    def create(self, key: str, data: bytes) -> bool:
        if any(info.key == key for info in self.list("")):
            return False
        time.sleep(0.01)
        self.replace(key, data)
        return True


def test_a_store_that_looks_before_it_writes_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot hold a search"):
        check_create_is_atomic(LookThenWrite(uuid4().hex), 4)


def test_who_may_use_nothing_but_a_prefix_can_check_it(
    s3_server: S3Server, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.limited.items():
        monkeypatch.setenv(name, value)
    bucket = s3_uri.removeprefix("s3://").partition("/")[0]
    uri = f"s3://{bucket}/limited/{uuid4().hex}"

    assert init_store(uri, num_races=1) == StoreSetup(
        uri=uri,
        is_new=False,
        expiry="these credentials may not set the bucket's rules, which remove old checkpoints",
        num_races=1,
    )
    with pytest.raises(StoreError, match="the credentials were refused"):
        init_store(s3_uri)
    with pytest.raises(StoreError, match="the bucket does not exist"):
        init_store("s3://nowhere/limited/search")


def test_wrong_credentials_are_refused(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError, match=f"cannot set up {s3_uri}: the credentials were refused"):
        init_store(s3_uri)


@pytest.mark.usefixtures("s3_uri")
def test_an_endpoint_where_nobody_listens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match="cannot reach the server; is AWS_ENDPOINT_URL right"):
        init_store("s3://bucket/p")


@pytest.mark.parametrize(
    ("cloud", "rule"),
    [
        (
            "gcs_uri",
            "checkpoints of unfinished children stay, unless a rule of the bucket removes them: "
            "gcloud storage buckets update gs://tests --lifecycle-file=FILE (instead of its "
            'present rules) with {"rule": [{"action": {"type": "Delete"}, "condition": '
            '{"age": 30, "matchesPrefix": ["PREFIX/checkpoints/"]}}]} in the file',
        ),
        (
            "azure_uri",
            "checkpoints of unfinished children stay, unless a rule of the account removes them: "
            "az storage account management-policy create --account-name ACCOUNT --resource-group "
            """GROUP --policy '{"rules": [{"name": "nas", "type": "Lifecycle", "definition": """
            '{"filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["tests/PREFIX/checkpoints/"]'
            '}, "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}}}}]}'
            "' (instead of its present rules)",
        ),
    ],
)
def test_the_buckets_of_other_clouds_are_checked_and_left_as_they_are(
    cloud: str, rule: str, request: pytest.FixtureRequest
) -> None:
    uri = request.getfixturevalue(cloud)
    prefix = uri.rpartition("/")[2]
    assert init_store(uri, num_races=1) == StoreSetup(
        uri=uri, is_new=False, expiry=rule.replace("PREFIX", prefix), num_races=1
    )
    assert list(open_store(uri).list("")) == []


def test_a_bucket_of_another_cloud_that_is_missing_is_said_with_the_command(gcs_uri: str) -> None:
    del gcs_uri  # only its environment
    with pytest.raises(StoreError, match="make it with `gcloud storage buckets create gs://new "):
        init_store("gs://new/p")
