"""Who proposes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from nas_lib.config.part import Part


class ReinforceConfig(Part):
    """An LSTM policy trained by REINFORCE (Zoph & Le 2017, section 3.2)."""

    kind: Literal["reinforce"] = "reinforce"
    hidden_size: PositiveInt = Field(35, description="Units of each LSTM layer.")
    num_layers: PositiveInt = Field(2, description="LSTM layers.")
    init_range: PositiveFloat = Field(0.08, description="Parameters start in +- this, uniformly.")
    learning_rate: PositiveFloat = Field(6e-4, description="Of Adam.")
    baseline_decay: float = Field(
        0.95, ge=0, lt=1, description="Decay of the moving-average reward, for each child."
    )
    entropy_weight: float = Field(
        0.0, ge=0, description="Weight of the policy's entropy, in nats, in the objective."
    )
    gradients_per_update: PositiveInt = Field(
        1, description="Rounds, of all replicas, whose gradients make one step of Adam."
    )


class RandomConfig(Part):
    """Random search: every decision uniformly at random, nothing learnt."""

    kind: Literal["random"] = "random"


class EnasControllerConfig(Part):
    """The LSTM policy of ENAS, trained by REINFORCE (Pham et al. 2018, sections 2.2 and 3)."""

    kind: Literal["enas"] = "enas"
    hidden_size: PositiveInt = Field(100, description="Units of each LSTM layer.")
    num_layers: PositiveInt = Field(1, description="LSTM layers.")
    init_range: PositiveFloat = Field(0.1, description="Parameters start in +- this, uniformly.")
    learning_rate: PositiveFloat = Field(3.5e-4, description="Of Adam.")
    adam_beta_1: float = Field(0.9, ge=0, lt=1, description="Decay of Adam's mean gradient.")
    adam_epsilon: PositiveFloat = Field(1e-8, description="Of Adam.")
    baseline_decay: float = Field(
        0.99, ge=0, lt=1, description="Decay of the moving-average reward, for each architecture."
    )
    entropy_weight: float = Field(
        1e-4, ge=0, description="Weight of an architecture's entropy, in nats, in its reward."
    )
    tanh_constant: PositiveFloat | None = Field(
        2.5, description="Logits are this times their tanh; null: as they are."
    )
    operation_tanh_constant: PositiveFloat | None = Field(
        None, description="The same for choices, as of operations; null: as tanh_constant."
    )
    temperature: PositiveFloat | None = Field(
        5.0, description="Logits are divided by this before that; null: as they are."
    )
    operation_bias: tuple[float, ...] = Field(
        (), description="Added to the logits of choices, one for each option."
    )
    distance_weight: float = Field(
        0.0, ge=0, description="Lowers the logit of a node by this times its squared distance."
    )
    skip_prior: float = Field(
        0.4, gt=0, lt=1, description="Skip connections are drawn towards this probability ..."
    )
    skip_weight: float = Field(
        0.8, ge=0, description="... by this times the KL divergence, mean over layers, in the loss."
    )


ControllerConfig = Annotated[
    ReinforceConfig | EnasControllerConfig | RandomConfig, Field(discriminator="kind")
]
