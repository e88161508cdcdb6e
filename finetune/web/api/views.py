"""What goes over the wire of the knowledge base and of fine-tuning, as JSON. No path of the server is ever told."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chatbot.store import AdapterFeedback
from finetune.forget import Erasure
from finetune.jobs import JobStatus, TrainingPoint
from finetune.registry import RegisteredAdapter
from finetune.web.adapters import Shelf
from finetune.web.knowledge import Listing, Shown
from knowledge_base.documents import RetrievalResult
from knowledge_base.entries import Entry

_JOB = "20260301-093000-documents-4be1f0"
_AT = "2026-03-01T09:30:00Z"
_ADAPTER = "conversations-20260301"
State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


class DocumentSummary(BaseModel):
    """A document or FAQ entry without its text."""

    id: str = Field(examples=["returns"])
    kind: Literal["document", "faq"]
    title: str = Field(examples=["Returns"])
    language: str = Field(examples=["en"])
    origin: str = Field(
        description="`upload`, `written`, `site:ADDRESS`, or a folder of the server.", examples=["upload"]
    )
    source: str = Field(description="The file or address it came from.", examples=["returns.pdf"])
    url: str = Field("", examples=["https://wren.example/returns"])
    characters: int = Field(examples=[1840])
    chunks: int = Field(description="Passages that are searched.", examples=[4])
    phrasings: int = Field(description="Ways in which a FAQ entry is asked.", examples=[0])
    pages: int = Field(description="Pages or slides; 0 where the format has none.", examples=[2])
    product: str = Field("", description="What it is about.", examples=["Wren One"])
    audience: str = Field("", description="Whom it is for; empty: everybody.", examples=["internal"])
    valid_from: str = Field("", description="The first day on which it holds.", examples=["2026-03-01"])
    valid_until: str = Field("", description="The last one.", examples=["2026-12-31"])


class DocumentView(DocumentSummary):
    """A document with its text; of a FAQ entry question and answer."""

    text: str = Field(examples=["You can return a Dot within 45 days of delivery."])
    asked_as: list[str] = Field([], description="Phrasings of a FAQ entry.")


class PassageView(BaseModel):
    """A passage that was found."""

    id: str
    document_id: str = Field(examples=["returns"])
    title: str = Field(examples=["Returns"])
    heading_path: list[str] = Field(examples=[["How long", "Refurbished devices"]])
    page: int = Field(description="Page or slide; 0 where the format has none.", examples=[2])
    url: str = Field("", examples=["https://wren.example/returns"])
    text: str = Field(examples=["You can return a Dot within 45 days of delivery."])
    section: str = Field(
        description="The passage with what stands around it under the same headings; a slice of the document.",
        examples=["You can return a Dot within 45 days of delivery. Send it back in its box."],
    )
    folded: list[str] = Field(
        description="Ids of passages left out because they say nearly the same.", examples=[["manual#3"]]
    )
    score: float = Field(description="All rankings together; higher is better.", examples=[0.081])
    scores: dict[str, float] = Field(
        description="The figures behind it, as `kb search` shows them.",
        examples=[{"dense": 0.71, "bm25": 9.2}],
    )


class AnswerFound(BaseModel):
    """A FAQ entry that was found."""

    id: str = Field(examples=["faq:returns-how-long"])
    phrasing: str = Field(description="The nearest way to ask.", examples=["How long can I return a Dot?"])
    answer: str = Field(examples=["Within 45 days of delivery."])
    similarity: float = Field(description="Of question and phrasing, at most 1.", examples=[0.93])


class Found(BaseModel):
    """What a question finds, best first."""

    passages: list[PassageView]
    answers: list[AnswerFound]


class StatsView(BaseModel):
    """How much there is to search."""

    documents: int = Field(examples=[12])
    chunks: int = Field(examples=[61])
    faq_entries: int = Field(examples=[40])
    phrasings: int = Field(examples=[120])
    images: int = Field(examples=[9])


class DocumentList(BaseModel):
    """Some of what is stored."""

    documents: list[DocumentSummary]
    total: int = Field(description="How many fit the words.", examples=[12])
    stats: StatsView


class AddressRequest(BaseModel):
    """An address of the web; private machines are not asked unless the settings allow it."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=8, max_length=2000, examples=["https://help.example.com/returns"])


class AnswerRequest(BaseModel):
    """A reviewed answer, given word for word to whoever asks its question."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=1000, examples=["Do you ship to Norway?"])
    answer: str = Field(min_length=1, max_length=20_000, examples=["Not yet. We ship within the EU."])
    phrasings: list[str] = Field(
        [], max_length=50, description="Other ways to ask it.", examples=[["Can I order from Oslo?"]]
    )


class AnswerKept(BaseModel):
    """What the answer is called, for the documents' routes."""

    id: str = Field(examples=["faq:do-you-ship-to-norway"])


