"""Routes of the knowledge base: documents in and out, and the jobs that take them in."""

import hashlib
import json
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from chatbot.api_keys import Scope
from chatbot.errors import InputError
from chatbot.text import clean_text
from chatbot.web.api.messages import IdempotencyKey
from chatbot.web.api.problems import ApiError
from finetune.jobs import JobStatus
from finetune.web.api import views
from finetune.web.api.parts import OPERATOR_PROBLEMS, OperatorParts, readable
from finetune.web.knowledge import web_address
from finetune.web.knowledge_jobs import DOCUMENTS, PAGE, SITE, spooled
from knowledge_base.scope import CUSTOMERS, Filters

_MOST_FILES = 200
_NAME_CHARS = 200
_THREADS = 4
_PIECE_BYTES = 1 << 20
_LISTED = 100
_JSON, _FORM = "application/json", "multipart/form-data"
T = TypeVar("T")
DocumentId = Annotated[str, Path(min_length=1, max_length=500, examples=["returns"])]
JobId = Annotated[str, Path(max_length=100, examples=["20260301-093000-documents-4be1f0"])]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": views.AddressRequest.model_json_schema()},
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "Documents, FAQ tables, or ZIP archives of them.",
                        }
                    },
                }
            },
        },
    },
}


class KnowledgeRoutes:
    """The routes, on the parts they share. Those that wait for the models have threads of their own."""

    def __init__(self, parts: OperatorParts) -> None:
        self._parts = parts
        self._threads = CapacityLimiter(_THREADS)

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix="/api/v1/knowledge", tags=["knowledge base"], responses=OPERATOR_PROBLEMS)
        self._add_documents(router)
        self._add_search(router)
        self._add_changes(router)
        self._add_jobs(router)
        return router

    def _add_documents(self, router: APIRouter) -> None:
        operator = Annotated[str, Depends(self._parts.operator(Scope.KNOWLEDGE))]

        @router.get("/documents")
        async def list_documents(
            who: operator,
            words: Annotated[
                str, Query(max_length=200, description="All must be in title, id, source or origin.")
            ] = "",
            begin: Annotated[int, Query(ge=0, le=10**9, description="How many to leave out first.")] = 0,
            limit: Annotated[int, Query(ge=1, le=500)] = 50,
        ) -> views.DocumentList:
            """Documents and FAQ entries without their texts, and how much there is to search."""
            desk = self._parts.knowledge
            return await self._do(lambda: views.document_list(desk.listing(words, begin, limit)))

        @router.get("/documents/{document_id:path}")
        async def read_document(document_id: DocumentId, who: operator) -> views.DocumentView:
            """One document with its text."""
            shown = await self._do(lambda: self._parts.knowledge.show(document_id))
            if shown is None:
                raise _no_document(document_id)
            return views.document_view(shown)

        @router.delete("/documents/{document_id:path}", status_code=204)
        async def remove_document(document_id: DocumentId, who: operator) -> None:
            """Removes a document or FAQ entry; one that came from a site or folder comes back with its next sync."""
            await self._do(lambda: self._remove(document_id, who))

    def _add_search(self, router: APIRouter) -> None:
        operator = Annotated[str, Depends(self._parts.operator(Scope.KNOWLEDGE))]

        @router.get("/search")
        async def search_knowledge(
            who: operator,
            question: Annotated[str, Query(min_length=1, max_length=4000)],
            filters: Annotated[Filters, Depends(_filters)],
            limit: Annotated[int, Query(ge=1, le=50)] = 5,
        ) -> views.Found:
            """Passages and reviewed answers for a question, by default only what a customer would get today."""
            desk = self._parts.knowledge
            return await self._do(
                lambda: views.found_view(desk.find(clean_text(question), top_k=limit, filters=filters))
            )

    def _add_changes(self, router: APIRouter) -> None:
        operator = Annotated[str, Depends(self._parts.operator(Scope.KNOWLEDGE))]

        @router.post("/documents", status_code=202, openapi_extra=_BODY)
        async def add_documents(
            request: Request, who: operator, idempotency_key: IdempotencyKey = ""
        ) -> views.KnowledgeJobView:
            """Takes documents in: files of a form, or the page at a URL. A file of the same name is replaced."""
            content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if content_type == _FORM:
                return await self._take(request, who, idempotency_key)
            if content_type == _JSON:
                url = _address(await request.body())
                return await self._do(lambda: self._start(who, idempotency_key, PAGE, url, {"url": url}))
            sent = f"{content_type or 'Nothing'} was sent."
            raise ApiError(415, "unsupported-media-type", sent, f"Send {_FORM} or {_JSON}.")

        @router.post("/sites", status_code=202)
        async def sync_site(
            body: views.AddressRequest, who: operator, idempotency_key: IdempotencyKey = ""
        ) -> views.KnowledgeJobView:
            """Brings what came from a website, below an address, in step with it: adds, updates, removes."""
            url = web_address(body.url)
            return await self._do(lambda: self._start(who, idempotency_key, SITE, url, {"url": url}))

        @router.post("/answers", status_code=201)
        async def write_answer(
            body: views.AnswerRequest, who: operator, idempotency_key: IdempotencyKey = ""
        ) -> views.AnswerKept:
            """Keeps a reviewed answer, which is given from now on; the same question replaces the one before."""
            return await self._do(lambda: self._write(who, idempotency_key, body))

    def _add_jobs(self, router: APIRouter) -> None:
        operator = Annotated[str, Depends(self._parts.operator(Scope.KNOWLEDGE))]
        changes = self._parts.changes

        @router.get("/jobs")
        def list_knowledge_jobs(who: operator) -> views.KnowledgeJobList:
            """The newest jobs of the knowledge base, at most 100."""
            return views.KnowledgeJobList(jobs=[self._view(one) for one in changes.list()[:_LISTED]])

        @router.get("/jobs/{job_id}")
        def read_knowledge_job(job_id: JobId, who: operator) -> views.KnowledgeJobView:
            """Where a job stands, and what it did once it is done."""
            with readable():
                return self._view(changes.status(job_id))

        @router.post("/jobs/{job_id}/cancel")
        def cancel_knowledge_job(job_id: JobId, who: operator) -> views.KnowledgeJobView:
            """Stops a job before its next document; what was taken in until then stays. One that has ended is left."""
            with readable():
                is_live = changes.status(job_id).state.is_live
                status = changes.cancel(job_id)
            if is_live:
                self._parts.audit.record(who, "knowledge-job-cancelled", job_id)
            return self._view(status)

    async def _do(self, work: Callable[[], T]) -> T:
        return await run_sync(work, limiter=self._threads)

    async def _take(self, request: Request, who: str, key: str) -> views.KnowledgeJobView:
        async with request.form(max_files=_MOST_FILES, max_fields=8) as form:
            files = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
            if not files:
                raise InputError("There are no files to take in.", "Send them as the form field `files`.")
            named = [(_name_of(file), file) for file in files]
            return await self._do(lambda: self._keep(who, key, named))

    def _keep(self, who: str, key: str, named: Sequence[tuple[str, UploadFile]]) -> views.KnowledgeJobView:
        """Spools the files and starts their job; a repeated request leaves nothing behind."""
        place = self._parts.changes.uploads / secrets.token_hex(16)
        digests: dict[str, str] = {}

        def writer(name: str, file: UploadFile) -> Callable[[FilePath], None]:
            def write(path: FilePath) -> None:
                digests[f"{len(digests)} {name}"] = _copied(file, path)

            return write

        is_taken = False
        try:
            taken = spooled(place, [(name, writer(name, file)) for name, file in named])
            view = self._start(who, key, DOCUMENTS, json.dumps(digests), {"files": taken}, len(named))
            is_taken = place.absolute() in self._parts.changes.places(
                view.id
            )  # else those of an earlier request
            return view
        finally:
            if not is_taken:
                shutil.rmtree(place, ignore_errors=True)

    def _start(
        self, who: str, key: str, kind: str, asked: str, arguments: Mapping[str, Any], count: int = 1
    ) -> views.KnowledgeJobView:
        def change() -> Mapping[str, Any]:
            status = self._parts.changes.start(kind, arguments)
            target = arguments.get("url", status.id)
            self._parts.audit.record(who, f"knowledge-{kind}-added", target, job=status.id, count=count)
            return {"id": status.id}

        made = self._parts.make(who, key, f"{kind}\n{asked}", change)
        with readable():
            return self._view(self._parts.changes.status(made["id"]))

    def _write(self, who: str, key: str, body: views.AnswerRequest) -> views.AnswerKept:
        def change() -> Mapping[str, Any]:
            phrasings = "\n".join(" ".join(line.split()) for line in body.phrasings)
            entry = self._parts.knowledge.write(clean_text(body.question), clean_text(body.answer), phrasings)
            self._parts.audit.record(who, "answer-written", entry.as_document.id)
            return {"id": entry.as_document.id}

        return views.AnswerKept(**self._parts.make(who, key, f"answer\n{body.model_dump_json()}", change))

    def _remove(self, document_id: str, who: str) -> None:
        if self._parts.knowledge.show(document_id) is None:
            raise _no_document(document_id)
        self._parts.knowledge.remove(document_id)
        self._parts.audit.record(who, "document-removed", document_id)

    def _view(self, status: JobStatus) -> views.KnowledgeJobView:
        return views.knowledge_job(status, self._parts.changes.result(status.id))


