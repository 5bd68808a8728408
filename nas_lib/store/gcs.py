"""A store below a prefix of a bucket in Google Cloud Storage.

Who we are is the pod's own identity, which the cluster's metadata server knows (in GKE, the Google
service account that the pod's Kubernetes one stands for), or a service account's key in the file
that GOOGLE_APPLICATION_CREDENTIALS names. GOOGLE_BASE_URL is a server other than Google's.
"""

from __future__ import annotations

from obstore.store import GCSStore as GCSClient

from nas_lib.store.network import (
    NetworkStore,
    bucket_and_prefix,
    client_options,
    first_set,
    retry_config,
)


class GCSStore(NetworkStore):
    """Objects below a prefix of a bucket, `gs://bucket/prefix`; the bucket must exist."""

    def __init__(self, uri: str) -> None:
        bucket, prefix = bucket_and_prefix(uri)
        super().__init__(f"gs://{bucket}/{prefix}".rstrip("/"), lambda: _connect(bucket, prefix))


def _connect(bucket: str, prefix: str) -> GCSClient:
    return GCSClient(
        bucket,
        prefix=prefix or None,
        client_options=client_options(first_set("GOOGLE_BASE_URL")),
        retry_config=retry_config(),
    )
