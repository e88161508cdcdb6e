"""What is logged, and that no personal data is."""

import logging

from rich.logging import RichHandler

from chatbot.cli_errors import err
from chatbot.privacy import PiiLogFilter, pattern_redactor, rules_from_settings
from chatbot.settings import Settings

_PACKAGES = ("chatbot", "knowledge_base", "finetune")


def start_logging(level: str, settings: Settings | None = None) -> None:
    """Log lines of ours to stderr, without personal data; libraries only when something is wrong.

    Args:
        settings: Where the company's own rules of privacy are named; without them the example company's hold.
    """
    handler = RichHandler(console=err, show_path=False, log_time_format="%H:%M:%S")
    handler.addFilter(_is_ours_or_wrong)
    rules = rules_from_settings(settings) if settings else None
    handler.addFilter(PiiLogFilter(pattern_redactor(rules)))
    logging.basicConfig(level="WARNING", format="%(message)s", handlers=[handler], force=True)
    for package in _PACKAGES:
        logging.getLogger(package).setLevel(level.upper())


def _is_ours_or_wrong(record: logging.LogRecord) -> bool:
    """Some libraries set their own level when they are imported, so levels alone do not keep them quiet."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _PACKAGES
