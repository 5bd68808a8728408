"""A store that is started, or made, while `nas store init --wait` is at it."""

from __future__ import annotations

from functools import partial

import pytest
from small_s3 import SmallS3
from small_server import running

from nas_lib.errors import StoreAwayError, StoreError
from nas_lib.store.arrival import init_arriving_store

arriving = partial(init_arriving_store, pause_s=0.05)


class Starting(SmallS3):
    """Fails at first, as servers do that have just begun to listen; then it has no bucket yet."""

    def head(self) -> None:
        if self.path.count("/") > 1:
            super().head()
        elif self.num_before("failure") < 2:
            self.refuse(500, "InternalError")
        else:
            self.refuse(403, "AccessDenied")

    def get(self) -> None:
        if "list-type" in self.path and self.num_before("listing") < 2:
            self.refuse(404, "NoSuchBucket")
        else:
            super().get()

    def num_before(self, what: str) -> int:
        with self.lock:
            num = sum(key.startswith(what) for key in self.objects)
            self.objects[f"{what} {num}"] = b""
            return num


class OutOfOrder(SmallS3):
    def head(self) -> None:
        self.refuse(500, "InternalError")


@pytest.fixture
def _anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)


@pytest.mark.usefixtures("_anybody")
def test_a_store_is_waited_for_that_is_started_and_whose_bucket_is_made_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    with running(Starting) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

        found = arriving("s3://bucket/p", wait_s=30, say=said.append)

    assert not found.is_new
    first, second = said  # the same thing is said once a minute
    assert first.startswith(
        "waiting for at most 0 min more: cannot set up s3://bucket/p: the server"
    )
    assert "the bucket does not exist; make it with" in second


@pytest.mark.usefixtures("_anybody")
def test_a_store_that_never_comes_is_an_error_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with running(OutOfOrder) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

        with pytest.raises(StoreAwayError, match="the server answered 500"):
            arriving("s3://bucket/p", wait_s=0.2, say=said.append)

    assert len(said) == 1


def test_a_wrong_key_is_not_waited_for(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    said: list[str] = []

    with pytest.raises(StoreError, match="the credentials were refused"):
        arriving(s3_uri, wait_s=30, say=said.append)

    assert said == []
