from kfp_nas.components.plan_rounds.component import plan_rounds

__all__ = ["plan_rounds"]
