"""Errors of the tuning loop; their text is safe to show."""

from chatbot.errors import FrontdeskError


class DatasetError(FrontdeskError):
    """Examples cannot be made, read or written."""


class ExportError(FrontdeskError):
    """An adapter cannot be brought into another form."""


class TrainingError(FrontdeskError):
    """A training run cannot start or go on."""


class RedactionError(FrontdeskError):
    """Conversations cannot be redacted, or a file is not what redaction wrote."""
