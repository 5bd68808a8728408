"""Addresses as settings have them: with variables of the environment in place of secrets."""

from __future__ import annotations

import os
import re

from nas_lib.config.notify import host_of, is_address
from nas_lib.errors import ConfigError, one_line

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.ASCII)


def filled(address: str, *, setting: str) -> str:
    """Return an address with the values of its variables.

    Args:
        address: As the setting has it.
        setting: Which, for the error.

    Raises:
        ConfigError: The environment lacks one, or the address is none with it.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if not os.environ.get(name):
            raise ConfigError(f"{setting}: the environment has no variable {name} here")
        return os.environ[name].strip()

    found = _VARIABLE.sub(value, address)
    if not is_address(found):
        raise ConfigError(f"{setting}: expected an address, got one with blanks or other letters")
    return found


def place(address: str) -> str:
    """Return whom an address reaches, as a part of a sentence: nothing that may be secret."""
    return one_line(host_of(address), 200).removesuffix("/***")
