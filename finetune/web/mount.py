"""Where the page for fine-tuning is served, and to whom."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from chatbot.services import Services
    from chatbot.web.server import MountedPage

PATH = "/admin"
MAX_FILE_BYTES = 8 * 2**30


def mount_finetune_page(app: "FastAPI", services: "Services") -> "MountedPage":
    """Adds the page; `chatbot.web.accounts.gate` lets administrators through to it."""
    from chatbot.web.accounts.gate import actor
    from chatbot.web.server import MountedPage
    from chatbot.web.ui.inbox_tab import InboxParts
    from chatbot.web.ui.mount import mount_private_page
    from finetune.web.page import CSS, I18N, JS, build_page
    from finetune.web.workshop import Workshop

    mount_private_page(
        app,
        build_page(
            Workshop(services.settings, services.store, lambda: services.loaded().knowledge_base),
            InboxParts(
                services.handoff,
                services.attachments.path,
                lambda: services.loaded().knowledge_base,
                services.settings.evidence_min_similarity,
            ),
        ),
        PATH,
        who=actor,
        i18n=I18N,
        css=CSS,
        js=JS,
        max_file_bytes=MAX_FILE_BYTES,
    )
    return MountedPage("Fine-tuning", PATH)
