"""A store below a prefix of an S3 bucket: Amazon's, MinIO or another that speaks S3.

Where the server is and who we are comes from the environment variables that all S3 tools share:
AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN and AWS_REGION. Without keys it is the pod's own identity, as Amazon's cluster
sets it (AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, or AWS_CONTAINER_CREDENTIALS_FULL_URI with
AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE), or the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass

from obstore.store import S3Store as S3Client

from nas_lib.errors import ConfigError
from nas_lib.store.network import (
    NetworkStore,
    bucket_and_prefix,
    client_options,
    first_set,
    retry_config,
)


@dataclass(frozen=True)
class S3Location:
    """A place in S3, and the server that has it.

    Attributes:
        bucket: The bucket's name.
        prefix: What all keys begin with; empty for the whole bucket.
        endpoint: The server's URL.
        region: The bucket's region; most other servers do not care.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @classmethod
    def parse(cls, uri: str) -> S3Location:
        """Return what `s3://bucket/prefix` means in this environment.

        Raises:
            ConfigError: It is no such URI, or the endpoint is no URL.
        """
        bucket, prefix = bucket_and_prefix(uri)
        region = first_set("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"
        return cls(bucket, prefix, _endpoint(region), region)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


class S3Store(NetworkStore):
    """Objects below a prefix of a bucket; the bucket must exist."""

    def __init__(self, uri: str) -> None:
        location = S3Location.parse(uri)
        super().__init__(location.uri, lambda: _connect(location))


def _connect(location: S3Location) -> S3Client:
    return S3Client(
        location.bucket,
        prefix=location.prefix or None,
        endpoint=location.endpoint,
        region=location.region,
        disable_bulk_delete=True,  # needs a request that not every S3 server knows
        client_options=client_options(location.endpoint),
        retry_config=retry_config(),
    )


def _endpoint(region: str) -> str:
    url = first_set("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    url = url or f"https://s3.{region}.amazonaws.com"
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"AWS_ENDPOINT_URL must begin with http:// or https://, got {url!r}")
    return url.rstrip("/")
