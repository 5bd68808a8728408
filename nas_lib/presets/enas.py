"""ENAS (Pham et al. 2018): what the paper states, what its published code does, small ones.

The presets `paper` have what the final version states, and what it leaves open from the code.
The code gives the L2 penalty as a weight times the sum of squares, which is half of what torch's
weight_decay of the same value amounts to; its presets have twice the code's number.
"""

from __future__ import annotations

from typing import Any, Literal

from nas_lib.config import (
    AugmentConfig,
    CellsConfig,
    Cifar10Data,
    DeriveConfig,
    DigitsData,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasPolicyConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    FinalConfig,
    HiddenConfig,
    ImageChildrenConfig,
    ImageFinalConfig,
    ImageTaskConfig,
    ImageWeightsConfig,
    PydocTopicsData,
    ReinforceConfig,
    RewardConfig,
    SearchConfig,
    SharedConfig,
    SizeConfig,
    TextChildrenConfig,
    TextFilesData,
    TextFinalConfig,
    TextRewardConfig,
    TextTaskConfig,
    TextTrainingConfig,
    TextWeightsConfig,
)

_CIFAR10 = ImageTaskConfig(data=Cifar10Data(path="cifar-10-python.tar.gz"))
_PTB = TextTaskConfig(data=TextFilesData(path="ptb"))
_ACCURACY = RewardConfig(power=1.0)
_MICRO = SizeConfig(cells=15, filters=36)


def macro_paper() -> SearchConfig:
    """ENAS on CIFAR-10, whole networks of 12 layers, as the paper states it."""
    return SearchConfig(
        name="enas-macro-paper",
        task=_CIFAR10,
        space=EnasMacroSpaceConfig(),
        controller=_controller(EnasPolicyConfig(), entropy_weight=0.1),
        search=SharedConfig(weights=ImageWeightsConfig(min_learning_rate=0.001)),
        children=_macro_children(weight_decay=1e-4),
        final=_final(_macro_children(weight_decay=1e-4), SizeConfig(filters=96)),
    )


def macro_official_code() -> SearchConfig:
    """The same with the values of the published code."""
    return SearchConfig(
        name="enas-macro-official-code",
        task=_CIFAR10,
        space=EnasMacroSpaceConfig(),
        controller=_code_controller(),
        search=SharedConfig(
            weights=ImageWeightsConfig(weight_decay=5e-4, clip_norm=None), batch_norm="running"
        ),
        children=_macro_children(weight_decay=4e-4),
        final=_final(_macro_children(weight_decay=4e-4), SizeConfig(filters=96)),
    )


def micro_paper() -> SearchConfig:
    """ENAS on CIFAR-10, a normal and a reduction cell of 5 nodes, as the paper states it."""
    return SearchConfig(
        name="enas-micro-paper",
        task=_CIFAR10,
        space=EnasMicroSpaceConfig(),
        controller=_controller(EnasPolicyConfig(), entropy_weight=0.1),
        search=SharedConfig(
            weights=ImageWeightsConfig(epochs=150, batch_size=160, min_learning_rate=0.001),
            controller_steps=30,
            architectures_per_step=10,
        ),
        children=_micro_children(weight_decay=1e-4, cutout=16),
        final=_final(_micro_children(weight_decay=1e-4, cutout=16), _MICRO),
    )


def micro_official_code() -> SearchConfig:
    """The same with the values of the published code.

    The bias stands for the code's learnt one, which begins at 10 behind a tanh. What the code adds
    to the normal cell alone, a quarter up or down, is left out.
    """
    return SearchConfig(
        name="enas-micro-official-code",
        task=_CIFAR10,
        space=EnasMicroSpaceConfig(),
        controller=_code_controller(
            learning_rate=3.5e-3,
            tanh_constant=1.10,
            operation_tanh_constant=0.44,
            operation_bias=(0.44, 0.44, 0.0, 0.0, 0.0),
        ),
        search=SharedConfig(
            weights=ImageWeightsConfig(
                epochs=150,
                batch_size=160,
                weight_decay=2e-4,
                clip_norm=None,
                auxiliary_weight=0.4,
            ),
            controller_steps=30,
            architectures_per_step=10,
            batch_norm="batch",
        ),
        children=_micro_children(weight_decay=4e-4),
        final=_final(_micro_children(weight_decay=4e-4), _MICRO),
    )


