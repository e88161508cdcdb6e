"""What went wrong in a step, as a page for the company's people shows it."""

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from chatbot.errors import FrontdeskError

log = logging.getLogger(__name__)


@contextmanager
def shown_errors(unexpected: str) -> Iterator[None]:
    """Errors that say what to do are shown as they are; any other is logged, and the given words are shown for it."""
    try:
        yield
    except FrontdeskError as error:
        raise gr.Error(html.escape(str(error), quote=False), duration=20, print_exception=False) from error
    except Exception as error:
        log.exception("a step of the page failed")
        raise gr.Error(unexpected, duration=20, print_exception=False) from error