class LeftOut(BaseModel):
    """What could not be taken in."""

    source: str = Field(examples=["broken.docx"])
    reason: str = Field(examples=["broken.docx is no DOCX file. Export it again."])


class ReportView(BaseModel):
    """What a change of the knowledge base did."""

    added: int = Field(examples=[1])
    updated: int = Field(examples=[0])
    unchanged: int = Field(examples=[0])
    removed: int = Field(examples=[0])
    failed: list[LeftOut] = []


class JobView(BaseModel):
    """Work that takes a while, and where it stands."""

    id: str = Field(examples=[_JOB])
    kind: str = Field(examples=["documents"])
    state: State = Field(examples=["running"])
    stage: str = Field("", description="What it is at.", examples=["reading"])
    done: int = Field(0, description="Of the stage; both 0 while that is not known.", examples=[3])
    total: int = Field(0, examples=[8])
    message: str = Field("", description="The newest thing to tell.", examples=["returns.pdf"])
    error: str = Field("", description="Why it failed, with what to do.")
    created_at: datetime = Field(examples=[_AT])
    finished_at: datetime | None = None


class KnowledgeJobView(JobView):
    """A job of the knowledge base; `report` is there once it is done."""

    report: ReportView | None = None


class KnowledgeJobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[KnowledgeJobView]


class PointView(BaseModel):
    """Where training stood after a step."""

    step: int = Field(examples=[40])
    steps: int = Field(examples=[120])
    loss: float | None = Field(description="Null where it is no number.", examples=[1.84])
    validation_loss: float | None = Field(None, examples=[1.91])
    tokens_per_s: float = Field(examples=[210.0])
    remaining_s: float = Field(examples=[340.0])


class TuningJobView(JobView):
    """A job of fine-tuning; `points` are those of its training so far, at most 400, evenly spaced."""

    points: list[PointView] = []


class TuningJobList(BaseModel):
    """Jobs, newest first, without their points."""

    jobs: list[JobView]


class TrainingRequest(BaseModel):
    """What to train with; what is left out is as configured."""

    model_config = ConfigDict(extra="forbid")

    minutes: float | None = Field(
        None, gt=0, le=100_000, description="Longest time of training; none trains all epochs.", examples=[25]
    )
    epochs: float | None = Field(None, gt=0, le=1000, examples=[2])
    r: int | None = Field(None, ge=1, le=512, description="Rank of the adapter.", examples=[16])
    learning_rate: float | None = Field(None, gt=0, lt=1, examples=[0.0002])
    gradient_checkpointing: bool | None = None


class GateView(BaseModel):
    """Whether an adapter is good enough to answer customers."""

    passed: bool
    reasons: list[str] = []


class PromotionView(BaseModel):
    """One time an adapter was switched on."""

    at: datetime = Field(examples=[_AT])
    share_percent: float = Field(examples=[100])
    forced_because: str = ""


class AdapterView(BaseModel):
    """A fine-tuned adapter and its part in answering."""

    id: str = Field(examples=[_ADAPTER])
    role: Literal["", "active", "canary", "previous"] = Field("", examples=["active"])
    base_model: str = Field(examples=["qwen2.5-0.5b-instruct"])
    created_at: str = Field(examples=[_AT])
    registered_at: str = Field(examples=[_AT])
    dataset_hash: str
    metrics: dict[str, float | None] = Field({}, examples=[{"validation_loss": 1.91}])
    gate: GateView | None = Field(None, description="Null before it was evaluated.")
    objection: str = Field("", description="Why it should not answer; empty when nothing speaks against it.")
    promotions: list[PromotionView] = []


class CanaryView(BaseModel):
    """An adapter on trial."""

    id: str = Field(examples=[_ADAPTER])
    share_percent: float = Field(examples=[10])


class FeedbackView(BaseModel):
    """What customers think of an adapter's answers, since the trial began when there is one."""

    adapter: str = Field(examples=[_ADAPTER])
    answers: int = Field(examples=[120])
    declined: int = Field(examples=[9])
    thumbs_up: int = Field(examples=[31])
    thumbs_down: int = Field(examples=[2])


class ShelfView(BaseModel):
    """All adapters, and which one answers."""

    active: str = Field(
        description="An adapter's id, `default` (what the settings name) or `none` (the bare base).",
        examples=[_ADAPTER],
    )
    previous: str | None = None
    canary: CanaryView | None = None
    default: str = Field(description="What the settings name.", examples=["none"])
    adapters: list[AdapterView] = []
    feedback: list[FeedbackView] = []


class PromotionRequest(BaseModel):
    """For how many customers to switch it on, and why against its gate."""

    model_config = ConfigDict(extra="forbid")

    share_percent: float = Field(100, gt=0, le=100, description="Less than 100 is a trial.", examples=[100])
    because: str = Field(
        "", max_length=500, description="Overrules the gate; the reason is kept with the adapter."
    )


