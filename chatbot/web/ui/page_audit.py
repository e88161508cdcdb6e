"""What the company's people do on a page, into the audit log under their names."""

import gradio as gr

from chatbot.audit import THIS_MACHINE, AuditLog


class PageAudit:
    """The audit log for the handlers of a page."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def record(
        self, request: gr.Request, action: str, target: str = "", **details: str | float | bool
    ) -> None:
        """Adds an entry under the account that asks, or this machine's where there are no accounts.

        Raises:
            StorageError: It cannot be kept.
        """
        self._log.record(request.username or THIS_MACHINE, action, target, **details)
