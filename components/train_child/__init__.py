from kfp_nas.components.train_child.component import train_child

__all__ = ["train_child"]
