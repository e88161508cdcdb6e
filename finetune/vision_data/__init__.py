"""Drawn support screens with exact truth, to train and to measure the vision adapter on."""

from finetune.vision_data.generate import SCREENS_FILE, generate_screens
from finetune.vision_data.layouts import SCREEN_TYPES

__all__ = ["SCREENS_FILE", "SCREEN_TYPES", "generate_screens"]
