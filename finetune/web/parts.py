"""What the tabs share: the reader's language, errors as the page shows them, the status line."""

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from chatbot.errors import FrontdeskError
from chatbot.templates import Language
from chatbot.web.ui.inbox_texts import INBOX_TEXTS
from chatbot.web.ui.render import status_html
from finetune.web.texts import TEXTS, language_of_browser

__all__ = ["I18N", "QUIET", "SLOW", "errors_shown", "language_of", "status_html", "words_of"]

log = logging.getLogger(__name__)
_EN, _ZH = ({**TEXTS[language], **INBOX_TEXTS[language]} for language in ("en", "zh"))
I18N = gr.I18n(en=_EN, zh=_ZH, **{"zh-CN": _ZH})
QUIET: dict[str, Any] = {"api_name": False, "show_progress": "hidden"}
SLOW: dict[str, Any] = {"api_name": False, "show_progress": "minimal"}


def language_of(request: gr.Request) -> Language:
    """The language of the browser that asks."""
    return language_of_browser(request.headers.get("accept-language", ""))


def words_of(request: gr.Request) -> dict[str, str]:
    """The page's words in that language."""
    return TEXTS[language_of(request)]


@contextmanager
def errors_shown(request: gr.Request) -> Iterator[None]:
    """What went wrong is shown on the page; what should not have is logged too."""
    try:
        yield
    except FrontdeskError as error:
        raise gr.Error(html.escape(str(error), quote=False), duration=20, print_exception=False) from error
    except Exception as error:
        log.exception("a step of the page failed")
        raise gr.Error(words_of(request)["failed"], duration=20, print_exception=False) from error
