"""What can go wrong, and whose turn it is then.

Each error is also the builtin a caller would expect. Its message is one sentence that says where,
what was expected and what came. The command exits with `exit_code`: 2 for the user's input, 1 for
everything that happened during the run. What others say (names, paths, messages of users' code or
of servers) comes into a sentence through `one_line`. No sentence holds a secret: errors of ours,
and what is `described`, are without.
"""

import re
from typing import Self

from nas_lib.redaction import without_secrets

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: with some of them terminals are steered
    r"\u2028-\u202e\u2066-\u2069"  # line separators; what turns the direction of text around
    r"\ud800-\udfff]"  # halves of characters: they cannot be written
)


def visible(text: str) -> str:
    r"""Escape what would be acted on rather than shown (`\x1b`), except line breaks and tabs."""
    if text.isprintable():  # nearly always, and fast to find out
        return text
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: object, max_chars: int = 1000) -> str:
    r"""Return what others say as a part of a sentence of ours.

    Line breaks and tabs become blanks, control characters are escaped (`\x1b`).

    Args:
        text: Anything that can be written, for instance an exception; of one that says nothing,
            what it is.
        max_chars: It is cut where it is longer.
    """
    kind = type(text).__name__
    try:
        text = str(text) or (kind if isinstance(text, BaseException) else "")
    except Exception:  # of a user's own class
        text = f"{kind} without a text"
    if len(text) > max_chars:
        text = without_secrets(text)  # a part of one would not be known for what it is
    joined = " ".join(filter(None, map(str.strip, text.expandtabs(1).splitlines())))
    cut = joined if len(joined) <= max_chars else joined[: max_chars - 3] + "..."
    return visible(cut)


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return the count with its noun, in the plural where there is not exactly one."""
    return f"{count:,} {noun if count == 1 else nouns or plural_of(noun)}"


def plural_of(noun: str) -> str:
    """Return what several of a thing are called that has no other plural: `series` stays so."""
    return noun if noun.endswith("series") else f"{noun}s"


def described(err: BaseException) -> str:
    """Return what kind of error it is and what it says, as a part of a sentence of ours."""
    kind, text = type(err).__name__, without_secrets(one_line(err))
    return kind if text in ("", kind) else f"{kind}: {text}"


class NasError(Exception):
    """Anything this library raises on purpose; its texts are without secrets."""

    exit_code = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*(without_secrets(arg) if isinstance(arg, str) else arg for arg in args))


class ConfigError(NasError, ValueError):
    """A setting is unknown, of the wrong type or impossible."""

    exit_code = 2


class MissingExtraError(ConfigError):
    """What only an extra of ours brings is not installed."""

    def __init__(self, what: str, extra: str, err: ImportError) -> None:
        super().__init__(f"{what}: pip install 'kfp-nas[{extra}]' ({one_line(err)})")


class DataError(NasError, ValueError):
    """The user's data is missing, damaged or not what its format promises."""

    exit_code = 2


class ArchitectureError(NasError, ValueError):
    """A text or token sequence does not describe an architecture of the space."""

    exit_code = 2


class SearchMismatchError(ConfigError):
    """The folder holds the state of another search."""


class StoreError(NasError, OSError):
    """The object store could not do what was asked, retries included."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class StoreAwayError(StoreError):
    """The store cannot be reached or is too busy: the same may go well later."""


class NoBucketError(StoreError):
    """The bucket, or container, does not exist."""


class LostRaceError(StoreError):
    """What was to be created together is only there in part: another writer was first."""


class ObjectNotFoundError(StoreError, KeyError):
    """No object lies under this key."""


class CorruptStateError(StoreError):
    """A stored object is damaged; the message names it and what is wrong with it."""

    @classmethod
    def of_content(cls, key: str, wrong: str) -> Self:
        """Return that of an object whose checksum is right, and whose content is not."""
        return cls(f"stored object {key} is whole, but not as it should be: {wrong}")


class SearchHeldError(NasError):
    """Another run is working on this replica of the search."""


class InterruptedSearchError(NasError):
    """The user stopped the run; what was finished is stored."""

    exit_code = 130


class MachineError(NasError, RuntimeError):
    """This machine lacks what it takes to judge children, whichever they are."""


class NobodyWaitsError(NasError):
    """Whoever had a child trained is gone; what was trained is stored, and can be gone on with."""

    exit_code = 75  # what a child's Job answers with its own end


class CrashedRoundError(NasError):
    """All children of a round crashed alike: what they have in common is to blame."""


class ChildFailedError(Exception):
    """An attempt at a child failed, and the child is to blame; it may be tried again.

    It says why in one line. It is no `NasError`: for the search it is a result.
    """


class OutOfMemoryError(NasError, MemoryError):
    """What all children have in common does not fit into memory."""


class ClusterError(NasError):
    """Kubernetes or Kubeflow refused, or could not be reached."""
