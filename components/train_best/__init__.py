from kfp_nas.components.train_best.component import train_best

__all__ = ["train_best"]
