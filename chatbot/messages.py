"""The values one customer turn is made of: what was sent, what was perceived, what is streamed back.

Frozen and plain: no database rows, no sessions, nothing of Gradio.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from knowledge_base.documents import RetrievalResult


class Kind(StrEnum):
    """What an attachment's content is, read from its bytes and never from its name."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored upload.

    Attributes:
        sha256: Hash of the stored bytes and its address in the attachment store.
        name: File name as shown to people: cleaned, never used as a path.
        media_type: MIME type of the stored bytes.
        width_px, height_px: For images and video, else 0.
        duration_s: For audio and video, else 0.
    """

    sha256: str
    kind: Kind
    media_type: str
    name: str
    size_bytes: int
    width_px: int = 0
    height_px: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer sends.

    Attributes:
        corrections: Text that replaces what Frontdesk read or heard, by attachment hash.
        problems: Uploads that were refused before the turn began; the rest is still answered.
    """

    text: str
    attachments: tuple[Attachment, ...] = ()
    corrections: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def new_files(self) -> tuple[str, ...]:
        """Hashes of the files that came with it; a correction asks again with files of an earlier message."""
        return () if self.corrections else tuple(attachment.sha256 for attachment in self.attachments)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of recognised speech.

    Attributes:
        avg_logprob: Mean log probability of its tokens; about -0.3 is sure, below -1 is a guess.
        no_speech_prob: Whisper's probability that nobody spoke, in [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in one attachment; no segments means no speech was detected."""

    attachment_sha256: str
    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    duration_s: float
    corrected_text: str | None = None

    @property
    def text(self) -> str:
        """The customer's correction if there is one, else the segments joined."""
        if self.corrected_text is not None:
            return self.corrected_text
        return " ".join(s.text.strip() for s in self.segments)


@dataclass(frozen=True, slots=True)
class OcrLine:
    """One line of text on a screen: confidence in [0, 1], box (left, top, right, bottom) in pixels."""

    text: str
    confidence: float
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ScreenReading:
    """What was read in one image (or one key frame of a video), lines in reading order.

    Attributes:
        visual_sha256: Hash of the stored image whose visual tokens the language model gets when a
            projector is installed; the key frame's own hash for a video.
    """

    attachment_sha256: str
    lines: tuple[OcrLine, ...]
    width_px: int
    height_px: int
    error_codes: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    time_s: float = 0.0
    visual_sha256: str = ""
    description: str = ""
    corrected_text: str | None = None

    @property
    def text(self) -> str:
        """The customer's correction if there is one, else the lines, one a line."""
        if self.corrected_text is not None:
            return self.corrected_text
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything perceived in one message, with confidences, and what could not be."""

    text: str
    transcripts: tuple[Transcript, ...] = ()
    screens: tuple[ScreenReading, ...] = ()
    documents: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """What the customer asked in words: typed text and speech."""
        parts = (self.text, *(t.text for t in self.transcripts))
        return "\n".join(p.strip() for p in parts if p.strip())

    @property
    def seen(self) -> str:
        """What is shown rather than said: screen text and attached text files."""
        parts = (*(s.text for s in self.screens), *self.documents)
        return "\n".join(p.strip() for p in parts if p.strip())

    @property
    def error_codes(self) -> tuple[str, ...]:
        """Error codes of all screens, in order, without repeats."""
        return tuple(dict.fromkeys(code for s in self.screens for code in s.error_codes))


class Decision(StrEnum):
    """How a turn is answered.

    `CLARIFY` asks back which of a few known questions is meant. With `DECLINE` nothing was found; `REFUSE` is for what
    is none of the company's business, or meant for the assistant's instructions. `HANDOFF` brings in a person; with
    `PERSON` one has the conversation, and the assistant says nothing.
    """

    TEMPLATE = "template"
    GENERATE = "generate"
    CLARIFY = "clarify"
    DECLINE = "decline"
    REFUSE = "refuse"
    HANDOFF = "handoff"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered source of an answer. `quote` is a verbatim span of the document or FAQ answer."""

    number: int
    document_id: str
    title: str
    url: str
    quote: str
    passage: str


class Stage(StrEnum):
    """What a turn is doing, for the status line."""

    LISTENING = "listening"
    READING = "reading"
    SEARCHING = "searching"
    ANSWERING = "answering"


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A stage of the turn begins."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Perceived:
    """Attachments have been read and heard."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The knowledge base has been searched; with `needs_model` the language model is asked next, which takes time."""

    result: RetrievalResult
    needs_model: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """How the turn will be answered, and why, in words an agent understands."""

    decision: Decision
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer; all pieces joined are the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CitationAdded:
    """The answer so far refers to `citation.number`."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class OptionsOffered:
    """Questions that may be meant, likeliest first; each is asked by sending it as it is."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something went wrong that the customer should know; the turn goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is stored and complete.

    Attributes:
        message_id: Id of the stored answer, for feedback.
        stopped: True when the customer stopped it or the engine failed part-way.
        timings_ms: Milliseconds by stage: `perceive`, `retrieve` and in it `policy`, `first_token`, `generate` and in
            it `grounding`, `first_text`, `total`.
        tokens: What the language model read and wrote, written ones as pieces of its stream; 0 when none was asked.
        options: Questions that were offered, when the answer asks back.
    """

    conversation_id: str
    message_id: str
    text: str
    decision: Decision
    citations: tuple[Citation, ...]
    timings_ms: Mapping[str, float]
    stopped: bool = False
    tokens: int = 0
    options: tuple[str, ...] = ()


StreamEvent = (
    StatusChanged
    | Perceived
    | Retrieved
    | Decided
    | TextDelta
    | CitationAdded
    | OptionsOffered
    | Warned
    | Done
)
