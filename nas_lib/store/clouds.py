"""Stores below a prefix of a bucket: of S3 (Amazon's, MinIO or another), of Google, of Azure.

Where the server is and who we are comes from the environment variables that each cloud's own tools
share; each class names its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obstore.store import AzureStore as AzureClient
from obstore.store import GCSStore as GCSClient
from obstore.store import S3Store as S3Client

from nas_lib.errors import ConfigError
from nas_lib.store.environment import address, word
from nas_lib.store.network import NetworkStore, bucket_and_prefix, client_options, retry_config
from nas_lib.store.objects import ObjectInfo


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
        region = word("us-east-1", "AWS_REGION", "AWS_DEFAULT_REGION")
        return cls(bucket, prefix, _endpoint(region), region)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


class S3Store(NetworkStore):
    """Objects below a prefix of an S3 bucket, `s3://bucket/prefix`; the bucket must exist.

    Read are AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN and AWS_REGION. Without keys it is the pod's own identity, as Amazon's cluster
    sets it (AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, or AWS_CONTAINER_CREDENTIALS_FULL_URI
    with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE), or the machine's.
    """

    def __init__(self, uri: str) -> None:
        location = S3Location.parse(uri)
        super().__init__(location.uri, lambda: _connect_s3(location))


def _connect_s3(location: S3Location) -> S3Client:
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
    url = address("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return url or f"https://s3.{region}.amazonaws.com"


class GCSStore(NetworkStore):
    """Objects below a prefix of Google's bucket, `gs://bucket/prefix`; the bucket must exist.

    Who we are is the pod's own identity, which the cluster's metadata server knows (in GKE, the
    Google service account that the pod's Kubernetes one stands for), or a service account's key in
    the file that GOOGLE_APPLICATION_CREDENTIALS names. GOOGLE_BASE_URL is a server other than
    Google's.
    """

    def __init__(self, uri: str) -> None:
        bucket, prefix = bucket_and_prefix(uri)
        super().__init__(
            f"gs://{bucket}/{prefix}".rstrip("/"), lambda: _connect_gcs(bucket, prefix)
        )


def _connect_gcs(bucket: str, prefix: str) -> GCSClient:
    return GCSClient(
        bucket,
        prefix=prefix or None,
        client_options=client_options(address("GOOGLE_BASE_URL")),
        retry_config=retry_config(),
    )


class AzureStore(NetworkStore):
    """Objects below a prefix of a container, `az://container/prefix`; the container must exist.

    AZURE_STORAGE_ACCOUNT_NAME is the storage account. Who we are is the pod's own identity, as the
    workload identity of an Azure cluster sets it (AZURE_CLIENT_ID, AZURE_TENANT_ID and
    AZURE_FEDERATED_TOKEN_FILE), the account's key in AZURE_STORAGE_ACCOUNT_KEY, or the machine's
    identity. AZURE_STORAGE_ENDPOINT is a server other than Azure's.
    """

    def __init__(self, uri: str) -> None:
        container, prefix = bucket_and_prefix(uri)
        uri = f"az://{container}/{prefix}".rstrip("/")
        if not word("", "AZURE_STORAGE_ACCOUNT_NAME"):
            raise ConfigError(
                f"{uri} needs AZURE_STORAGE_ACCOUNT_NAME, the name of its storage account, got none"
            )
        super().__init__(uri, lambda: _connect_azure(container, prefix))

    def _list(self, prefix: str, *, after: str) -> Iterator[ObjectInfo]:
        """Return what lies below a prefix and after a key, of a listing of all of it.

        Azure's own way to begin after a key is young, and its kinds of accounts differ in it.
        """
        return (info for info in super()._list(prefix, after="") if info.key > after)


def _connect_azure(container: str, prefix: str) -> AzureClient:
    # Azure's clusters write it with a slash at its end, and the client adds another.
    authority = address("AZURE_AUTHORITY_HOST")
    return AzureClient(
        container,
        prefix=prefix or None,
        config={"authority_host": authority} if authority else {},
        client_options=client_options(address("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")),
        retry_config=retry_config(),
    )
