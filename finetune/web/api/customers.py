"""Routes of customers' data: what is kept of one is handed over, or erased down to the adapters trained on it."""

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response, StreamingResponse

from chatbot.api_keys import Scope
from chatbot.customer_data import export_customer
from chatbot.errors import InputError
from chatbot.text import clean_text
from chatbot.web.api.problems import ApiError
from finetune import retraining
from finetune.forget import forget
from finetune.jobs import Jobs
from finetune.web.api import views
from finetune.web.api.parts import OPERATOR_PROBLEMS, OperatorParts, readable
from finetune.workspace import Workspace

_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}
_PIECE_BYTES = 1 << 20
CustomerId = Annotated[
    str,
    Path(min_length=1, max_length=200, description="Id of a visitor or customer, or of one conversation."),
]


class CustomerRoutes:
    """The routes, on the parts they share.

    Args:
        jobs: Those of fine-tuning, among which training without the erased is queued.
    """

    def __init__(self, parts: OperatorParts, jobs: Jobs) -> None:
        self._parts = parts
        self._jobs = jobs

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix="/api/v1/customers", tags=["customers' data"], responses=OPERATOR_PROBLEMS)
        operator = Annotated[str, Depends(self._parts.operator(Scope.PRIVACY))]

        @router.get("/{customer}/export", response_class=Response, responses=_ZIP)
        def export_data(customer: CustomerId, who: operator) -> StreamingResponse:
            """Conversations, ratings and tickets as JSON, and the files, in one ZIP archive."""
            return self._exported(customer, who)

        @router.delete("/{customer}")
        def erase_customer(
            customer: CustomerId,
            who: operator,
            retrain: Annotated[
                bool, Query(description="Queue training without them, where there was one.")
            ] = True,
        ) -> views.ErasureView:
            """Erases them from conversations, files, tickets, imported transcripts and datasets, and marks the adapters
            that were trained on them. It may be repeated; jobs of fine-tuning that run are stopped first.
            """
            with readable():
                return self._erased(customer, who, retrain)

        return router

    def _exported(self, customer: str, who: str) -> StreamingResponse:
        api = self._parts.api
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is sent
        try:
            made = export_customer(api.store, clean_text(customer), api.settings.attachments_path, file)
        except InputError as error:
            file.close()
            raise ApiError(404, "not-found", error.message, error.hint) from error
        self._parts.audit.record(who, "customer-exported", conversations=made.conversations)
        named = {"Content-Disposition": 'attachment; filename="customer.zip"'}
        return StreamingResponse(_pieces(file), media_type="application/zip", headers=named)

    def _erased(self, customer: str, who: str, retrain: bool) -> views.ErasureView:
        settings = self._parts.api.settings
        erased = forget(clean_text(customer), settings.data_dir, self._parts.api.store)
        workspace = Workspace.of(settings)
        queued = retraining.queue(workspace, settings, self._jobs) if retrain else []
        self._parts.audit.record(
            who,
            "conversations-forgotten",
            stored=erased.stored,
            imported=erased.imported,
            adapters=len(erased.adapters),
        )
        return views.erasure_view(erased, queued)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece
