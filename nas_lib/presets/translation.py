"""Translation on a laptop: the document of a transfer, or a search by small translators."""

from __future__ import annotations

from nas_lib.config import (
    FinalConfig,
    LayersConfig,
    NasRnnSpaceConfig,
    ParallelTextData,
    RoundsConfig,
    SearchConfig,
    SizeConfig,
    TranslationChildrenConfig,
    TranslationFinalConfig,
    TranslationTaskConfig,
)


def small() -> SearchConfig:
    """Sentences and their translations, of your own: for cells found elsewhere, or a search."""
    return SearchConfig(
        name="translation",
        task=TranslationTaskConfig(data=ParallelTextData(path="pairs.tsv"), on_error="skip"),
        space=NasRnnSpaceConfig(child=LayersConfig(layers=1, hidden=48)),
        children=TranslationChildrenConfig(epochs=1),
        search=RoundsConfig(max_children=48, children_per_round=8),
        final=FinalConfig(size=SizeConfig(hidden=128), children=TranslationFinalConfig(epochs=10)),
    )
