from kfp_nas.components.derive_architectures.component import derive_architectures

__all__ = ["derive_architectures"]
