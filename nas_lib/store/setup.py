"""Making a store ready for searches: `nas store init`.

In S3 it makes the rule that removes checkpoints which a search left behind. Google's and Azure's
rules are made with their own tools, for which this has the words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import ChainedProvider, EnvAWSProvider, IamAwsProvider
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from urllib3.exceptions import HTTPError

from nas_lib.store.clouds import S3Location
from nas_lib.store.create_only import check_create_is_atomic
from nas_lib.store.failures import store_error
from nas_lib.store.network import bucket_and_prefix
from nas_lib.store.open import open_store

CHECKPOINT_DAYS = 30


@dataclass(frozen=True)
class StoreSetup:
    """What `init_store` found and did.

    Attributes:
        uri: The store.
        is_new: The bucket or folder did not exist before.
        expiry: A sentence on when checkpoints that a search left behind are removed.
        num_races: Races between writers, each of which had one winner.
    """

    uri: str
    is_new: bool
    expiry: str
    num_races: int


def init_store(uri: str, *, num_races: int = 4) -> StoreSetup:
    """Make the bucket or folder, let old checkpoints expire, check that `create` is atomic.

    May be repeated at any time. Lifecycle rules know only prefixes, so the rule holds for one
    search: what lies below `<prefix>/checkpoints/` of this very URI. At Google and Azure both the
    bucket and the rule are left to their own tools, and a bucket must be there.

    Args:
        uri: The store: a folder, or one in a bucket.
        num_races: How often to let writers race. Some servers answer them one a second.

    Raises:
        ConfigError: The URI is none of a store.
        StoreError: The store cannot be reached, refuses, or two writers can create one object.
    """
    store = open_store(uri)
    scheme = store.uri.partition("://")[0]
    if scheme == "s3":
        is_new, expiry = _set_up_bucket(S3Location.parse(uri))
        store.keys("checkpoints")  # who may do nothing to the bucket has heard nothing of it yet
    elif scheme in _EXPIRY_RULES:
        store.keys("checkpoints")  # says so if there is no bucket
        is_new, expiry = False, _EXPIRY_RULES[scheme](*bucket_and_prefix(uri))
    else:
        is_new, expiry = not os.path.exists(store.uri), "checkpoints of unfinished children stay"
    check_create_is_atomic(store, num_races)
    return StoreSetup(uri=store.uri, is_new=is_new, expiry=expiry, num_races=num_races)


def _set_up_bucket(location: S3Location) -> tuple[bool, str]:
    try:
        client = _minio(location)
        is_new = _make_bucket(client, location)
        return is_new, _let_checkpoints_expire(client, location)
    except (MinioException, HTTPError, OSError, ValueError) as err:
        raise store_error(err, "set up", "", location.uri) from err


def _minio(location: S3Location) -> Minio:
    url = urlsplit(location.endpoint)
    http = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=3, read=30), retries=urllib3.Retry(3, backoff_factor=0.5)
    )
    return Minio(
        url.netloc,
        secure=url.scheme == "https",
        region=location.region,
        credentials=ChainedProvider([EnvAWSProvider(), IamAwsProvider(http_client=http)]),
        http_client=http,
    )


def _make_bucket(client: Minio, location: S3Location) -> bool:
    if not _is_to_be_made(client, location):
        return False
    try:
        client.make_bucket(location.bucket, location=location.region)
    except S3Error as err:
        if err.code != "BucketAlreadyOwnedByYou":  # somebody was faster
            raise
        return False
    return True


def _is_to_be_made(client: Minio, location: S3Location) -> bool:
    try:
        return not client.bucket_exists(location.bucket)
    except S3Error as err:
        if err.code != "AccessDenied":  # as those hear who may use nothing but their prefix
            raise
        return False


def _let_checkpoints_expire(client: Minio, location: S3Location) -> str:
    prefix = f"{location.prefix}/checkpoints/".lstrip("/")
    rule = Rule(
        status=ENABLED,
        rule_id=f"nas {prefix}",
        rule_filter=Filter(prefix=prefix),
        expiration=Expiration(days=CHECKPOINT_DAYS),
    )
    try:
        present = client.get_bucket_lifecycle(location.bucket)
        others = [old for old in present.rules if old.rule_id != rule.rule_id] if present else []
        client.set_bucket_lifecycle(location.bucket, LifecycleConfig([*others, rule]))
    except S3Error as err:
        if err.code == "AccessDenied":
            return "these credentials may not set the bucket's rules, which remove old checkpoints"
        if err.code not in ("NotImplemented", "MethodNotAllowed"):
            raise
        return f"the store lets no rule remove old checkpoints ({err.code})"
    return f"checkpoints below {prefix} expire after {CHECKPOINT_DAYS} days"


def _google_rule(bucket: str, prefix: str) -> str:
    condition = {"age": CHECKPOINT_DAYS, "matchesPrefix": [f"{prefix}/checkpoints/".lstrip("/")]}
    rule = {"rule": [{"action": {"type": "Delete"}, "condition": condition}]}
    return (
        "checkpoints of unfinished children stay, unless a rule of the bucket removes them: "
        f"gcloud storage buckets update gs://{bucket} --lifecycle-file=FILE "
        f"(instead of its present rules) with {json.dumps(rule)} in the file"
    )


def _azure_rule(container: str, prefix: str) -> str:
    folder = f"{container}/{prefix}".rstrip("/") + "/checkpoints/"
    definition = {
        "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [folder]},
        "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": CHECKPOINT_DAYS}}},
    }
    policy = {"rules": [{"name": "nas", "type": "Lifecycle", "definition": definition}]}
    return (
        "checkpoints of unfinished children stay, unless a rule of the account removes them: "
        "az storage account management-policy create --account-name ACCOUNT "
        f"--resource-group GROUP --policy '{json.dumps(policy)}' (instead of its present rules)"
    )


_EXPIRY_RULES: dict[str, Callable[[str, str], str]] = {"gs": _google_rule, "az": _azure_rule}
