from kfp_nas.pipelines.nas_search.pipeline import nas_search, nas_search_jobs, nas_search_pod

__all__ = ["nas_search", "nas_search_jobs", "nas_search_pod"]
