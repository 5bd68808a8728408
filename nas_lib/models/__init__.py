"""Models that searches have handed on: their layout, and how to use them; all without torch."""

from nas_lib.models.image_model import ImageModel
from nas_lib.models.info import ModelInfo
from nas_lib.models.label_model import LabelModel
from nas_lib.models.model import Model
from nas_lib.models.number_model import NumberModel
from nas_lib.models.opening import AnyModel, open_model
from nas_lib.models.picture_model import PictureModel
from nas_lib.models.predictions import LabelPredictions, NumberPredictions, Predictions
from nas_lib.models.series_model import SeriesModel
from nas_lib.models.text_model import TextModel
from nas_lib.models.translation_model import Translation, TranslationModel

__all__ = [
    "AnyModel",
    "ImageModel",
    "LabelModel",
    "LabelPredictions",
    "Model",
    "ModelInfo",
    "NumberModel",
    "NumberPredictions",
    "PictureModel",
    "Predictions",
    "SeriesModel",
    "TextModel",
    "Translation",
    "TranslationModel",
    "open_model",
]
