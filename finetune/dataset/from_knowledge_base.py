"""Examples from a knowledge base itself: headings become questions, sentences become cited answers.

The distractors are the retriever's other hits, and a section is withheld to teach the refusal.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chatbot.citations import facts
from chatbot.generators.base import ChatTurn
from chatbot.prompt import Passage
from chatbot.text import content_words
from finetune.dataset.example import Context, Example, marked, neighbours_first
from finetune.dataset.questions import (
    absent_question,
    heading_question,
    sentence_question,
    vague_question,
    varied,
)
from finetune.dataset.sections import Section, Sentence, holds, sections
from finetune.settings import DatasetSettings
from knowledge_base.documents import Chunk, Document, RetrievalResult
from knowledge_base.scope import public_documents

CLARIFY = "Could you tell me a little more? Which product or page is it about, and what do you see?"
_NEIGHBOURS = 10
_CHARS_PER_TOKEN = 3.6
_MAX_SHARED_WORDS = 0.55  # above this the passages may answer the withheld question after all
_SCREEN_CHARS = 400
Progress = Callable[[int, int], None]


class Searchable(Protocol):
    """What is needed of a `KnowledgeBase`."""

    def documents(self) -> Sequence[Document]:
        """All documents."""
        ...

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        """Passages, best first."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, the sentences that answer it, and the section they are from."""

    question: str
    answer: tuple[Sentence, ...]
    section: Section
    kind: str


def build_examples(
    knowledge_base: Searchable,
    settings: DatasetSettings,
    seed: int,
    progress: Progress = lambda done, total: None,
    companies: Sequence[str] = (),
) -> list[Example]:
    """Examples from all documents, at most `settings.examples`; the same seed gives the same ones.

    Questions about the same passages stand together, so that training computes the passages once.

    Args:
        companies: Names to speak for in turn, for an adapter that is not one company's; `settings.company_name` alone
            when empty.
    """
    names = tuple(companies) or (settings.company_name,)
    rng = random.Random(seed)  # noqa: S311 (examples, not secrets)
    return list(_Builder(knowledge_base, settings, names, rng, progress).build())


