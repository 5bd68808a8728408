"""Models that searches have handed on: their layout, and how to use them; all without torch."""

from nas_lib.models.image_model import ImageModel
from nas_lib.models.info import ModelInfo
from nas_lib.models.model import Model
from nas_lib.models.opening import open_model
from nas_lib.models.predictions import Predictions
from nas_lib.models.text_model import TextModel

__all__ = ["ImageModel", "Model", "ModelInfo", "Predictions", "TextModel", "open_model"]
