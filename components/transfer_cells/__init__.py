from kfp_nas.components.transfer_cells.component import transfer_cells

__all__ = ["transfer_cells"]