class _Builder:
    def __init__(
        self,
        knowledge_base: Searchable,
        settings: DatasetSettings,
        companies: Sequence[str],
        rng: random.Random,
        progress: Progress,
    ) -> None:
        self._companies = companies
        self._knowledge_base = knowledge_base
        self._settings = settings
        self._rng = rng
        self._progress = progress
        self._by_document = {d.id: sections(d) for d in public_documents(knowledge_base.documents())}
        self._sections = [section for found in self._by_document.values() for section in found]
        self._headings = Counter(section.heading.casefold() for section in self._sections)

    def build(self) -> Iterator[Example]:
        anchors = list(self._sections)
        self._rng.shuffle(anchors)
        made = 0
        for anchor in anchors:
            if made >= self._settings.examples:
                return
            examples = self._around(anchor)[: self._settings.examples - made]
            made += len(examples)
            yield from examples
            self._progress(made, self._settings.examples)

    def _around(self, anchor: Section) -> list[Example]:
        """Several questions about the passages that the anchor's question finds."""
        first = self._ask(anchor)
        hits = [hit.chunk for hit in self._knowledge_base.retrieve(first.question, _NEIGHBOURS).chunks]
        withheld = self._rng.random() < self._settings.refusal_share
        passages = self._passages(first, hits, withheld=withheld)
        if not passages or not self._fits(passages):
            return []
        context = self._context(passages)
        examples = [self._example(first, passages, context)]
        # what a screenshot or earlier turn is about belongs to the first question alone
        shared = replace(context, history=(), seen="")
        others = self._others(first, passages, hits)
        for asked in others[: self._settings.questions_per_context - 1]:
            examples.append(self._example(asked, passages, shared))
        examples += self._extras(anchor, passages, shared)
        return neighbours_first([example for example in examples if example])

    def _ask(self, section: Section) -> _Asked:
        rng, settings = self._rng, self._settings
        if len(section.sentences) > 1 and rng.random() < settings.specific_share:
            chosen = rng.choice(section.sentences[1:])
            question = sentence_question(chosen.text, section.heading, rng)
            return _Asked(self._vary(question), (chosen,), section, "sentence")
        ambiguous = self._headings[section.heading.casefold()] > 1 or rng.random() < 0.3
        question = heading_question(section.heading, section.title, rng, name_title=ambiguous)
        return _Asked(self._vary(question), section.opening(settings.max_answer_words), section, "heading")

    def _vary(self, question: str) -> str:
        return varied(question, self._rng) if self._rng.random() < self._settings.augment_share else question

    def _passages(self, asked: _Asked, hits: Sequence[Chunk], *, withheld: bool) -> list[Chunk]:
        """The passages of the prompt; none when the retriever misses the section or the question is unfair."""
        gold = [chunk for chunk in hits if holds(chunk, asked.section, asked.answer)]
        others = [chunk for chunk in hits if chunk not in gold]
        wanted = self._settings.passages
        if withheld:
            chosen = others[:wanted]
            return chosen if not _may_answer(asked, chosen) else []
        if not gold:
            return []
        order = [chunk for chunk in hits if chunk is gold[0] or chunk in others]
        return order[:wanted] if gold[0] in order[:wanted] else [*order[: wanted - 1], gold[0]]

    def _as_found(self, question: str, passages: Sequence[Chunk]) -> list[Chunk]:
        """The passages in the order in which this question finds them, as in serving; now and then in any order."""
        if self._rng.random() < self._settings.shuffle_share:
            return self._rng.sample(passages, len(passages))
        hits = [hit.chunk.id for hit in self._knowledge_base.retrieve(question, _NEIGHBOURS).chunks]
        return sorted(passages, key=lambda one: hits.index(one.id) if one.id in hits else len(hits))

    def _fits(self, passages: Sequence[Chunk]) -> bool:
        settings = self._settings
        tokens = sum(len(passage.embedding_text) for passage in passages) / _CHARS_PER_TOKEN + 120
        is_long_allowed = self._rng.random() < settings.long_share
        return tokens <= (settings.max_prompt_tokens if is_long_allowed else settings.usual_prompt_tokens)

    def _others(self, first: _Asked, passages: Sequence[Chunk], hits: Sequence[Chunk]) -> list[_Asked]:
        """Questions about the other passages, the first one again, and near ones that go unanswered."""
        near = [section for chunk in passages for section in self._sections_in(chunk)]
        far = [s for chunk in hits for s in self._sections_in(chunk) if s not in near]
        self._rng.shuffle(near)
        answered = [self._ask(section) for section in dict.fromkeys(near) if section != first.section]
        answered = [asked for asked in answered if _gold(asked, passages)]
        unanswered = [self._ask(section) for section in dict.fromkeys(far)]
        unanswered = [a for a in unanswered if not _gold(a, passages) and not _may_answer(a, passages)]
        again = self._ask(first.section)
        mixed = [again, *answered][: self._settings.questions_per_context]
        refused = sum(self._rng.random() < self._settings.refusal_share * 0.7 for _ in mixed)
        mixed = [*mixed[: self._settings.questions_per_context - 1 - refused], *unanswered[:refused]]
        return [asked for asked in mixed if asked.question != first.question]

    def _sections_in(self, chunk: Chunk) -> list[Section]:
        found = self._by_document.get(chunk.document_id, ())
        return [s for s in found if chunk.start <= s.sentences[0].start and s.sentences[0].end <= chunk.end]

    def _example(self, asked: _Asked, passages: Sequence[Chunk], context: Context) -> Example | None:
        passages = self._as_found(asked.question, passages)
        context = replace(context, passages=_numbered(passages))
        gold = _gold(asked, passages)
        if not gold:
            if _may_answer(asked, passages):
                return None
            return context.refusal(asked.question, source=asked.section.source)
        if not set(facts(" ".join(s.text for s in asked.answer))) <= set(facts(passages[gold - 1].text)):
            return None
        answer = marked([sentence.text for sentence in asked.answer], gold)
        return context.example(
            asked.question, answer, kind=asked.kind, source=asked.section.source, gold=gold
        )

    def _extras(self, anchor: Section, passages: Sequence[Chunk], context: Context) -> list[Example]:
        """Details nobody mentions, and now and then a message too vague to answer."""
        extras = []
        rng, settings = self._rng, self._settings
        if rng.random() < settings.refusal_share:  # beside withheld sections: what no passage mentions
            evidence = "\n".join(passage.embedding_text for passage in passages)
            question = absent_question(anchor.heading, evidence, rng)
            if question:
                asked = self._vary(question)
                found = replace(context, passages=_numbered(self._as_found(asked, passages)))
                extras.append(found.refusal(asked, source=anchor.source, kind="absent detail"))
        if rng.random() < settings.clarify_share:
            question = vague_question(rng)
            extras.append(context.example(question, CLARIFY, kind="clarify", source=anchor.source, gold=-1))
        return extras

    def _context(self, chunks: Sequence[Chunk]) -> Context:
        context = Context(self._rng.choice(self._companies), _numbered(chunks))
        chance = self._rng.random()
        if chance < self._settings.screen_share:
            return replace(context, seen=_screen(chunks, self._rng))
        if chance < self._settings.screen_share + self._settings.follow_up_share:
            return replace(context, history=self._earlier())
        return context

    def _earlier(self) -> tuple[ChatTurn, ...]:
        """An earlier question and its answer, about something else."""
        asked = self._ask(self._rng.choice(self._sections))
        answer = marked([sentence.text for sentence in asked.answer], 1)
        return (ChatTurn("user", asked.question), ChatTurn("assistant", answer))


def _numbered(chunks: Sequence[Chunk]) -> tuple[Passage, ...]:
    return tuple(Passage.of(number, chunk) for number, chunk in enumerate(chunks, 1))


def _gold(asked: _Asked, passages: Sequence[Chunk]) -> int:
    """Number of the first passage with the whole answer; 0 when there is none."""
    found = (n for n, chunk in enumerate(passages, 1) if holds(chunk, asked.section, asked.answer))
    return next(found, 0)


def _may_answer(asked: _Asked, passages: Sequence[Chunk]) -> bool:
    """Whether a passage holds so many of the answer's words that a refusal would be wrong."""
    wanted = set(content_words(" ".join(sentence.text for sentence in asked.answer)))
    shared = (len(wanted & set(content_words(chunk.text))) for chunk in passages)
    return any(count > _MAX_SHARED_WORDS * len(wanted) for count in shared)


def _screen(chunks: Sequence[Chunk], rng: random.Random) -> str:
    """Words of a passage as they may stand on a screen, one line each."""
    lines = [line.strip() for line in rng.choice(chunks).text.splitlines() if line.strip()]
    start = rng.randrange(len(lines)) if lines else 0
    return "\n".join(lines[start : start + 4])[:_SCREEN_CHARS]
