"""A store below a prefix of a container in Azure Blob Storage.

AZURE_STORAGE_ACCOUNT_NAME is the storage account. Who we are is the pod's own identity, as the
workload identity of an Azure cluster sets it (AZURE_CLIENT_ID, AZURE_TENANT_ID and
AZURE_FEDERATED_TOKEN_FILE), the account's key in AZURE_STORAGE_ACCOUNT_KEY, or the machine's
identity. AZURE_STORAGE_ENDPOINT is a server other than Azure's.
"""

from __future__ import annotations

from collections.abc import Iterator

from obstore.store import AzureStore as AzureClient

from nas_lib.errors import ConfigError
from nas_lib.store.network import (
    NetworkStore,
    bucket_and_prefix,
    client_options,
    first_set,
    retry_config,
)
from nas_lib.store.objects import ObjectInfo


class AzureStore(NetworkStore):
    """Objects below a prefix of a container, `az://container/prefix`; the container must exist."""

    def __init__(self, uri: str) -> None:
        container, prefix = bucket_and_prefix(uri)
        uri = f"az://{container}/{prefix}".rstrip("/")
        if not first_set("AZURE_STORAGE_ACCOUNT_NAME"):
            raise ConfigError(
                f"{uri} needs AZURE_STORAGE_ACCOUNT_NAME, the name of its storage account, got none"
            )
        super().__init__(uri, lambda: _connect(container, prefix))

    def _list(self, prefix: str, *, after: str) -> Iterator[ObjectInfo]:
        """Return what lies below a prefix and after a key, of a listing of all of it.

        Azure's own way to begin after a key is young, and its kinds of accounts differ in it.
        """
        return (info for info in super()._list(prefix, after="") if info.key > after)


def _connect(container: str, prefix: str) -> AzureClient:
    # Azure's clusters write it with a slash at its end, and the client adds another.
    authority = first_set("AZURE_AUTHORITY_HOST").rstrip("/")
    return AzureClient(
        container,
        prefix=prefix or None,
        config={"authority_host": authority} if authority else {},
        client_options=client_options(first_set("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")),
        retry_config=retry_config(),
    )
