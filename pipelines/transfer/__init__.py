from kfp_nas.pipelines.transfer.pipeline import transfer_jobs

__all__ = ["transfer_jobs"]
