from kfp_nas.components.update_controller.component import update_controller

__all__ = ["update_controller"]
