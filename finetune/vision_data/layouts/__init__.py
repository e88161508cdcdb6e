"""Every layout of every screen type, by its name. At least two of each type are kept for testing."""

from finetune.vision_data.layouts import devices, forms, messages, pages, windows
from finetune.vision_data.layouts.template import ALL_SIZES, TEMPLATES, Draft, Template

__all__ = [
    "ALL_SIZES",
    "TEMPLATES",
    "Draft",
    "Template",
    "devices",
    "forms",
    "messages",
    "pages",
    "windows",
]
