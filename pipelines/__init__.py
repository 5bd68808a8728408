"""How components are wired into pipelines. Imported as `kfp_nas.pipelines`."""

import importlib

from kfp.dsl.base_component import BaseComponent


def find(name: str) -> BaseComponent:
    """Return the pipeline of this name."""
    return getattr(importlib.import_module(f"kfp_nas.pipelines.{name}"), name)