def document_list(listing: Listing) -> DocumentList:
    """A part of the list of documents."""
    return DocumentList(
        documents=[DocumentSummary(**_entry(entry)) for entry in listing.entries],
        total=listing.total,
        stats=StatsView.model_validate(listing.stats, from_attributes=True),
    )


def found_view(result: RetrievalResult) -> Found:
    """What a search found."""
    names = ("id", "document_id", "title", "page", "url", "text")
    return Found(
        passages=[
            PassageView(
                **{name: getattr(found.chunk, name) for name in names},
                heading_path=list(found.chunk.heading_path),
                section=found.whole,
                folded=list(found.folded),
                score=found.score,
                scores=dict(found.scores),
            )
            for found in result.chunks
        ],
        answers=[
            AnswerFound(
                id=match.entry.as_document.id,
                phrasing=match.phrasing,
                answer=match.entry.answer,
                similarity=match.similarity,
            )
            for match in result.faq
        ],
    )


def document_view(shown: Shown) -> DocumentView:
    """One document with its text."""
    return DocumentView(**_entry(shown.entry), text=shown.document.text, asked_as=list(shown.phrasings))


def _entry(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in DocumentSummary.model_fields}


def job_view(status: JobStatus) -> JobView:
    """Where a job stands."""
    return JobView(**_status(status))


def knowledge_job(status: JobStatus, result: dict[str, Any]) -> KnowledgeJobView:
    """A job of the knowledge base with what came of it."""
    return KnowledgeJobView(**_status(status), report=ReportView(**result) if result else None)


def tuning_job(status: JobStatus, points: Sequence[TrainingPoint]) -> TuningJobView:
    """A job of fine-tuning with the points of its training."""
    every = len(points) // 400 + 1
    kept = [point for number, point in enumerate(reversed(points)) if number % every == 0]  # with the newest
    return TuningJobView(**_status(status), points=[_point(point) for point in reversed(kept)])


def _status(status: JobStatus) -> dict[str, Any]:
    names = ("id", "kind", "stage", "done", "total", "message", "error", "created_at")
    told = {name: getattr(status, name) for name in names}
    return {**told, "state": status.state.value, "finished_at": status.finished_at or None}


def _point(point: TrainingPoint) -> PointView:
    return PointView(
        step=point.step,
        steps=point.steps,
        loss=_finite(point.loss),
        validation_loss=_finite(point.validation_loss),
        tokens_per_s=_finite(point.tokens_per_s) or 0.0,
        remaining_s=_finite(point.remaining_s) or 0.0,
    )


def shelf_view(shelf: Shelf, feedback: Sequence[AdapterFeedback]) -> ShelfView:
    """All adapters, and which one answers."""
    canary = shelf.pointer.canary
    return ShelfView(
        active=shelf.pointer.active,
        previous=shelf.pointer.previous,
        canary=CanaryView(id=canary.id, share_percent=canary.share_percent) if canary else None,
        default=shelf.default,
        adapters=[adapter_view(adapter) for adapter in shelf.adapters],
        feedback=[FeedbackView.model_validate(one, from_attributes=True) for one in feedback],
    )


def adapter_view(adapter: RegisteredAdapter) -> AdapterView:
    """One adapter."""
    manifest, known = adapter.manifest, adapter.registration
    gate = known.gate
    return AdapterView(
        id=adapter.id,
        role=adapter.role,
        base_model=manifest.base_model,
        created_at=manifest.created_at,
        registered_at=known.registered_at,
        dataset_hash=manifest.dataset_hash,
        metrics={name: _finite(value) for name, value in manifest.metrics.items()},
        gate=GateView(passed=gate.passed, reasons=list(gate.reasons)) if gate else None,
        objection=adapter.objection,
        promotions=[PromotionView.model_validate(one, from_attributes=True) for one in known.promotions],
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


class ErasureView(BaseModel):
    """What was erased and marked."""

    found: bool = Field(description="Whether there was anything of them.")
    conversations: int = Field(description="Left the store.", examples=[3])
    files: int = Field(description="Left with these; files that others sent too stay.", examples=[1])
    imported: int = Field(description="Conversations that left the imported transcripts.", examples=[0])
    datasets: list[str] = Field(description="Removed, to be built again.")
    adapters: list[str] = Field(description="Trained on them; marked, and no longer promoted.")
    retrain_jobs: list[str] = Field(description="Training without them that was queued.")


def erasure_view(erased: Erasure, queued: Sequence[str]) -> ErasureView:
    """As it goes over the wire."""
    return ErasureView(
        found=erased.found_anything,
        conversations=erased.stored,
        files=erased.attachments,
        imported=erased.imported,
        datasets=list(erased.datasets),
        adapters=list(erased.adapters),
        retrain_jobs=list(queued),
    )
