"""The base of every error whose text is safe to show a user.

It lives here because `knowledge_base` is the lowest package: `chatbot.errors` re-exports it.
"""


class FrontdeskError(Exception):
    """An error with a text for people: what was given, what was expected, what to do.

    Args:
        message: What went wrong, without secrets, paths of other visitors or tracebacks.
        hint: What the reader can do next, as one sentence.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class DocumentError(FrontdeskError):
    """A document could not be read, parsed or stored."""


class IndexUnavailableError(FrontdeskError):
    """The vector or keyword index cannot answer."""
