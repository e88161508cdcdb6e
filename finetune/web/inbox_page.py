"""The page for agents: the inbox and nothing else, so that nothing else can be asked of the server through it."""

import gradio as gr

from chatbot.web.ui.inbox_tab import InboxParts, InboxTab
from chatbot.web.ui.inbox_texts import INBOX_TEXTS
from finetune.web.frame import Header
from finetune.web.parts import language_of

__all__ = ["WORDS", "build_inbox_page"]
WORDS = gr.I18n(en=INBOX_TEXTS["en"], zh=INBOX_TEXTS["zh"], **{"zh-CN": INBOX_TEXTS["zh"]})


def build_inbox_page(company: str, inbox: InboxParts) -> gr.Blocks:
    """The page, ready to be mounted."""
    with gr.Blocks(title=f"{company} · Frontdesk", analytics_enabled=False) as blocks:
        header = Header(company)
        tab = InboxTab(inbox, WORDS)
        tab.load(blocks)
        header.load(blocks, lambda request: INBOX_TEXTS[language_of(request)]["inbox"])
    return blocks
