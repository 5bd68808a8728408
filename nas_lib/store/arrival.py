"""Waiting for a store that is being started, or made, at the same time as what sets it up."""

from __future__ import annotations

import time
from collections.abc import Callable

from nas_lib.errors import NoBucketError, StoreAwayError
from nas_lib.store.setup import StoreSetup, init_store

_PAUSE_S = 2.0
_NEWS_EVERY_S = 60.0


def init_arriving_store(
    uri: str, *, wait_s: float, say: Callable[[str], None], pause_s: float = _PAUSE_S
) -> StoreSetup:
    """Do `init_store` as soon as the store can be reached and has its bucket.

    What no waiting mends, such as refused credentials, ends it at once.

    Args:
        uri: The store.
        wait_s: How long to try.
        say: Is told what it waits for: at once, when that changes, and once a minute.
        pause_s: Seconds between two tries.

    Raises:
        ConfigError: The URI is none of a store.
        StoreError: It is still away, or anything else is wrong with it.
    """
    end_s = time.monotonic() + wait_s
    said, said_s = "", -_NEWS_EVERY_S
    while True:
        try:
            return init_store(uri)
        except (NoBucketError, StoreAwayError) as err:
            now_s = time.monotonic()
            if now_s + pause_s > end_s:
                raise
            if str(err) != said or now_s - said_s >= _NEWS_EVERY_S:
                said, said_s = str(err), now_s
                say(f"waiting for at most {(end_s - now_s) / 60:.0f} min more: {said}")
        time.sleep(pause_s)
