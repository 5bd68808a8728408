"""What lets its owner in anywhere is taken out of texts and exceptions before anybody sees them.

Taken out is what looks like a credential, and what this process's environment holds as one: the
second also where a server sends it back in another shape.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, unquote

_GONE = "***"
_SURE = 8  # characters from which a value is taken out wherever it stands; else as a whole word
_LEAST = 4  # shorter ones could be anything
_WORDS = ("true", "false", "none", "null")

_QUOTE = r"""(?:\\*["'])"""
_IS = rf"(?:{_QUOTE}\s*[:=,]|\s*[:=>])\s*b?(?!\*)"  # of headers, queries, JSON, XML, Python
_IS_CLEARLY = _IS.replace(r"|\s*[:=>]", "|[=>]")  # no colon after a bare word
_QUOTED = r"""\\*"[^"\r\n]*"?|\\*'[^'\r\n]*'?"""
_FIELDS = (
    r"pass(?:word|wd|phrase)|pwd|secret_?(?:access_?)?key|client_?(?:secret|assertion)"
    r"|(?:aws_?)?access_?key(?:_?id)?|(?:account|api|private)_?key(?:_?id)?"
    r"|(?:access|refresh|id|session|security|sas|auth|bearer)[_-]?token"
    r"|signature(?:_?provided)?|sharedaccesssignature"
)
_BARE_FIELDS = r"sig|token|secret|credential|assertion"  # also words, before a colon

_LOOKS = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        # user and password in a URL; the second also where there are slashes in it, unescaped
        (r"://[^\s/?#]{1,500}@", f"://{_GONE}@"),
        (r"://[^\s/?#:@]{1,200}:(?!\d{1,5}(?:[/?#\s]|$))\S{1,500}@", f"://{_GONE}@"),
        (r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", _GONE),
        (
            rf"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)({_IS})"
            rf"""(?:{_QUOTED}|[^\r\n"'<>\\]+)""",
            rf"\1\2{_GONE}",
        ),
        (
            rf"(?i)(?<![/\w])((?:[a-z0-9_]{{0,40}}_)?(?:{_FIELDS}))({_IS})"  # no file's name
            rf"""(?:{_QUOTED}|[^\s&"'<>,;\\]+)""",
            rf"\1\2{_GONE}",
        ),
        (
            rf"(?i)\b((?:[a-z0-9_]{{0,40}}_)?(?:{_BARE_FIELDS}))"
            rf"""({_IS_CLEARLY})(?:{_QUOTED}|[^\s&"'<>,;\\]+)""",
            rf"\1\2{_GONE}",
        ),
        (r"\b(Bearer|Basic|SharedKey)\s+(?=\S*[0-9A-Z=])[\w.~+/=:-]{8,}", rf"\1 {_GONE}"),
        (r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", _GONE),  # a JSON web token
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bya29\.[\w.-]+", _GONE),  # of Amazon, of Google
    )
)

_SECRET_NAME = re.compile(
    r"SECRET|PASSW|PASSPHRASE|COOKIE|BEARER|TOKENS?(?:_|$)|(?:^|_)(?:PASS|SAS|KEY|PWD)(?:_|$)"
)
_NO_SECRET_NAME = re.compile(r"(?:^PWD|OLDPWD|_(?:FILE|PATH|DIR|UR[IL]|HOST|ENDPOINT|NAME|SOCK))$")
_SECRET_MEMBER = re.compile(r"(?i)secret|token$|password|private_?key")

E = TypeVar("E", bound=BaseException)


def without_secrets(text: str, *also: str) -> str:
    """Return the text with `***` in place of what nobody may read.

    Args:
        text: What a server, a client or a user's own code says.
        *also: Secrets that are not in the environment, such as a token from a file.
    """
    known = _known(tuple(os.environ.items()), also)
    if known is not None:
        text = known.sub(_GONE, text)
    for pattern, replacement in _LOOKS:
        text = pattern.sub(replacement, text)
    return text


def redacted(err: E, *also: str) -> E:
    """Take secrets out of an exception and of all that led to it; return it.

    What is raised `from` it may then be printed with its causes.

    Args:
        err: Of a client's.
        *also: As for `without_secrets`.
    """
    for each in _chain(err):
        if isinstance(each, OSError) and each.errno is not None:
            continue  # the system's own, which knows no secrets
        is_all_of_it = isinstance(each, UnicodeError)  # the text in which one letter is wrong
        args = (str(each),) if is_all_of_it else each.args
        clean = tuple(_redacted_value(arg, also) for arg in args)
        object.__setattr__(each, "args", clean)  # some classes let nobody change them
        for name, value in vars(each).items():
            each.__dict__[name] = _redacted_value(value, also)
    return err


def _chain(err: BaseException) -> Iterator[BaseException]:
    left: list[BaseException | None] = [err]
    seen: set[int] = set()
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            left += [each.__cause__, each.__context__]
            left += [value for value in vars(each).values() if isinstance(value, BaseException)]
            yield each


def _redacted_value(value: Any, also: tuple[str, ...]) -> Any:
    """Return what an exception holds; headers that would show a secret, as text without it."""
    match value:
        case str():
            return without_secrets(value, *also)
        case bytes():
            return without_secrets(value.decode(errors="replace"), *also).encode()
        case list():
            return [_redacted_value(each, also) for each in value]
        case tuple():
            return tuple(_redacted_value(each, also) for each in value)
        case Mapping():
            text = str(value)
            clean = without_secrets(text, *also)
            return value if clean == text else clean
    return value


@lru_cache(maxsize=4)
def _known(variables: tuple[tuple[str, str], ...], also: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what finds the secrets of an environment, in every shape; None where it has none."""
    secrets = {*also, *(value for each in variables for value in _secrets(*each))}
    shapes = {shape for secret in secrets for shape in _shapes(secret)}
    # the longest first: one may be a part of another
    found = [_finding(shape) for shape in sorted(shapes, key=len, reverse=True)]
    return re.compile("|".join(found)) if found else None


def _secrets(name: str, value: str) -> Iterator[str]:
    """Yield what is secret of one variable."""
    url = re.match(r"[A-Za-z][\w+.-]*://(.*)@", value, re.DOTALL)
    if url is not None:
        yield from _of_a_url(url[1])
    elif _is_secret(name.upper()):
        is_id = name.upper().endswith("_ID")  # of a key: `minio` is one, and stands in addresses
        if len(value) >= (_SURE if is_id else _LEAST):
            yield value
            yield from _members(value)


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET_NAME.search(name)


def _of_a_url(userinfo: str) -> Iterator[str]:
    user, separator, password = userinfo.partition(":")
    if re.match(r"\d{1,5}/", password):  # a port, and the @ stands in the path
        return
    for shape in (str, unquote):
        yield shape(password or user)
        if separator:
            yield b64encode(shape(userinfo).encode()).decode()  # as the client sends it
        if len(user) >= _SURE:
            yield shape(user)


def _members(value: str) -> Iterator[str]:
    """Yield what is secret of a service account's key, and the lines of a PEM block."""
    try:
        members = json.loads(value)
    except ValueError:
        members = None
    texts = [value]
    if isinstance(members, dict):
        texts = [str(each) for name, each in members.items() if _SECRET_MEMBER.search(name)]
        yield from texts
    for text in texts:
        yield from (line for line in text.splitlines()[1:-1] if len(line) >= _SURE)


def _shapes(secret: str) -> Iterator[str]:
    """Yield in which shapes a server may send it back."""
    is_common = len(secret) < _SURE and (secret.isdecimal() or secret.lower() in _WORDS)
    if len(secret) < _LEAST or is_common:
        return
    data = secret.encode(errors="replace")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    for quoting in (quote, quote_plus):
        yield quoting(secret, safe="", errors="replace")
        yield quoting(secret, errors="replace")
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode().rstrip("=")


def _finding(shape: str) -> str:
    pattern = re.escape(shape)
    if len(shape) < _SURE:
        return rf"(?<!\w){pattern}(?!\w)"
    return f"(?i:{pattern})" if "%" in shape else pattern
