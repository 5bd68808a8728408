"""Objects by their names, `module:name`: a user's own, and what a description of ours refers to."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nas_lib.errors import ConfigError, NasError, described, one_line

INLINE = "inline"
"""Stands in `children.evaluate` and `space.object` for an object of this process."""


def imported(reference: str) -> Any:
    """Return the object called `module:name`.

    Raises:
        ImportError: There is no such module.
        AttributeError: It has no such name.
    """
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def users_object(reference: str, given: Any, *, setting: str) -> Any:
    """Return the user's object called `module:name`, or the given one for `inline`.

    Args:
        reference: What the user wrote.
        given: The object of this process, None where there is none.
        setting: Where the user wrote it, for the error.

    Raises:
        ConfigError: It cannot be found.
    """
    if reference == INLINE:
        if given is None:
            raise ConfigError(
                f"{setting} is an object of another process: pass it to nas_lib.search again, "
                "or name it as module:name"
            )
        return given
    if ":" not in reference:
        raise ConfigError(f"{setting} should read module:name, got {reference!r}")
    try:
        return imported(reference)
    except (ImportError, AttributeError) as err:
        raise ConfigError(f"{setting} {reference!r} cannot be imported: {one_line(err)}") from err
    except (Exception, SystemExit) as err:
        raise ConfigError(
            f"{setting} {reference!r} cannot be imported, it raises {described(err)}"
        ) from err


def check_function(found: Any, *takes: str, setting: str) -> Callable[..., Any]:
    """Return the user's function, if it can be called with what it is to take.

    Args:
        found: The object that the user named.
        takes: What the function is given, in words.
        setting: Where the user wrote it, for the error.

    Raises:
        ConfigError: It is none, or takes something else.
    """
    wanted = f"a function of {' and '.join(takes) or 'nothing'}"
    if not callable(found):
        raise ConfigError(f"{setting} should be {wanted}, got {type(found).__name__}")
    try:
        inspect.signature(found).bind(*takes)
    except TypeError as err:
        raise ConfigError(f"{setting} should be {wanted}: {one_line(err)}") from err
    except ValueError:  # it does not say what it takes, as some written in C
        pass
    except Exception as err:  # its attributes may be code of the user's, too
        raise ConfigError(f"{setting} raises {described(err)}") from err
    return found  # type: ignore[no-any-return]


@contextmanager
def users_code(setting: str) -> Iterator[None]:
    """Run a user's own code while settings are read.

    Args:
        setting: Where the user named it, for the error.

    Raises:
        ConfigError: It raised something.
    """
    try:
        yield
    except NasError:
        raise
    except (Exception, SystemExit) as err:
        raise ConfigError(f"{setting} raises {described(err)}") from err
