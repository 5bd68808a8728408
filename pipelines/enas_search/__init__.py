from kfp_nas.pipelines.enas_search.pipeline import enas_search, enas_search_jobs, enas_search_pod

__all__ = ["enas_search", "enas_search_jobs", "enas_search_pod"]
