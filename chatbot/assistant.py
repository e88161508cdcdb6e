"""One customer turn: `Assistant.respond` turns a message into a stream of events.

Views translate the events; the store keeps the question before anything is done with it and the answer
when it is complete, stopped or failed.
"""

import logging
import threading
import time
from collections.abc import Generator as Steps
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Protocol, TypeVar

from chatbot.citations import Citations, best_quote, grounded_sentences, opening
from chatbot.draft import Draft, begin
from chatbot.errors import FrontdeskError, GenerationError, InputError
from chatbot.first_mark import FirstMark
from chatbot.generators.base import Generator
from chatbot.generators.swap import TurnGenerator, one_turn
from chatbot.messages import (
    CitationAdded,
    Decided,
    Decision,
    Done,
    Kind,
    Message,
    Observation,
    OptionsOffered,
    Perceived,
    Retrieved,
    Stage,
    StatusChanged,
    StreamEvent,
    TextDelta,
    Warned,
)
from chatbot.passage_choice import about_code, most_specific, of_its_kind
from chatbot.policy import (
    ANSWERED,
    Cause,
    ClarifyRule,
    PolicyDecision,
    best_part,
    decide,
    is_unanswered,
    reconsider,
)
from chatbot.privacy import rules_from_settings
from chatbot.privacy.codes import company_patterns
from chatbot.prompt import Passage
from chatbot.screen_search import ReadsImages, screen_images
from chatbot.settings import Settings
from chatbot.slots import entities, filled, has_slots
from chatbot.store import Conversation, ConversationStore, Evidence, StoredMessage
from chatbot.templates import Language, say
from chatbot.text import clean_text
from chatbot.understand import (
    asks_about_screen,
    changes_subject,
    language_of,
    questions_in,
    standalone_query,
)
from chatbot.wishes import NO_WISHES, Wishes
from knowledge_base.documents import FaqMatch, RetrievalResult
from knowledge_base.image_reading import ImageReading

log = logging.getLogger(__name__)
_PROMPT_PASSAGES = 3
_Item = TypeVar("_Item")


class Perceives(Protocol):
    """What the assistant needs of `perceive.Perceiver`."""

    def perceive(self, message: Message, vocabulary: Sequence[str] = ()) -> Observation:
        """Reads and hears everything in a message; failures become `Observation.problems`."""
        ...

    def described(self, observation: Observation) -> Observation:
        """With a sentence on what each picture shows, where that can be said."""
        ...

    def visual_path(self, sha256: str) -> Path:
        """The stored image with this hash."""
        ...


class Searches(ReadsImages, Protocol):
    """What the assistant needs of `knowledge_base.base.KnowledgeBase`."""

    def retrieve(
        self,
        query: str,
        top_k: int | None = None,
        extra: str = "",
        images: Sequence[ImageReading] = (),
    ) -> RetrievalResult:
        """Passages and FAQ matches for a question and what a screenshot shows."""
        ...

    def vocabulary(self) -> Sequence[str]:
        """Product names that bias speech recognition."""
        ...


class JudgesIntents(Protocol):
    """What the assistant needs of `faq_intents.FaqIntents`."""

    def judged(self, question: str, result: RetrievalResult) -> RetrievalResult:
        """The result with the FAQ entry that is likeliest asked for in front, and how likely that is."""
        ...


class HandsOff(Protocol):
    """What the assistant needs of `handoff_desk.HandoffDesk`."""

    @property
    def frustration_threshold(self) -> float:
        """From which a fed-up customer is handed to a person."""
        ...

    def is_with_person(self, conversation_id: str) -> bool:
        """Whether a person has the conversation, so that the assistant is silent."""
        ...

    def wishes(self, said: str, earlier: Sequence[StoredMessage], conversation: Conversation) -> Wishes:
        """What in a message, and in the conversation before it, speaks for a person."""
        ...

    def hand_off(self, conversation: Conversation, cause: Cause, *, said: str, language: Language) -> str:
        """Asks for a person, and says what the customer is to be told."""
        ...


