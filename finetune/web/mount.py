"""Where the pages for the company's people are served, and to whom."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from chatbot.reviews import Reviews
    from chatbot.services import Services
    from chatbot.web.server import MountedPage
    from chatbot.web.ui.inbox_tab import InboxParts
    from finetune.web.workshop import Workshop

PATH = "/admin"
INBOX = "/inbox"
MAX_FILE_BYTES = 8 * 2**30
_NO_FILES_BYTES = 1


def mount_finetune_page(app: "FastAPI", services: "Services") -> "MountedPage":
    """Adds the page with everything, and the same for programs below `/api/v1`.

    `chatbot.web.accounts.gate` lets administrators through to the page.
    """
    from chatbot.web.accounts.gate import administrator
    from chatbot.web.server import MountedPage
    from chatbot.web.ui.mount import mount_private_page
    from finetune.web.page import CSS, I18N, JS, build_page
    from finetune.web.workshop import Workshop

    workshop = Workshop(services.settings, services.store, lambda: services.loaded().knowledge_base)
    _add_api(app, services, workshop)
    mount_private_page(
        app,
        build_page(workshop, _inbox_parts(services), _reviews(services), services.insights),
        PATH,
        who=administrator,
        i18n=I18N,
        css=CSS,
        js=JS,
        max_file_bytes=MAX_FILE_BYTES,
    )
    return MountedPage("Administration", PATH)


def _add_api(app: "FastAPI", services: "Services", workshop: "Workshop") -> None:
    from chatbot.audit import AuditLog
    from chatbot.once import Once
    from finetune.web.adapters import AdapterDesk
    from finetune.web.api.mount import add_operator_api
    from finetune.web.api.parts import OperatorParts
    from finetune.web.knowledge import KnowledgeDesk
    from finetune.web.knowledge_jobs import KnowledgeJobs
    from finetune.web.training import TrainingDesk

    settings, database = services.settings, services.store.database
    desk = KnowledgeDesk(workshop.knowledge_base)
    changes = KnowledgeJobs(settings.data_dir / "knowledge", desk)
    services.when_loaded.append(changes.take_up)
    services.when_closing.append(changes.close)
    parts = OperatorParts(
        api=app.state.api,
        accounts=app.state.accounts,
        audit=AuditLog(database),
        once=Once(database),
        knowledge=desk,
        changes=changes,
        training=TrainingDesk(workshop.workspace, settings),
        adapters=AdapterDesk(
            workshop.registry, workshop.registry_of_base, settings.adapter, workshop.feedback
        ),
    )
    add_operator_api(app, parts, workshop.jobs)


def mount_inbox_page(app: "FastAPI", services: "Services") -> "MountedPage":
    """Adds the page with the inbox alone; the gate lets agents through to it too."""
    from chatbot.web.accounts.gate import actor
    from chatbot.web.server import MountedPage
    from chatbot.web.ui.mount import mount_private_page, private_uploads
    from finetune.web.inbox_page import WORDS, build_inbox_page
    from finetune.web.page import CSS, JS

    mount_private_page(
        app,
        build_inbox_page(services.settings.company_name, _inbox_parts(services)),
        INBOX,
        who=actor,
        i18n=WORDS,
        css=CSS,
        js=JS,
        max_file_bytes=_NO_FILES_BYTES,
        folder=private_uploads() / "inbox",
    )
    return MountedPage("The inbox of agents", INBOX)


def _inbox_parts(services: "Services") -> "InboxParts":
    from chatbot.web.ui.inbox_tab import InboxParts

    return InboxParts(
        services.handoff,
        services.attachments.path,
        lambda: services.loaded().knowledge_base,
        services.settings.evidence_min_similarity,
    )


def _reviews(services: "Services") -> "Reviews":
    from chatbot.privacy import pattern_redactor, rules_from_settings
    from chatbot.reviews import Reviews

    return Reviews(
        services.store.database,
        lambda: services.loaded().knowledge_base,
        pattern_redactor(rules_from_settings(services.settings)),
    )
