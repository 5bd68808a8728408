"""How components are wired into pipelines. Imported as `kfp_nas.pipelines`."""

import importlib

from kfp.dsl.base_component import BaseComponent


def find(name: str) -> BaseComponent:
    """Return the pipeline of this name, such as nas-search."""
    module = importlib.import_module("kfp_nas.pipelines.nas_search")
    return getattr(module, name.replace("-", "_"))
