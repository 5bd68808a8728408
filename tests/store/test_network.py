"""Networks fail in the same ways before every cloud, and stores there are as patient."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from s3_proxy import FAULTS, FaultyProxy, faulty_proxy, use_in_every_way
from searches import account, tabular

from nas_lib.engine import search
from nas_lib.store.open import open_store

SETTINGS = {"gcs_uri": "GOOGLE_BASE_URL", "azure_uri": "AZURE_STORAGE_ENDPOINT"}  # the server
TIMEOUT_S = 0.3


@pytest.fixture(params=SETTINGS)
def cloud(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def uri(cloud: str, request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(cloud)


@pytest.fixture
def proxy(cloud: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Put a proxy before the server, that does nothing yet."""
    del uri  # it sets the environment, which we change
    setting = SETTINGS[cloud]
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", f"{TIMEOUT_S}")
    with faulty_proxy(os.environ[setting], seed=1, hang_s=2 * TIMEOUT_S) as proxy:
        monkeypatch.setenv(setting, proxy.url)
        yield proxy


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_survives_every_fault(uri: str, proxy: FaultyProxy, fault: str) -> None:
    store = open_store(uri)
    store.keys("")  # has a token

    use_in_every_way(store, proxy, fault)


def test_a_search_in_a_cloud_is_the_one_in_memory(uri: str) -> None:
    config = tabular(max_children=4, children_per_round=2)
    near = search(config, store=f"memory://{uri}")
    far = search(config, store=uri)
    assert far.view.finished
    assert account(far) == account(near)
