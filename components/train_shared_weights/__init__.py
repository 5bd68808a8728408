from kfp_nas.components.train_shared_weights.component import train_shared_weights

__all__ = ["train_shared_weights"]