def _filters(
    language: Annotated[str, Query(max_length=20, description="Such as `en`.", examples=["en"])] = "",
    product: Annotated[
        str,
        Query(max_length=200, description="What is about it, or names no product.", examples=["Wren One"]),
    ] = "",
    audience: Annotated[
        str, Query(max_length=200, description="Who asks; empty: everything.", examples=["internal"])
    ] = CUSTOMERS,
    on: Annotated[date | None, Query(description="A day instead of today.", examples=["2026-12-31"])] = None,
    any_time: Annotated[bool, Query(description="Also what is not valid yet or no longer.")] = False,
) -> Filters:
    return Filters(language, product, audience, on, any_time)


def _no_document(document_id: str) -> ApiError:
    return ApiError(404, "not-found", f"There is no document {document_id!r}.", "See the list of documents.")


def _address(body: bytes) -> str:
    try:
        return web_address(views.AddressRequest.model_validate_json(body).url)
    except ValidationError as error:
        raise InputError(
            f"The request cannot be read: {error.errors()[0]['msg']}.", 'Send {"url": "https://…"}.'
        ) from error


def _name_of(file: UploadFile) -> str:
    """What the file is called, without the folders that some browsers send along."""
    text = clean_text(unicodedata.normalize("NFC", file.filename or ""))
    name = PurePosixPath(text.replace("\\", "/")).name.strip()
    if not name.strip("."):
        raise InputError("A file has no name.", "Its name and ending say what it is.")
    return name[-_NAME_CHARS:]


def _copied(file: UploadFile, path: FilePath) -> str:
    """Writes an upload to a path; returns its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as target:
        while piece := file.file.read(_PIECE_BYTES):
            digest.update(piece)
            target.write(piece)
    return digest.hexdigest()
