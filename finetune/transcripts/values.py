"""What the readers of transcripts share: limits, options, and what they find before roles are settled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from chatbot.errors import FrontdeskError
from chatbot.messages import Transcript
from chatbot.privacy import Redactor, pattern_redactor
from finetune.conversations import Role
from finetune.pseudonyms import masked_file_name


class TranscriptError(FrontdeskError):
    """A file of transcripts cannot be used at all; the text says what to do about it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something of a file that is not used, and why.

    Attributes:
        source: The file's label, never its path.
        line: Line or row, counted from 1; 0 when the reason concerns the whole file.
        kind: The reason as one word for counting, for example `no_agent`.
        count: How many things this stands for (private notes are counted, not listed).
    """

    source: str
    line: int
    why: str
    kind: str = "unusable"
    count: int = 1


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column of a table holds what; an empty name means that there is none.

    A row is one message (`text` and `role`), one exchange (`question` and `answer`) or one whole conversation
    (`transcript`, with a speaker in front of every line).
    """

    text: str = ""
    role: str = ""
    conversation_id: str = ""
    at: str = ""
    customer: str = ""
    rating: str = ""
    question: str = ""
    answer: str = ""
    transcript: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether conversations can be made with it."""
        return bool(self.transcript or (self.question and self.answer) or (self.text and self.role))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names."""
        return tuple(c for c in (getattr(self, name) for name in self.__slots__) if c)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused rather than read into memory.

    Attributes:
        max_item_chars: One line, JSON object or e-mail.
        max_archive_bytes: All files of a ZIP together, unpacked.
        max_ratio: Unpacked size over packed size of a file in a ZIP (small files are exempt).
        max_records: Rows, records, lines or e-mails that are looked at, for previews; 0 is all.
    """

    max_item_chars: int = 32 * 2**20
    max_turns: int = 2000
    max_turn_chars: int = 50_000
    max_archive_files: int = 20_000
    max_archive_bytes: int = 8 * 2**30
    max_ratio: float = 200.0
    max_records: int = 0


_SUSPECT_PARTS = r"[^\s@]+@[^\s@]+|(?:\d[ ._()+-]?){5,}"
_DATE = r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0\d|1[0-2])\1(?:[0-2]\d|3[01])(?!\d)"


def safe_label(name: str) -> str:
    """A file's name for reports, or a hash and its suffix when it seems to hold a person, an address or a number."""
    import hashlib
    import re

    is_suspect = re.search(_SUSPECT_PARTS, re.sub(_DATE, "", name))
    if not is_suspect and masked_file_name(name, _patterns()) == name:
        return name
    suffix = Path(name).suffix if len(Path(name).suffix) <= 6 else ""
    return f"file-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}{suffix}"


@cache
def _patterns() -> Redactor:
    return pattern_redactor()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files of transcripts are read.

    Attributes:
        mapping: Columns of a CSV or XLSX; suggested from the header when absent.
        format: One of `FORMATS`; recognised from the content when absent.
        transcribe: Turns a recording into a transcript; recordings are refused without it.
        roles: Who is who, by the speaker's name as the file has it (compared without case).
        company_domains: Whoever writes e-mail from one of these is an agent.
        agent_channel: Channel of a stereo recording on which the agent speaks, 0 is left.
        encoding: The text encoding, when it is known; recognised when empty.
        label: Turns a file's name into the one that reports show.
    """

    mapping: ColumnMapping | None = None
    format: str | None = None
    transcribe: Callable[[Path], Transcript] | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    company_domains: tuple[str, ...] = ()
    agent_channel: int = 0
    encoding: str = ""
    limits: Limits = Limits()
    label: Callable[[str], str] = safe_label


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as its source has it.

    Attributes:
        speaker: Whatever the source calls the author: a role, a kind of account, a name.
        role: The role, where the source's structure tells it whatever the author is called.
    """

    speaker: str
    text: str
    at: str = ""
    rating: int = 0
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation as its source has it, not yet checked.

    Attributes:
        rating: What the customer thought of the whole: 1, -1, or 0 when unknown.
        source: The label of the original file, where the file at hand says it.
    """

    line: int
    messages: tuple[RawMessage, ...]
    id: str = ""
    customer: str = ""
    started_at: str = ""
    rating: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is being read: where it lies, what reports call it, and how it is read."""

    path: Path
    label: str
    options: ReadOptions

    @property
    def limits(self) -> Limits:
        """The options' limits."""
        return self.options.limits

    def dropped(self, line: int, kind: str, why: str, count: int = 1) -> Dropped:
        """Something of this file that is not used."""
        return Dropped(self.label, line, why, kind, count)

    def with_options(self, **changes: object) -> "Source":
        """The same file, read in another way."""
        return replace(self, options=replace(self.options, **changes))  # type: ignore[arg-type]
