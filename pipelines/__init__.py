"""How components are wired into pipelines. Imported as `kfp_nas.pipelines`."""

import importlib

from kfp.dsl.base_component import BaseComponent


def find(name: str) -> BaseComponent:
    """Return the pipeline of this name, such as nas-search or enas-search-jobs."""
    family = name.removesuffix("-jobs").removesuffix("-pod").replace("-", "_")
    module = importlib.import_module(f"kfp_nas.pipelines.{family}")
    return getattr(module, name.replace("-", "_"))
