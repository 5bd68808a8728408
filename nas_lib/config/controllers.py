"""Who proposes: a policy and the learner that changes it, or what goes by the results alone."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field

from nas_lib.bounds import Count, Few, Fraction, Positive, Rate, Weight
from nas_lib.part import Part

Units = Annotated[int, Field(ge=1, le=1024)]
Layers = Annotated[int, Field(ge=1, le=8)]
Temperature = Annotated[float, Field(ge=1e-3, le=1e6)]


class NasPolicyConfig(Part):
    """The LSTM policy of NAS (Zoph & Le 2017, sections 3.1 and 3.3)."""

    kind: Literal["nas"] = "nas"
    hidden_size: Units = Field(35, description="Units of each LSTM layer.")
    num_layers: Layers = Field(2, description="LSTM layers.")
    init_range: Positive = Field(0.08, description="Parameters start in +- this, uniformly.")


class EnasPolicyConfig(Part):
    """The LSTM policy of ENAS (Pham et al. 2018, section 2)."""

    kind: Literal["enas"] = "enas"
    hidden_size: Units = Field(100, description="Units of each LSTM layer.")
    num_layers: Layers = Field(1, description="LSTM layers.")
    init_range: Positive = Field(0.1, description="Parameters start in +- this, uniformly.")
    tanh_constant: Positive | None = Field(
        2.5, description="Logits are this times their tanh; null: as they are."
    )
    operation_tanh_constant: Positive | None = Field(
        None, description="The same for choices, as of operations; null: as tanh_constant."
    )
    temperature: Temperature | None = Field(
        5.0, description="Logits are divided by this before that; null: as they are."
    )
    operation_bias: tuple[Annotated[float, Field(ge=-1e6, le=1e6)], ...] = Field(
        (), description="Added to the logits of choices, one for each option."
    )
    distance_weight: Weight = Field(
        0.0, description="Lowers the logit of a node by this times its squared distance."
    )
    skip_prior: float = Field(
        0.4,
        ge=1e-6,
        le=1 - 1e-6,
        description="Skip connections are drawn towards this probability ...",
    )
    skip_weight: Weight = Field(
        0.8, description="... by this times the KL divergence, mean over layers, in the loss."
    )


PolicyConfig = Annotated[NasPolicyConfig | EnasPolicyConfig, Field(discriminator="kind")]


class ControllerPart(Part):
    """What all controllers have in common.

    Attributes:
        learns: Whether what it is told changes what it proposes, as `Controller.learns`.
    """

    learns: ClassVar[bool] = True

    kind: str

    @property
    def proposer(self) -> ControllerConfig:
        """What proposes by these settings: itself, unless it is chosen."""
        return cast(ControllerConfig, self)

    @property
    def remembers(self) -> dict[str, str]:
        """What makes it go by results of earlier rounds, and what to set where it may not."""
        return {}

    @property
    def label(self) -> str:
        """What tells it from others in few words."""
        return self.kind


class PolicyGradientPart(ControllerPart):
    """What all learners have in common that follow the gradient of a policy's rewards."""

    policy: PolicyConfig = Field(default_factory=NasPolicyConfig)
    learning_rate: Positive = Field(6e-4, description="Of Adam.")
    adam_beta_1: Rate = Field(0.9, description="Decay of Adam's mean gradient.")
    adam_epsilon: float = Field(1e-8, ge=1e-30, le=1, description="Of Adam.")
    baseline_decay: Rate = Field(
        0.95, description="Decay of the moving-average reward, for each child."
    )
    baseline: Literal["moving_average", "leave_one_out"] = Field(
        "moving_average",
        description="What a child's reward is measured against: the moving average before its "
        "round; or the mean of the other children of its round, which cancels what they share.",
    )
    entropy_weight: Weight = Field(0.0, description="Of the policy's entropy, in nats ...")
    entropy_in: Literal["objective", "reward"] = Field(
        "objective",
        description="... in the objective, with a gradient (NAS); or in rewards, as data (ENAS).",
    )
    rewards: Literal["as_given", "rank"] = Field(
        "as_given",
        description="What a child earns: its reward; or -log(1 - q), q its quantile among all "
        "results so far. Of that the mean and the standard deviation are about 1 whatever the "
        "task, so an entropy_weight (0.1, say) carries over from one to another.",
    )
    repeats: Literal["keep", "mutate"] = Field(
        "keep",
        description="Of proposals that were judged before: kept; or a token changed until it is a "
        "new one, so that no child is trained twice.",
    )

    @property
    def remembers(self) -> dict[str, str]:
        """Say whether ranks do, and repeats."""
        instead = {"rank": "controller.rewards to as_given", "mutate": "controller.repeats to keep"}
        said = {"rewards": self.rewards, "repeats": self.repeats}
        return {
            f"controller.{name} {value}": instead[value]
            for name, value in said.items()
            if value in instead
        }

    @property
    def label(self) -> str:
        """What tells it from others in few words."""
        return self.kind if self.policy.kind == "nas" else f"{self.kind} ({self.policy.kind})"


