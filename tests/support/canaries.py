"""Secrets that are easily found again, and all places in which an exception may hold them."""

from __future__ import annotations

import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from echoing import CANARY


def leaks(text: str, secrets: Mapping[str, str]) -> list[str]:
    """Return which secrets a text holds, in whatever shape; `CANARY` for what looks like one."""
    found = [CANARY] if CANARY.lower() in text.lower() else []
    for name, secret in secrets.items():
        data = secret.encode()
        shapes = [secret, quote(secret, safe=""), b64encode(data).decode().rstrip("=")]
        shapes.append(urlsafe_b64encode(data).decode().rstrip("="))
        found += [name for shape in shapes if shape in text]
    return found


def all_of(err: BaseException) -> str:
    """Return all that is shown of an exception and what led to it, by whoever prints it."""
    printed = traceback.format_exception(err)
    held = (f"{each!s} {each!r} {each.args} {vars(each)}" for each in _chain(err, set()))
    return "\n".join([*printed, *held])


def _chain(err: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if err is not None and id(err) not in seen:
        seen.add(id(err))
        yield err
        yield from _chain(err.__cause__, seen)
        yield from _chain(err.__context__, seen)
