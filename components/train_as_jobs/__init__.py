from kfp_nas.components.train_as_jobs.component import train_as_jobs

__all__ = ["train_as_jobs"]
