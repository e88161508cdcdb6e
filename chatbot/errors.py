"""Errors whose text is safe to show a customer; edges turn them into HTTP, CLI or page text."""

from knowledge_base.errors import FrontdeskError

__all__ = [
    "AdapterError",
    "AttachmentError",
    "ConversationNotFoundError",
    "FrontdeskError",
    "GenerationError",
    "InputError",
    "ModelError",
    "SettingsError",
    "StorageError",
    "TurnTakenOverError",
]


class InputError(FrontdeskError):
    """A message is empty, too long or otherwise unusable."""


class AttachmentError(InputError):
    """An uploaded file was refused or could not be read."""


class ConversationNotFoundError(FrontdeskError):
    """No conversation of this visitor has the given id."""


class SettingsError(FrontdeskError):
    """One or more settings are unknown or invalid; the text lists all of them."""


class ModelError(FrontdeskError):
    """A model file is missing, tampered with, or cannot be loaded."""


class AdapterError(FrontdeskError):
    """An adapter is missing, tampered with, or does not fit the model."""


class GenerationError(FrontdeskError):
    """The language model could not produce an answer."""


class StorageError(FrontdeskError):
    """The data folder cannot be written, for example because the disk is full."""


class TurnTakenOverError(FrontdeskError):
    """Another process answers the message, or has answered it; nothing more of this answer is kept."""
