"""Log records without personal data: a filter for handlers, by patterns only."""

import logging

from chatbot.privacy.redactor import Redactor


class PiiLogFilter(logging.Filter):
    """Masks the message and the traceback of every record that passes a handler.

    Add it to handlers and not to loggers, for a logger's filter does not see the records of its children.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Masks the record and lets it pass."""
        record.msg = self._redactor.mask(_message(record)).text
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redactor.mask(record.exc_text).text
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a wrong format string must not stop who logs with it
        return f"{record.msg} {record.args}"
