"""Settings of the tuning loop, under the name by which the loop knows them; the models are part of all settings."""

from chatbot.tuning_settings import (
    LINEAR_LAYERS,
    DatasetSettings,
    FinetuneSettings,
    Method,
    TrainSettings,
    VisionTrainSettings,
)

__all__ = [
    "LINEAR_LAYERS",
    "DatasetSettings",
    "FinetuneSettings",
    "Method",
    "TrainSettings",
    "VisionTrainSettings",
]