def rnn_paper() -> SearchConfig:
    """ENAS on Penn Treebank, recurrent cells of 12 nodes, as the paper states it."""
    training = TextTrainingConfig(
        random_bptt=False,
        embedding_dropout=0.0,
        input_dropout=0.65,
        state_dropout=0.0,
        output_dropout=0.4,
        slowness_weight=0.0,
    )
    return SearchConfig(
        name="enas-rnn-paper",
        task=_PTB,
        space=EnasRnnSpaceConfig(nodes=12, variant="original", weights_per="edge", batch_norm=True),
        controller=_controller(EnasPolicyConfig(distance_weight=0.0), baseline_decay=0.95),
        search=SharedConfig(
            weights=_rnn_weights(
                training,
                epochs=150,
                batch_size=64,
                clip_norm=0.25,
                weight_decay=1e-7,
                schedule="exponential",
            ),
            controller_steps=2000,
            architectures_per_step=1,
        ),
        children=_rnn_children(training, epochs=150, schedule="exponential"),
        final=FinalConfig(size=SizeConfig(hidden=748), children=TextFinalConfig(epochs=150)),
    )


def rnn_official_code() -> SearchConfig:
    """The same with the values of the code published later, enas_lm."""
    training = TextTrainingConfig(
        init_range=0.05,
        word_dropout=0.125,
        embedding_dropout=0.175,
        input_dropout=0.725,
        state_dropout=0.225,
        output_dropout=0.75,
        activation_weight=0.7,
        slowness_weight=0.0,
        average_after=10,
    )
    return SearchConfig(
        name="enas-rnn-official-code",
        task=_PTB,
        space=EnasRnnSpaceConfig(nodes=9),
        controller=_controller(
            EnasPolicyConfig(
                hidden_size=64, init_range=0.01, tanh_constant=2.25, distance_weight=1 / 6
            ),
            learning_rate=5e-5,
            baseline_decay=0.999,
            entropy_weight=1e-5,
        ),
        search=SharedConfig(
            weights=_rnn_weights(
                TextTrainingConfig(), epochs=600, batch_size=128, clip_norm=0.1, weight_decay=1.6e-6
            ),
            controller_steps=25,
            architectures_per_step=10,
        ),
        children=_rnn_children(training, epochs=3000, weight_decay=1.6e-6),
        final=FinalConfig(size=SizeConfig(hidden=800), children=TextFinalConfig(epochs=3000)),
    )


def macro_digits() -> SearchConfig:
    """ENAS in minutes: whole networks of 6 layers for handwritten digits."""
    return _digits(
        "enas-macro-digits",
        EnasMacroSpaceConfig(
            layers=6, shared=FiltersConfig(filters=12), child=FiltersConfig(filters=12)
        ),
        SizeConfig(filters=24),
    )


def micro_digits() -> SearchConfig:
    """ENAS in minutes: cells of 3 nodes for handwritten digits."""
    cells = CellsConfig(cells=3, filters=8)
    space = EnasMicroSpaceConfig(nodes=3, shared=cells, child=cells)
    return _digits("enas-micro-digits", space, SizeConfig(cells=6, filters=16))


def rnn_pydoc() -> SearchConfig:
    """ENAS in minutes: recurrent cells of 4 nodes for Python's own documentation."""
    training = TextTrainingConfig(
        embedding_dropout=0.0, input_dropout=0.3, state_dropout=0.1, output_dropout=0.3
    )
    return SearchConfig(
        name="enas-rnn-pydoc",
        task=TextTaskConfig(data=PydocTopicsData(), max_words=3000),
        space=EnasRnnSpaceConfig(
            nodes=4, shared=HiddenConfig(hidden=64), child=HiddenConfig(hidden=64)
        ),
        controller=_small_controller(),
        search=SharedConfig(
            weights=_rnn_weights(
                training, epochs=8, batch_size=16, clip_norm=0.25, weight_decay=1e-7
            ),
            controller_steps=20,
            architectures_per_step=10,
            derive=DeriveConfig(num_samples=50, keep=2, probes=4),
        ),
        children=_rnn_children(training, epochs=5, batch_size=16, timeout_s="auto"),
        final=FinalConfig(size=SizeConfig(hidden=96), children=TextFinalConfig(epochs=8)),
    )


