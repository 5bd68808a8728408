"""Objects by their names, `module:name`: a user's own, and what a description of ours refers to."""

from __future__ import annotations

import importlib
from typing import Any

from nas_lib.errors import ConfigError

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
        raise ConfigError(f"{setting} {reference!r} cannot be imported: {err}") from err
