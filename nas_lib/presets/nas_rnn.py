"""Recurrent cells as trees (Zoph & Le 2017, sections 3.4 and 4.2), as published, and small ones.

The paper says of its children that they have two layers, 35 epochs, embedding and recurrent
dropout, and as many parameters as the medium LSTM of Zaremba et al. (2014). What it leaves open is
here as that LSTM has it in TensorFlow's code (init_scale, lr_decay, keep_prob and so on). Dropout
is 0.5 where that has it, and 0.2 where the paper says there is some besides: its rates on
characters.

Zaremba's gradient is summed over the 35 words of a piece, ours is their mean. So its rate of 1 is
35 here, and its longest gradient of 5 is 5 / 35.
"""

from __future__ import annotations

from typing import Final

from nas_lib.config import (
    FinalConfig,
    LayersConfig,
    NasPolicyConfig,
    NasRnnSpaceConfig,
    PydocTopicsData,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
    SizeConfig,
    TextChildrenConfig,
    TextFilesData,
    TextFinalConfig,
    TextRewardConfig,
    TextTaskConfig,
    TextTrainingConfig,
)

_BPTT: Final = 35
_MEDIUM_LSTM: Final = 19_775_200
"""Embedding and softmax of 10,000 words and 650 units, with biases 13,010,000; two layers of
4 x 650 x (650 + 650) weights and 4 x 650 biases."""


def paper() -> SearchConfig:
    """Zoph & Le 2017 on Penn Treebank: 400 replicas of one recurrent cell each, 35 epochs."""
    training = TextTrainingConfig(
        bptt=_BPTT,
        random_bptt=False,
        tied=False,
        init_range=0.05,
        word_dropout=0.2,
        embedding_dropout=0.0,
        input_dropout=0.5,
        state_dropout=0.2,
        output_dropout=0.5,
        slowness_weight=0.0,
    )
    return SearchConfig(
        name="nas-rnn-paper",
        task=TextTaskConfig(data=TextFilesData(path="ptb")),
        space=NasRnnSpaceConfig(child=LayersConfig(layers=2, parameters=_MEDIUM_LSTM)),
        controller=ReinforceConfig(
            policy=NasPolicyConfig(), learning_rate=5e-4, gradients_per_update=10
        ),
        children=TextChildrenConfig(
            timeout_s=None,
            epochs=35,
            batch_size=20,
            learning_rate=1.0 * _BPTT,
            schedule="exponential",
            decay=0.8,
            decay_after=5,  # the seventh epoch is the first with a lower rate
            momentum=0.0,
            nesterov=False,
            weight_decay=0.0,
            clip_norm=5 / _BPTT,
            text=training,
            reward=TextRewardConfig(perplexity_constant=80.0, power=2.0),
        ),
        # how many children the paper does not say: as many as on CIFAR-10
        search=RoundsConfig(
            max_children=12_800,
            children_per_round=1,
            replicas=400,
            shards=20,
            repeats="train",
            confirm=None,
        ),
        final=_final(training),
    )


def _final(training: TextTrainingConfig) -> FinalConfig:
    """Return the training of the best cell: the largest of the paper's, and its grid.

    The paper names what it tries, and not the values. These are around those of Zaremba's medium
    and large LSTM.
    """
    return FinalConfig(
        top=1,
        seeds=1,
        size=SizeConfig(parameters=54_000_000),
        children=TextFinalConfig(epochs=55, text=training.model_copy(update={"tied": True})),
        grid={
            "learning_rate": [0.5 * _BPTT, 1.0 * _BPTT],
            "text.init_range": [0.04, 0.05],
            "text.state_dropout": [0.2, 0.35],
            "text.output_dropout": [0.5, 0.65],
            "decay_after": [5, 13],
        },
    )


def pydoc() -> SearchConfig:
    """Recurrent cells in minutes: trees of 8 leaves for the words of Python's documentation."""
    return SearchConfig(
        name="nas-rnn-pydoc",
        task=TextTaskConfig(data=PydocTopicsData(), max_words=3000),
        space=NasRnnSpaceConfig(child=LayersConfig(layers=1, hidden=64)),
        children=_small(epochs=3, bptt=_BPTT),
        search=RoundsConfig(max_children=96, children_per_round=8),
        final=FinalConfig(size=SizeConfig(hidden=96), children=TextFinalConfig(epochs=10)),
    )


def pydoc_characters() -> SearchConfig:
    """The same for its characters: 48 cells, each shown 200,000 of them three times."""
    return SearchConfig(
        name="nas-rnn-pydoc-characters",
        task=TextTaskConfig(data=PydocTopicsData(), level="characters", max_train=200_000),
        space=NasRnnSpaceConfig(child=LayersConfig(layers=1, hidden=64)),
        children=_small(epochs=3, bptt=50),
        search=RoundsConfig(max_children=48, children_per_round=8),
        final=FinalConfig(size=SizeConfig(hidden=128), children=TextFinalConfig(epochs=10)),
    )


def _small(*, epochs: int, bptt: int) -> TextChildrenConfig:
    """Return a training by Adam, as the paper has it for characters: it learns in few steps."""
    return TextChildrenConfig(
        epochs=epochs,
        batch_size=32,
        optimizer="adam",
        learning_rate=0.01,
        schedule="cosine",
        nesterov=False,
        weight_decay=0.0,
        clip_norm=0.25,
        text=TextTrainingConfig(
            bptt=bptt,
            random_bptt=False,
            init_range=0.1,
            word_dropout=0.0,
            embedding_dropout=0.0,
            input_dropout=0.1,
            state_dropout=0.0,
            output_dropout=0.1,
            slowness_weight=0.0,
        ),
        reward=TextRewardConfig(last_epochs=1),
    )
