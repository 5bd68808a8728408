from kfp_nas.components.train_children.component import train_children

__all__ = ["train_children"]
