"""Drawn support screens with exact truth, to train and to measure the vision adapter on."""

from chatbot.vision.screen_types import SCREEN_TYPES
from finetune.vision_data.generate import SCREENS_FILE, generate_screens

__all__ = ["SCREENS_FILE", "SCREEN_TYPES", "generate_screens"]
