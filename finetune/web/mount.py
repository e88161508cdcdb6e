"""Whether and where the page for fine-tuning is served. It has no accounts yet, so only to this machine itself."""

import ipaddress
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from chatbot.services import Services
    from chatbot.web.server import MountedPage

log = logging.getLogger(__name__)
PATH = "/admin"
MAX_FILE_BYTES = 8 * 2**30
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def mount_finetune_page(app: "FastAPI", services: "Services") -> "MountedPage | None":
    """Adds the page when the server listens on a loopback address; None, with a line in the log, when it does not."""
    host = services.settings.host
    if not is_loopback(host):
        log.info(
            "the page for fine-tuning is not served: it has no accounts yet and %s can be reached from other machines; "
            "listen on 127.0.0.1 to use it, or use `frontdesk finetune`",
            host,
        )
        return None
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
            services.insights,
        ),
        PATH,
        is_allowed=comes_from_this_machine,
        i18n=I18N,
        css=CSS,
        js=JS,
        max_file_bytes=MAX_FILE_BYTES,
    )
    return MountedPage("Fine-tuning", PATH)


def is_loopback(host: str) -> bool:
    """Whether an address or a name can only be reached from the machine itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def comes_from_this_machine(request: "Request") -> bool:
    """Whether a request was made by this machine for a page of this machine.

    Foreign pages in the operator's browser (by their origin, or by a name that they let point here) and whoever comes
    through a proxy are turned away.
    """
    headers = request.headers
    origin = headers.get("origin", "")
    return (
        request.client is not None
        and is_loopback(request.client.host)
        and is_loopback(_host_of(f"//{headers.get('host', '')}"))
        and (not origin or is_loopback(_host_of(origin)))
        and not any(name in headers for name in _FORWARDED)
    )


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