class ReinforceConfig(PolicyGradientPart):
    """A policy trained by REINFORCE against a baseline (Zoph & Le 2017, section 3.2)."""

    kind: Literal["reinforce"] = "reinforce"
    gradients_per_update: Count = Field(
        1, description="Rounds, of all replicas, whose gradients make one step of Adam."
    )


class PpoConfig(PolicyGradientPart):
    """A policy trained by proximal policy optimisation (Schulman et al. 2017, section 3)."""

    kind: Literal["ppo"] = "ppo"
    clip: Fraction = Field(
        0.2, description="A child counts until it is this much more, or less, probable than it was."
    )
    epochs: Few = Field(4, description="Steps of Adam along each round, over all its children.")


class MemoryPart(ControllerPart):
    """What goes by the results alone: it compares new ones with old ones."""

    @property
    def remembers(self) -> dict[str, str]:
        """Say that its kind does."""
        return {f"controller.kind {self.kind}": "controller.kind to reinforce or random"}


class EvolutionConfig(MemoryPart):
    """Regularised evolution (Real et al. 2019), by the results alone.

    A child is the best of a tournament among the newest results, with one decision changed; the
    oldest result leaves, whatever it earned.
    """

    kind: Literal["evolution"] = "evolution"
    population: int = Field(
        20,
        ge=1,
        le=1000,
        description="Newest results that may be parents; the first so many are drawn at random. "
        "The paper has 100, for thousands of children.",
    )
    sample: int = Field(
        10, ge=1, le=1000, description="Of them take part in a tournament; the paper has 25."
    )


class LocalSearchConfig(MemoryPart):
    """Local search (White et al. 2021): what differs from the best results in one decision."""

    kind: Literal["local-search"] = "local-search"
    initial: int = Field(
        16, ge=1, le=1000, description="Drawn at random first; the best of them are the starts."
    )
    starts: int = Field(
        2,
        ge=1,
        le=1000,
        description="Best results whose neighbours have their turn side by side. With 1 all are "
        "the best one's: faster, unless rewards are noisy or replicas many.",
    )


class ForestConfig(MemoryPart):
    """A random forest predicts ranks: of changes to the best, the most promising are proposed."""

    kind: Literal["forest"] = "forest"
    initial: int = Field(16, ge=2, le=1000, description="Drawn at random before any is predicted.")
    trees: int = Field(20, ge=2, le=1000, description="Of the forest, fitted anew for each round.")
    candidates: int = Field(
        500,
        ge=1,
        le=100_000,
        description="Changes of one decision that are predicted for a round; half as many of two.",
    )
    exploration: Weight = Field(
        1.0, description="Standard deviations, over the trees, that are added to a prediction."
    )


class GaussianProcessConfig(MemoryPart):
    """Bayesian optimisation: a Gaussian process over tokens says which changes to try."""

    kind: Literal["gaussian-process"] = "gaussian-process"
    initial: int = Field(16, ge=2, le=1000, description="Drawn at random before any is predicted.")
    exploration: Weight = Field(
        1.0, description="Standard deviations of a prediction that are added to it."
    )
    patience: Count = Field(
        64,
        description="Results without a better one, and four rounds of all replicas at least, after "
        "which a run ends and another begins at random; all that is known serves it too.",
    )
    candidates: int = Field(
        1000, ge=1, le=100_000, description="Changes that are predicted for a round, at most."
    )
    results: int = Field(
        500,
        ge=16,
        le=2000,
        description="By which is predicted, at most: the best, and the newest.",
    )


class RandomConfig(ControllerPart):
    """Random search: every decision uniformly at random, nothing learnt."""

    learns: ClassVar[bool] = False

    kind: Literal["random"] = "random"


_Proposer = (
    ReinforceConfig
    | PpoConfig
    | GaussianProcessConfig
    | EvolutionConfig
    | LocalSearchConfig
    | ForestConfig
    | RandomConfig
)


class AutoConfig(ControllerPart):
    """What proposes best in a search like this: chosen once, when the search is begun."""

    kind: Literal["auto"] = "auto"
    chosen: _Proposer | None = Field(
        None,
        discriminator="kind",
        description="What that is; unset: as the search judges its proposals.",
    )

    @property
    def proposer(self) -> ControllerConfig:
        """What was chosen, once it was."""
        return self if self.chosen is None else self.chosen

    @property
    def remembers(self) -> dict[str, str]:
        """Say what that of the chosen one is."""
        return {} if self.chosen is None else self.chosen.remembers

    @property
    def label(self) -> str:
        """What tells it from others in few words."""
        return self.kind if self.chosen is None else f"{self.kind} ({self.chosen.label})"


ControllerConfig = Annotated[AutoConfig | _Proposer, Field(discriminator="kind")]
