from kfp_nas.pipelines.nas_search.pipeline import nas_search

__all__ = ["nas_search"]
