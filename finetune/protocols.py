"""Questions with known answers, made from what a company already has; each protocol is seeded and repeatable.

- Heading questions: a section's heading is the question and its first two sentences the answer; its nearest
  sections by BM25 distract, and for every fifth question the right section itself is withheld.
- Human questions: questions people wrote, with the passages that the knowledge base finds for them.
- Passage questions: questions that come with passages, some of which support the answer.
"""

import ast
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chatbot.prompt import REFUSAL, Passage, Question, render_conversation
from chatbot.text import content_words, split_sentences, words
from finetune.evaluation_rows import EvaluationError, EvaluationRow, read_jsonl
from knowledge_base.documents import FAQ_PREFIX, RetrievalResult
from knowledge_base.lexical import LexicalIndex

PASSAGES = 3
"""Passages in a prompt, as when answering."""
WITHHELD_EVERY = 5
_WIDE = 12  # passages looked at, so that enough are left when a document is withheld
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_LIST_MARK = re.compile(r"^\s*(?:[-*+>]|\d{1,2}[.)])\s+", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_NO_PROSE = re.compile(r"^\s*[|`<:!]|```|\|.*\|")
_EMPHASIS = re.compile(r"\*\*|__|`")
_MOST_CHARS = 1200
_FEWEST_WORDS = 5
_REFERENCE_SENTENCES = 2
_FEW_KEYWORDS = 2


class Searches(Protocol):
    """What is needed of `knowledge_base.base.KnowledgeBase`."""

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        """Passages for a question, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the text below it, up to the next heading."""

    article: str
    title: str
    heading: str
    text: str

    @property
    def path(self) -> str:
        """Title and heading as a passage shows them."""
        return self.heading if self.heading == self.title else f"{self.title} > {self.heading}"

    @property
    def reference(self) -> str:
        """The first two sentences in plain words; empty when the section begins with a table, code or a few words."""
        lines = [line for line in self.text.splitlines() if line.strip()][:_REFERENCE_SENTENCES]
        if any(_NO_PROSE.search(line) for line in lines):
            return ""
        plain = _EMPHASIS.sub("", _LINK.sub(r"\1", _LIST_MARK.sub("", self.text)))
        sentences = [s.strip() for s in split_sentences([plain]) if words(s)]
        reference = " ".join(sentences[:_REFERENCE_SENTENCES])
        return reference if len(words(reference)) >= _FEWEST_WORDS else ""


def sections_of(articles: Path) -> list[Section]:
    """The sections of an `articles.jsonl` ({id, title, text}); text before the first heading stands under the title.

    Raises:
        EvaluationError: The file cannot be read or a row lacks its text.
    """
    return [section for number, row in read_jsonl(articles) for section in _sections(row, articles, number)]


def _sections(row: dict[str, Any], articles: Path, number: int) -> Iterator[Section]:
    if not isinstance(row.get("text"), str):
        raise EvaluationError(f"{articles.name}, line {number} lacks `text`.")
    title = str(row.get("title") or row.get("id"))
    heading, start = title, 0
    for match in [*_HEADING.finditer(row["text"]), None]:
        text = row["text"][start : match.start() if match else None].strip()
        if text:
            yield Section(str(row.get("id", number)), title, heading, _shortened(text))
        if match:
            heading, start = _LINK.sub(r"\1", match[1]).strip(), match.end()


def _shortened(text: str) -> str:
    if len(text) <= _MOST_CHARS:
        return text
    kept = ""
    for sentence in split_sentences([text]):
        if kept.strip() and len(kept) + len(sentence) > _MOST_CHARS:
            break
        kept += sentence
    return kept[:_MOST_CHARS].strip()


def heading_questions(
    articles: Path, *, n: int = 240, seed: int = 0, company: str = "", as_keywords: bool = False
) -> list[EvaluationRow]:
    """Rows of the heading protocol; fewer than `n` when the articles do not hold as many.

    Only headings that occur once are asked, since "Notes" alone asks nothing.

    Args:
        as_keywords: Ask with some of a heading's words, as people do who do not know it, instead of with all of it.

    Raises:
        EvaluationError: No section can be asked about.
    """
    sections = sections_of(articles)
    askable = _askable(sections)
    if not askable or len(sections) <= PASSAGES:
        raise EvaluationError(
            f"{articles.name} holds no sections to ask about.",
            "Give articles with headings and sentences below them.",
        )
    randomness = random.Random(seed)  # noqa: S311 (sampling, not secrets)
    chosen = randomness.sample(askable, min(n, len(askable)))
    index = LexicalIndex(f"{s.path}\n{s.text}" for s in sections)
    return [
        _heading_row(
            sections,
            index,
            at,
            _keywords(sections[at].heading, randomness) if as_keywords else sections[at].heading,
            count % WITHHELD_EVERY == WITHHELD_EVERY - 1,
            company,
            randomness,
        )
        for count, at in enumerate(chosen)
    ]


def _keywords(heading: str, randomness: random.Random) -> str:
    """The words that carry meaning, of more than two all but one, the first with a capital."""
    kept = [word for word in heading.split() if content_words(word)] or heading.split()
    if len(kept) > _FEW_KEYWORDS:
        del kept[randomness.randrange(len(kept))]
    text = " ".join(kept)
    return text[:1].upper() + text[1:]


def _askable(sections: Sequence[Section]) -> list[int]:
    times = Counter(section.heading.lower() for section in sections)
    return [
        at
        for at, section in enumerate(sections)
        if times[section.heading.lower()] == 1 and words(section.heading) and _answers(section)
    ]


def _answers(section: Section) -> bool:
    """Whether there is an answer and it says more than the heading does."""
    return bool(section.reference) and not set(words(section.reference)) <= set(words(section.heading))


def _heading_row(
    sections: Sequence[Section],
    index: LexicalIndex,
    at: int,
    asked: str,
    withheld: bool,
    company: str,
    randomness: random.Random,
) -> EvaluationRow:
    section = sections[at]
    ranked = np.argsort(-index.scores(asked), kind="stable")
    neighbours = [int(i) for i in ranked if i != at and sections[i].text != section.text]
    shown = neighbours[:PASSAGES] if withheld else [at, *neighbours[: PASSAGES - 1]]
    randomness.shuffle(shown)
    return grounded_row(
        [(sections[i].article, sections[i].path, sections[i].text) for i in shown],
        Question(asked),
        references=[section.reference],
        gold=[] if withheld else [shown.index(at) + 1],
        company=company,
        kind="heading",
        source=section.article,
    )


def grounded_row(
    passages: Sequence[tuple[str, str, str]],
    question: Question,
    *,
    references: Sequence[str],
    gold: Sequence[int],
    company: str,
    kind: str,
    source: str = "",
) -> EvaluationRow:
    """A row in the prompt format used when answering; without `gold` the right answer is a refusal.

    Args:
        passages: Document id, title and text of each, in the order in which they are numbered.
    """
    numbered = [
        Passage(n, document, title, "", text) for n, (document, title, text) in enumerate(passages, 1)
    ]
    prompt = render_conversation(company or "the company", [], numbered, question)
    kept = tuple(references) if gold else (REFUSAL,)
    return EvaluationRow(tuple(prompt), kept, frozenset(gold), kind, source)


def human_questions(
    questions: Path,
    knowledge_base: Searches,
    *,
    language: str = "en",
    company: str = "",
    withheld: bool = False,
) -> list[EvaluationRow]:
    """Rows from {question, answer, relevant: [document id]} with the passages that are really found.

    Without `relevant` a question must be refused. A question whose document is not found is left out: whether the
    passages that were found hold its answer is not known.

    Args:
        withheld: Only the questions that have a document, each with the next best passages and none of that document.

    Raises:
        EvaluationError: The file cannot be read, lacks a part or has no question in this language.
    """
    rows = []
    for number, record in read_jsonl(questions):
        if not isinstance(record.get("question"), str) or not isinstance(record.get("relevant"), list):
            raise EvaluationError(f"{questions.name}, line {number} lacks `question` or `relevant`.")
        if record.get("language", "en") == language:
            rows += (_withheld_row if withheld else _human_row)(record, knowledge_base, company)
    if not rows:
        raise EvaluationError(f"{questions.name} has no questions in {language!r}.")
    return rows


def _human_row(record: dict[str, Any], knowledge_base: Searches, company: str) -> list[EvaluationRow]:
    found = knowledge_base.retrieve(record["question"]).chunks[:PASSAGES]
    passages = [Passage.of(n, retrieved.chunk) for n, retrieved in enumerate(found, 1)]
    relevant = _relevant(record)
    gold = [p.number for p in passages if p.document_id in relevant]
    if not passages or (relevant and not gold):
        return []
    return [_asked_of(record, passages, gold, company, str(record.get("kind", "human")))]


def _withheld_row(record: dict[str, Any], knowledge_base: Searches, company: str) -> list[EvaluationRow]:
    relevant = _relevant(record)
    found = [hit.chunk for hit in knowledge_base.retrieve(record["question"], _WIDE).chunks]
    others = [chunk for chunk in found if chunk.document_id.removeprefix(FAQ_PREFIX) not in relevant]
    passages = [Passage.of(n, chunk) for n, chunk in enumerate(others[:PASSAGES], 1)]
    return [_asked_of(record, passages, [], company, "withheld")] if relevant and passages else []


def _relevant(record: dict[str, Any]) -> set[str]:
    return {str(document).removeprefix(FAQ_PREFIX) for document in record["relevant"]}


def _asked_of(
    record: dict[str, Any], passages: Sequence[Passage], gold: Sequence[int], company: str, kind: str
) -> EvaluationRow:
    return grounded_row(
        [(p.document_id, p.title, p.text) for p in passages],
        Question(record["question"]),
        references=_references(record.get("answer")),
        gold=gold,
        company=company,
        kind=kind,
    )


def passage_questions(questions: Path, *, seed: int = 0, company: str = "") -> list[EvaluationRow]:
    """Two rows from each {question, answer, passages: [{text, supports}]}: one answerable and one withheld.

    The answerable one has one supporting passage among others that do not support, the withheld one only such.

    Raises:
        EvaluationError: The file cannot be read, or no question has passages of both kinds.
    """
    randomness = random.Random(seed)  # noqa: S311 (sampling, not secrets)
    rows: list[EvaluationRow] = []
    for number, record in read_jsonl(questions):
        passages = record.get("passages")
        if not isinstance(passages, list) or not all(isinstance(p, dict) and "text" in p for p in passages):
            raise EvaluationError(f"{questions.name}, line {number} lacks `passages`.")
        rows += _passage_rows(record, randomness, company)
    if not rows:
        raise EvaluationError(f"{questions.name} has no question with supporting and other passages.")
    return rows


def _passage_rows(record: dict[str, Any], randomness: random.Random, company: str) -> list[EvaluationRow]:
    right = [str(p["text"]) for p in record["passages"] if p.get("supports")]
    wrong = [str(p["text"]) for p in record["passages"] if not p.get("supports")]
    rows = []
    if right and len(wrong) >= PASSAGES - 1:
        rows.append(_passage_row(record, [right[0], *wrong[: PASSAGES - 1]], right, randomness, company))
    if len(wrong) >= PASSAGES:
        rows.append(_passage_row(record, wrong[:PASSAGES], (), randomness, company))
    return rows


def _passage_row(
    record: dict[str, Any], texts: list[str], right: Sequence[str], randomness: random.Random, company: str
) -> EvaluationRow:
    shown = randomness.sample(texts, len(texts))
    return grounded_row(
        [(f"passage-{n}", f"Passage {n}", text) for n, text in enumerate(shown, 1)],
        Question(str(record["question"])),
        references=_references(record.get("answer")),
        gold=[n for n, text in enumerate(shown, 1) if text in right],
        company=company,
        kind="answerable" if right else "withheld",
    )


def _references(answer: object) -> list[str]:
    """The spellings of a right answer; some sets write a list of them as text."""
    if isinstance(answer, str) and answer.startswith("[") and answer.endswith("]"):
        try:
            answer = ast.literal_eval(answer)
        except (ValueError, SyntaxError):
            return [str(answer)]
    if isinstance(answer, list):
        return [reference for part in answer for reference in _references(part)]
    return [] if answer is None else [str(answer)]