def _digits(
    name: str, space: EnasMacroSpaceConfig | EnasMicroSpaceConfig, size: SizeConfig
) -> SearchConfig:
    augment = AugmentConfig(pad=1, flip=False)
    return SearchConfig(
        name=name,
        task=ImageTaskConfig(data=DigitsData(), valid_fraction=0.2, test_fraction=0.2),
        space=space,
        controller=_small_controller(),
        search=SharedConfig(
            weights=ImageWeightsConfig(epochs=62, batch_size=64, first_cycle=2, augment=augment),
            controller_steps=5,
            architectures_per_step=5,
            derive=DeriveConfig(num_samples=50, keep=3, probes=5),
        ),
        children=ImageChildrenConfig(
            epochs=15,
            batch_size=32,
            schedule="cosine",
            augment=augment,
            reward=_ACCURACY,
        ),
        final=FinalConfig(size=size, children=ImageFinalConfig(epochs=40)),
    )


def _final(children: ImageChildrenConfig, size: SizeConfig) -> FinalConfig:
    """Return the final training that the paper ends with: as long as children are trained."""
    settings = children.model_dump(exclude={"reward", "keep"})
    return FinalConfig(size=size, children=ImageFinalConfig(**settings))


def _controller(
    policy: EnasPolicyConfig,
    *,
    learning_rate: float = 3.5e-4,
    baseline_decay: float = 0.99,
    entropy_weight: float = 1e-4,
    baseline: Literal["moving_average", "leave_one_out"] = "moving_average",
) -> ReinforceConfig:
    """Return the controller of the paper: the entropy of an architecture is part of its reward."""
    return ReinforceConfig(
        policy=policy,
        learning_rate=learning_rate,
        baseline=baseline,
        baseline_decay=baseline_decay,
        entropy_weight=entropy_weight,
        entropy_in="reward",
    )


def _code_controller(*, learning_rate: float = 1e-3, **policy: Any) -> ReinforceConfig:
    """Return the controller of the published code for images."""
    settings = {"hidden_size": 64, "temperature": None, "tanh_constant": 1.5, **policy}
    return ReinforceConfig(
        policy=EnasPolicyConfig(**settings),
        learning_rate=learning_rate,
        adam_beta_1=0.0,
        adam_epsilon=1e-3,
        baseline_decay=0.99,
        entropy_weight=1e-4,
        entropy_in="reward",
    )


def _small_controller() -> ReinforceConfig:
    """Return one that learns from some thousand architectures, judged in common."""
    return _controller(
        EnasPolicyConfig(hidden_size=64),
        learning_rate=3e-3,
        entropy_weight=1e-3,
        baseline="leave_one_out",
    )


def _macro_children(*, weight_decay: float) -> ImageChildrenConfig:
    return ImageChildrenConfig(
        timeout_s=None,
        epochs=310,
        batch_size=100,
        learning_rate=0.05,
        min_learning_rate=0.001,
        schedule="cosine_restarts",
        weight_decay=weight_decay,
        dropout=0.5,
        reward=_ACCURACY,
    )


def _micro_children(*, weight_decay: float, cutout: int = 0) -> ImageChildrenConfig:
    return ImageChildrenConfig(
        timeout_s=None,
        epochs=630,
        batch_size=144,
        learning_rate=0.05,
        min_learning_rate=0.0001,
        schedule="cosine_restarts",
        weight_decay=weight_decay,
        dropout=0.2,
        drop_path=0.4,
        auxiliary_weight=0.4,
        augment=AugmentConfig(cutout=cutout),
        reward=_ACCURACY,
    )


def _rnn_weights(
    training: TextTrainingConfig,
    *,
    epochs: int,
    batch_size: int,
    clip_norm: float,
    weight_decay: float,
    schedule: Literal["constant", "exponential"] = "constant",
) -> TextWeightsConfig:
    """Return plain SGD with a rate of 20."""
    return TextWeightsConfig(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=20.0,
        min_learning_rate=0.0,
        schedule=schedule,
        momentum=0.0,
        nesterov=False,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        text=training,
    )


def _rnn_children(
    training: TextTrainingConfig,
    *,
    epochs: int,
    batch_size: int = 64,
    weight_decay: float = 8e-7,
    schedule: Literal["constant", "exponential"] = "constant",
    timeout_s: Literal["auto"] | None = None,
) -> TextChildrenConfig:
    return TextChildrenConfig(
        timeout_s=timeout_s,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=20.0,
        schedule=schedule,
        momentum=0.0,
        nesterov=False,
        weight_decay=weight_decay,
        clip_norm=0.25,
        text=training,
        reward=TextRewardConfig(power=1.0),
    )
