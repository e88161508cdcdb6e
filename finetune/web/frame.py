"""The head of the pages for the company's people: the company, the page's title, who is signed in."""

import html
from collections.abc import Callable

import gradio as gr

from chatbot.audit import THIS_MACHINE
from finetune.web.parts import QUIET, words_of


class Header:
    """Builds its component at the top of the open page."""

    def __init__(self, company: str) -> None:
        self._company = company
        self._shown = gr.HTML(self._html("", ""), padding=False)

    def load(self, blocks: gr.Blocks, title: Callable[[gr.Request], str]) -> None:
        """Fills it when the page is opened, in the reader's language."""

        def greet(request: gr.Request) -> str:
            return self._html(title(request), _note(request.username, words_of(request)))

        blocks.load(greet, None, self._shown, **QUIET)

    def _html(self, title: str, note: str) -> str:
        company = html.escape(self._company)
        return f'<header class="ft-header"><h1>{company}</h1><p>{title}</p><p>{note}</p></header>'


def _note(actor: str | None, words: dict[str, str]) -> str:
    if actor in (None, THIS_MACHINE):
        return words["here_only"]
    links = f'<a href="/account">{html.escape(actor)}</a> · <a href="/logout">{words["sign_out"]}</a>'
    return f"{words['signed_in']} {links}"
