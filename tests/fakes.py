"""Small stand-ins that behave: a perceiver, a knowledge base and a generator without any model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chatbot.adapter_choice import Lineup, Stamp
from chatbot.errors import FrontdeskError, GenerationError
from chatbot.generators.base import Prompt
from chatbot.messages import Message, Observation, ScreenReading, Transcript
from chatbot.text import content_words
from knowledge_base.documents import Chunk, FaqEntry, FaqMatch, RetrievalResult, RetrievedChunk
from knowledge_base.image_reading import ImageReading
from knowledge_base.local_features import LocalFeatures

RETURNS = Chunk(
    "returns#0",
    "returns",
    "Returns",
    "You can return a Dot within 45 days of delivery. Returns are free within Germany.",
    0,
    82,
    url="https://wren.example/returns",
)
CODES = Chunk("codes#0", "codes", "Error codes", "Error WR-204 means that the Dot is too far away.", 0, 48)
INVOICE = FaqEntry("faq-7", "Where is my invoice?", "Open **Account** and press *Invoices*.")
RECEIPT = FaqEntry("faq-8", "How do I get a receipt?", "We send it by e-mail.")
VAGUE = "paper for my taxes"
"""What may mean either of the two, as `FakeIntents` has it."""
UNSURE = {VAGUE: {"faq-8": 0.35, "faq-7": 0.3}}


@dataclass
class FakePerceiver:
    """Reads attachments from a table by their hash, and takes the customer's corrections."""

    screens: Mapping[str, ScreenReading] = field(default_factory=dict)
    transcripts: Mapping[str, Transcript] = field(default_factory=dict)
    describes: bool = False

    def perceive(self, message: Message, vocabulary: Sequence[str] = ()) -> Observation:
        hashes = [a.sha256 for a in message.attachments]
        unread = [a for a in message.attachments if a.sha256 not in {*self.screens, *self.transcripts}]
        fixed = message.corrections
        return Observation(
            message.text,
            tuple(
                replace(self.transcripts[h], corrected_text=fixed.get(h))
                for h in hashes
                if h in self.transcripts
            ),
            tuple(replace(self.screens[h], corrected_text=fixed.get(h)) for h in hashes if h in self.screens),
            problems=(*message.problems, *(f"I could not read {a.name}." for a in unread)),
        )

    def described(self, observation: Observation) -> Observation:
        if not self.describes:
            return observation
        screens = tuple(replace(s, description="A red light.") for s in observation.screens)
        return replace(observation, screens=screens)

    def visual_path(self, sha256: str) -> Path:
        return Path("/stored") / sha256


@dataclass
class FakeKnowledgeBase:
    """Ranks passages by the share of the query's words they hold."""

    chunks: Sequence[Chunk] = (RETURNS, CODES)
    faq: Sequence[FaqEntry] = (INVOICE,)
    queries: list[str] = field(default_factory=list)
    has_images: bool = False
    compared: list[ImageReading] = field(default_factory=list)

    def read_image(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
        nothing = LocalFeatures(np.zeros((0, 2), np.uint16), np.zeros((0, 128), np.uint8))
        return ImageReading(text or "", np.zeros(1, np.float32), nothing)

    def retrieve(
        self,
        query: str,
        top_k: int | None = None,
        extra: str = "",
        images: Sequence[ImageReading] = (),
    ) -> RetrievalResult:
        self.queries.append(query)
        self.compared += images
        wanted = set(content_words(f"{query} {extra}"))
        shares = [(_share(wanted, chunk.embedding_text), chunk) for chunk in self.chunks]
        ranked = sorted(shares, key=lambda pair: -pair[0])
        matches = [
            FaqMatch(e, e.question, _share(set(content_words(e.question)), query)) for e in self.faq if query
        ]
        return RetrievalResult(
            query,
            tuple(RetrievedChunk(chunk, share / 30, {"dense": share}) for share, chunk in ranked if share),
            tuple(sorted(matches, key=lambda match: -match.similarity)),
        )

    def vocabulary(self) -> Sequence[str]:
        return ("Wren One", "Dot")

    def add_entry(self, entry: FaqEntry) -> None:
        self.faq = (*self.faq, entry)


@dataclass
class FakeIntents:
    """Knows how likely FAQ entries are, by the question: `{question: {entry id: probability}}`."""

    likely: Mapping[str, Mapping[str, float]]

    def judged(self, question: str, result: RetrievalResult) -> RetrievalResult:
        chances = self.likely.get(question, {})
        return replace(result, faq=tuple(replace(m, probability=chances.get(m.entry.id)) for m in result.faq))


def _share(wanted: set[str], text: str) -> float:
    return len(wanted & set(content_words(text))) / len(wanted) if wanted else 0.0


@dataclass
class FakeGenerator:
    """Says a fixed text word by word, remembers what it was asked, and can fail part-way.

    Without `likely` it is an engine that does not tell probabilities.
    """

    says: str = "You can return a Dot within 45 days. [1]"
    fails_after: int | None = None
    name: str = "fake"
    context_tokens: int = 1000
    sees_images: bool = False
    image_tokens: int = 0
    likely: Mapping[str, float] | None = None
    prompts: list[Prompt] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    adapters: list[str | None] = field(default_factory=list)
    pieces_said: int = 0
    closed_early: bool = False

    def stream(
        self,
        prompt: Prompt,
        *,
        images: Sequence[Path] = (),
        adapter: str | None = None,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        prefix: str = "",
    ) -> Iterator[str]:
        self.prompts.append(prompt)
        self.prefixes.append(prefix)
        self.images += images
        self.adapters.append(adapter)
        try:
            for position, word in enumerate(self.says.removeprefix(prefix).split(" ")):
                if position == self.fails_after:
                    raise GenerationError("The language model's answer broke off.", "Please try again.")
                self.pieces_said += 1
                yield word if position == 0 else f" {word}"
        except GeneratorExit:
            self.closed_early = True
            raise

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        if self.likely is None:
            raise GenerationError("The language model's server does not tell how likely words are.")
        return tuple(self.likely.get(option, 0.0) for option in options)

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        return sum(len(turn.content.split()) for turn in prompt) + self.image_tokens * len(images)

    def close(self) -> None:
        pass


@dataclass
class FakeShelf:
    """A registry of adapters in memory."""

    chosen: Lineup = field(default_factory=Lineup)
    usual: Lineup = field(default_factory=Lineup)
    problem: FrontdeskError | None = None
    changes: int = 0

    def choose(self, lineup: Lineup, problem: FrontdeskError | None = None) -> None:
        self.chosen, self.problem = lineup, problem
        self.changes += 1

    def stamp(self) -> Stamp:
        return (self.changes,)

    def lineup(self) -> Lineup:
        if self.problem:
            raise self.problem
        return self.chosen

    def default(self) -> Lineup:
        return self.usual