@dataclass(slots=True)
class _Turn:
    """What is known of the turn so far; becomes the stored evidence."""

    conversation: Conversation
    started_s: float
    language: Language = "en"
    decision: PolicyDecision = field(default_factory=lambda: PolicyDecision(Decision.DECLINE, ()))
    wishes: Wishes = NO_WISHES
    result: RetrievalResult = field(default_factory=lambda: RetrievalResult(""))
    images: Sequence[ImageReading] = ()
    citations: Citations = field(default_factory=Citations)
    text: str = ""
    adapter: str = ""
    tokens: int = 0
    begins: FirstMark | None = None
    refusal_probability: float | None = None
    leaves_out: bool = False
    timings_ms: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def options(self) -> tuple[str, ...]:
        """The questions that are offered when it is asked back."""
        return tuple(match.entry.question for match in self.decision.options)

    def mark(self, name: str, since_s: float) -> None:
        self.timings_ms[name] = round((time.perf_counter() - since_s) * 1000, 1)

    def spend(self, name: str, since_s: float) -> None:
        """Adds to what a stage has taken that others interrupt."""
        ms = self.timings_ms.get(name, 0.0) + (time.perf_counter() - since_s) * 1000
        self.timings_ms[name] = round(ms, 3)


class Assistant:
    """Answers messages with the company's own articles. Safe to use from several threads at once.

    Args:
        handoff: Brings in people of the team; without it nobody is ever handed to one.
        intents: Tells how likely a FAQ entry is what is asked for; without it only similarity counts.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        perceiver: Perceives,
        knowledge_base: Searches,
        generator: Generator,
        settings: Settings,
        handoff: HandsOff | None = None,
        intents: JudgesIntents | None = None,
    ) -> None:
        self._store = store
        self._intents = intents
        self._handoff = handoff
        self._perceiver = perceiver
        self._knowledge_base = knowledge_base
        self._generator = generator
        self._settings = settings
        self._codes = company_patterns(rules_from_settings(settings))
        self._answering = 0
        self._lock = threading.Lock()

    @property
    def answering(self) -> int:
        """Turns that are being answered now."""
        return self._answering

    def respond(
        self, message: Message, conversation_id: str, visitor_id: str, question_id: str = ""
    ) -> Steps[StreamEvent, None, None]:
        """Answers one message; closing the iterator stops the answer and keeps what was said so far.

        Args:
            question_id: Id under which the message is stored, where it was promised one; it may be there already.

        Raises:
            InputError: The message holds nothing at all.
            ConversationNotFoundError: The conversation does not exist or is another visitor's.
            StorageError: The question could not be stored; nothing was answered.
            TurnTakenOverError: Another process answers it; nothing of this answer is kept.
        """
        message, warnings = self._accepted(message)
        conversation = self._store.get(conversation_id, visitor_id)
        earlier = tuple(takewhile(lambda m: m.id != question_id, conversation.messages))
        turn = _Turn(replace(conversation, messages=earlier), time.perf_counter())
        question_id = self._store.add_question(conversation_id, visitor_id, message, question_id)
        stopped = True
        self._count(1)
        try:
            for warning in warnings:
                yield self._warn(turn, warning)
            observation = yield from self._perceive(turn, message, question_id)
            yield from self._answer(turn, observation)
            yield from self._described(observation, question_id)
            stopped = False
        except FrontdeskError as error:
            log.warning("turn failed", exc_info=error)
            yield self._warn(turn, str(error))
        finally:
            self._count(-1)
            turn.mark("total", turn.started_s)
            message_id = self._keep(turn, stopped, question_id)  # nothing where a person has the conversation
        yield Done(
            conversation_id,
            message_id,
            turn.text,
            turn.decision.decision,
            tuple(turn.citations.added),
            turn.timings_ms,
            stopped,
            turn.tokens,
            turn.options,
        )

    def _count(self, turns: int) -> None:
        with self._lock:
            self._answering += turns

    def _accepted(self, message: Message) -> tuple[Message, list[str]]:
        text, limit = clean_text(message.text), self._settings.max_message_chars
        warnings = []
        if len(text) > limit:
            text = text[:limit]
            language = language_of(Observation(text))
            warnings.append(say("shortened", language, limit=f"{limit:,}"))
        if not text and not message.attachments and not message.problems:
            raise InputError(
                "The message is empty.", "Type a question, add a screenshot or record a voice note."
            )
        return replace(message, text=text), warnings

    def _answer(self, turn: _Turn, observation: Observation) -> Iterator[StreamEvent]:
        if self._handoff and self._handoff.is_with_person(turn.conversation.id):
            turn.decision = PolicyDecision(Decision.PERSON, ("a person has the conversation",))
            yield from _announced(turn)
            return
        asked = yield from self._retrieve(turn, observation)
        if turn.decision.decision is Decision.GENERATE:
            with one_turn(self._generator, turn.conversation.id) as generator:
                yield from self._composed_answer(turn, asked, generator)
        else:
            yield from _announced(turn)
        if turn.decision.decision is Decision.TEMPLATE and turn.decision.template:
            yield from self._reviewed_answer(turn, turn.decision.template)
        elif turn.decision.decision is Decision.CLARIFY:
            yield self._say(turn, say("clarify", turn.language))
            yield OptionsOffered(turn.options)
        elif turn.decision.decision is Decision.DECLINE:
            nothing = not observation.said and not observation.seen
            yield self._say(turn, say("nothing" if nothing else "decline", turn.language))
        elif turn.decision.decision is Decision.REFUSE:
            yield self._say(turn, say("refuse", turn.language, company=self._settings.company_name))
        elif turn.decision.cause and self._handoff:
            said, cause = observation.said, turn.decision.cause
            yield self._say(
                turn, self._handoff.hand_off(turn.conversation, cause, said=said, language=turn.language)
            )

    def _perceive(
        self, turn: _Turn, message: Message, question_id: str
    ) -> Steps[StreamEvent, None, Observation]:
        since_s = time.perf_counter()
        kinds = {attachment.kind for attachment in message.attachments}
        if kinds & {Kind.AUDIO, Kind.VIDEO}:
            yield StatusChanged(Stage.LISTENING)
        elif kinds:
            yield StatusChanged(Stage.READING)
        observation = self._perceiver.perceive(message, self._knowledge_base.vocabulary())
        if not self._generator.sees_images:  # words are all that it will know of the pictures
            observation = self._perceiver.described(observation)
        turn.language = language_of(observation)
        self._store.set_observation(question_id, observation)
        turn.mark("perceive", since_s)
        yield Perceived(observation)
        for problem in observation.problems:
            yield self._warn(turn, problem)
        return observation

    def _described(self, observation: Observation, question_id: str) -> Iterator[StreamEvent]:
        """Says what the pictures show once they are answered: a model that sees them needs no words for it."""
        described = self._perceiver.described(observation)
        if described != observation:
            self._store.set_observation(question_id, described)
            yield Perceived(described)

    def _retrieve(self, turn: _Turn, observation: Observation) -> Steps[StreamEvent, None, Observation]:
        """Decides, and gives what is answered: the message, or the one question of it that something was found for."""
        yield StatusChanged(Stage.SEARCHING)
        since_s = time.perf_counter()
        earlier = [m.text for m in turn.conversation.messages if m.role == "user" and m.text]
        query = self._query(observation.said, earlier)
        turn.images = screen_images(self._knowledge_base, observation, self._perceiver.visual_path)
        if query or observation.seen or turn.images:
            turn.result = self._search(query, observation, turn.images)
        found_s = time.perf_counter()
        if query and self._intents:
            turn.result = self._intents.judged(query, turn.result)
        if self._handoff:
            turn.wishes = self._handoff.wishes(
                observation.said, turn.conversation.messages, turn.conversation
            )
        turn.decision = self._decide(turn, observation, turn.result)
        if is_unanswered(turn.decision) and asks_about_screen(observation):
            turn.result = self._search("", observation, turn.images)
            turn.decision = self._decide(turn, observation, turn.result)
        asked = self._part(turn, observation) if is_unanswered(turn.decision) else observation
        turn.mark("policy", found_s)
        turn.mark("retrieve", since_s)
        yield Retrieved(turn.result, turn.decision.decision is Decision.GENERATE)
        return asked

    def _part(self, turn: _Turn, observation: Observation) -> Observation:
        """The question of a message that most was found for; the message where nothing was for any."""
        parts = [replace(observation, text=q, transcripts=()) for q in questions_in(observation.said)]
        results = [self._searched(part, turn.images) for part in parts]
        decisions = [self._decide(turn, *each) for each in zip(parts, results, strict=True)]
        best = best_part(decisions, results)
        if best is None:
            return observation
        turn.result, turn.decision = results[best], decisions[best]
        turn.language, turn.leaves_out = language_of(parts[best]), len(parts) > 1
        return parts[best]

    def _searched(self, part: Observation, images: Sequence[ImageReading]) -> RetrievalResult:
        result = self._search(part.said, part, images)
        return self._intents.judged(part.said, result) if self._intents else result

    def _search(
        self, query: str, observation: Observation, images: Sequence[ImageReading]
    ) -> RetrievalResult:
        """What is found, with the slots of reviewed answers filled from what the customer named."""
        result = self._knowledge_base.retrieve(query, extra=observation.seen, images=images)
        if not has_slots(result):
            return result
        return filled(result, entities(observation, self._codes, self._knowledge_base.vocabulary()))

    def _query(self, said: str, earlier: Sequence[str]) -> str:
        """What is searched for: with the question before it, unless it is known in so many words or is about else."""
        query = standalone_query(said, earlier)
        if query == said:
            return query
        alone, joint = self._knowledge_base.retrieve(said), self._knowledge_base.retrieve(query)
        if alone.faq and alone.faq[0].similarity >= self._settings.template_min_similarity:
            return said
        return said if changes_subject(said, _texts(joint), _texts(alone)) else query

    def _decide(self, turn: _Turn, observation: Observation, result: RetrievalResult) -> PolicyDecision:
        settings, handoff = self._settings, self._handoff
        threshold = {"frustration_threshold": handoff.frustration_threshold} if handoff else {}
        return decide(
            observation,
            result,
            template_min_similarity=settings.template_min_similarity,
            template_min_probability=settings.template_min_probability,
            evidence_min_similarity=settings.evidence_min_similarity,
            subject_min_similarity=settings.subject_min_similarity,
            clarify=None if _asked_back(turn.conversation) else _clarify_rule(settings),
            wishes=turn.wishes,
            **threshold,
        )

    def _reviewed_answer(self, turn: _Turn, match: FaqMatch) -> Iterator[StreamEvent]:
        entry = match.entry
        passage = Passage(1, entry.id, entry.question, entry.url, entry.answer)
        _, citation = turn.citations.cite(passage, entry.answer)
        yield self._say(turn, f"{entry.answer.rstrip()} [1]")
        if citation:
            yield CitationAdded(citation)

    def _composed_answer(
        self, turn: _Turn, observation: Observation, generator: TurnGenerator
    ) -> Iterator[StreamEvent]:
        """Ends without a word when the model would rather decline, the message and the likeliest of its questions."""
        found = about_code(turn.result.chunks, turn.decision.code)[:_PROMPT_PASSAGES]
        passages = [Passage.of(n, c.chunk, c.whole) for n, c in enumerate(found, 1)]
        since_s = time.perf_counter()
        try:
            similarities = [c.scores.get("dense", 0.0) for c in found]
            draft = yield from self._begun(turn, observation, passages, similarities, generator)
            if is_unanswered(turn.decision):  # what stands beside a question makes its passages doubtful
                parting_s = time.perf_counter()
                asked = self._part(turn, observation)
                turn.spend("policy", parting_s)
                if turn.decision.decision is Decision.GENERATE:
                    yield from self._composed_answer(turn, asked, generator)
                    return
            yield from _announced(turn)
            if turn.decision.decision is Decision.GENERATE:
                yield from self._generate(turn, observation, draft, since_s)
        except GenerationError as error:
            if turn.text:
                raise  # what was said stands; the customer is told that it broke off
            log.warning("generation failed", exc_info=error)
            yield self._warn(turn, say("engine_failed", turn.language))
        if not turn.text and passages and turn.decision.decision is Decision.GENERATE:
            likeliest = turn.begins.number if turn.begins else 0
            best = most_specific(of_its_kind(passages, observation.said), observation.error_codes, likeliest)
            yield from self._quoted_answer(turn, best)
        turn.mark("generate", since_s)

    def _begun(
        self,
        turn: _Turn,
        observation: Observation,
        passages: Sequence[Passage],
        similarities: Sequence[float],
        generator: TurnGenerator,
    ) -> Steps[StreamEvent, None, Draft]:
        images = []
        if generator.sees_images:
            images = [self._perceiver.visual_path(s.visual_sha256) for s in observation.screens]
        turn.adapter = generator.adapter_id
        try:
            draft = begin(
                generator,
                turn.conversation.messages,
                passages,
                observation,
                images,
                self._settings,
                similarities,
            )
        except FrontdeskError:
            yield from _announced(turn)
            raise
        turn.begins = draft.begins
        turn.tokens = draft.fitted.prompt_tokens
        turn.refusal_probability = draft.refusal_probability
        if draft.refusal_probability is not None and generator.refusal is not None:
            turn.decision = reconsider(
                turn.decision, draft.refusal_probability, generator.refusal.threshold, turn.wishes
            )
        return draft

    def _generate(
        self, turn: _Turn, observation: Observation, draft: Draft, since_s: float
    ) -> Iterator[StreamEvent]:
        pieces = self._timed(turn, draft, since_s)
        asked = (observation.said, *observation.seen.splitlines())
        sentences = grounded_sentences(pieces, draft.fitted.passages, asked, marks_first=bool(draft.prefix))
        joint = ""
        try:
            for sentence in _spending(sentences, turn, "checked"):
                quoting_s = time.perf_counter()
                quote = best_quote(sentence.text, sentence.passage)
                number, citation = turn.citations.cite(sentence.passage, quote)
                turn.spend("checked", quoting_s)
                shown = f"{sentence.text.strip()} [{number}]"
                yield self._say(turn, shown if not turn.text else joint + shown)
                joint = "\n" if sentence.text.endswith("\n") else " "
                if citation:
                    yield CitationAdded(citation)
        finally:
            pieces.close()
            waited_ms = turn.timings_ms.pop("engine", 0.0)
            turn.timings_ms["grounding"] = round(turn.timings_ms.pop("checked", 0.0) - waited_ms, 1)

    def _timed(self, turn: _Turn, draft: Draft, since_s: float) -> Steps[str, None, None]:
        if draft.prefix:
            yield draft.prefix  # its mark belongs to the first sentence
        for delta in _spending(draft.pieces(self._settings), turn, "engine"):
            if "first_token" not in turn.timings_ms:
                turn.mark("first_token", since_s)
            turn.tokens += 1
            yield delta

    def _quoted_answer(self, turn: _Turn, passage: Passage) -> Iterator[StreamEvent]:
        shown = opening(passage)
        quote = shown if shown in passage.text else best_quote(shown, passage)
        number, citation = turn.citations.cite(passage, quote)
        yield self._say(turn, f"{say('quote', turn.language)}\n\n{shown} [{number}]")
        if citation:
            yield CitationAdded(citation)

    def _say(self, turn: _Turn, text: str) -> TextDelta:
        if "first_text" not in turn.timings_ms:
            turn.mark("first_text", turn.started_s)
        if not turn.text and turn.leaves_out and turn.decision.decision in ANSWERED:
            text = f"{say('in_part', turn.language)}\n\n{text}"
        turn.text += text
        return TextDelta(text)

    def _warn(self, turn: _Turn, message: str) -> Warned:
        turn.warnings.append(message)
        return Warned(message)

    def _keep(self, turn: _Turn, stopped: bool, question_id: str) -> str:
        if turn.decision.decision is Decision.PERSON:
            return ""
        evidence = Evidence(
            decision=turn.decision.decision,
            reasons=turn.decision.reasons,
            citations=tuple(turn.citations.added),
            retrieved=tuple((c.chunk.id, c.score) for c in turn.result.chunks),
            timings_ms=turn.timings_ms,
            warnings=tuple(turn.warnings),
            stopped=stopped,
            adapter=turn.adapter,
            refusal_probability=turn.refusal_probability,
            tokens=turn.tokens,
            options=turn.options,
        )
        conversation = turn.conversation
        return self._store.add_answer(
            conversation.id, conversation.visitor_id, turn.text, evidence, question_id
        )


def _spending(items: Iterator[_Item], turn: _Turn, name: str) -> Iterator[_Item]:
    """The items, while what making them takes is added to a stage; what is done with them is not."""
    while True:
        since_s = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            turn.spend(name, since_s)
        yield item


def _clarify_rule(settings: Settings) -> ClarifyRule:
    return ClarifyRule(settings.clarify_min_probability, settings.clarify_min_similarity)


def _texts(result: RetrievalResult) -> list[str]:
    """What the passages that the model would be shown say."""
    return [found.chunk.embedding_text for found in result.chunks[:_PROMPT_PASSAGES]]


def _asked_back(conversation: Conversation) -> bool:
    """Whether the answer before this one asked back: whoever was not helped by that is not asked back again."""
    evidences = (m.evidence for m in reversed(conversation.messages) if m.role == "assistant")
    evidence = next(evidences, None)
    return evidence is not None and evidence.decision is Decision.CLARIFY


def _announced(turn: _Turn) -> Iterator[StreamEvent]:
    yield Decided(turn.decision.decision, turn.decision.reasons)
    if turn.decision.decision is Decision.GENERATE:
        yield StatusChanged(Stage.ANSWERING)
