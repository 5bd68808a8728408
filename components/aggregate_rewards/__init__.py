from kfp_nas.components.aggregate_rewards.component import aggregate_rewards

__all__ = ["aggregate_rewards"]
