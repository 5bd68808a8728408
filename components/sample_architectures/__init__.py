from kfp_nas.components.sample_architectures.component import sample_architectures

__all__ = ["sample_architectures"]
