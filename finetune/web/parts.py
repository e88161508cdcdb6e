"""What the tabs share: the reader's language, errors as the page shows them, the status line."""

from contextlib import AbstractContextManager
from typing import Any

import gradio as gr

from chatbot.templates import Language
from chatbot.web.ui.inbox_texts import INBOX_TEXTS
from chatbot.web.ui.render import status_html
from chatbot.web.ui.shown_errors import shown_errors
from finetune.web.texts import TEXTS, language_of_browser

__all__ = ["I18N", "QUIET", "SLOW", "errors_shown", "language_of", "status_html", "words_of"]

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


def errors_shown(request: gr.Request) -> AbstractContextManager[None]:
    """What went wrong is shown on the page; what should not have is logged too."""
    return shown_errors(words_of(request)["failed"])
