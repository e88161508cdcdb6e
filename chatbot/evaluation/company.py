"""Whole turns of a help centre: a folder of articles, FAQ tables and `questions.jsonl`, laid out as `examples/` is.

Written questions, {question, relevant: [id]} with nothing relevant where no article answers, are asked with everything
loaded. What the help centre itself asks, its headings and FAQ phrasings, is asked with the articles alone loaded, so
that no answer was written before and each is composed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatbot.errors import InputError
from chatbot.evaluation.report import Evaluation, Miss, all_rows, intervals, means_over, worst
from chatbot.evaluation.rows import Questions, read_rows
from chatbot.evaluation.turns import answer_to, whole_turns
from chatbot.messages import Decision, Done, Message
from chatbot.policy import ANSWERED
from chatbot.settings import Settings
from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import FAQ_PREFIX

_MARK = re.compile(r"\[\d{1,2}\]")
_TOKEN = re.compile(r"[A-Za-z0-9$€£¥%+@:/._~#?=&-]+")  # in Chinese no space stands around a number
_EDGES = ".:/-_?=&#~+"
_ADDRESS = re.compile(r"@|://|[A-Za-z]\.[A-Za-z]{2}")
_CAPITALS = re.compile(r"[A-Z]{2,}(?:-[A-Z]+)*")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the articles and FAQ entries that answer it, and how the turn ended.

    Attributes:
        cited: What the answer cites; a reviewed answer stands for the article it was written from, too.
    """

    question: str
    relevant: frozenset[str]
    done: Done
    cited: frozenset[str]

    @property
    def is_answered(self) -> bool:
        """Whether something is claimed."""
        return self.done.decision in ANSWERED

    @property
    def is_right(self) -> bool:
        """Whether a right article is cited."""
        return bool(self.relevant & self.cited)


def evaluate_company(
    data: Path,
    settings: Settings,
    questions: Questions = Questions.WRITTEN,
    *,
    first: int = 0,
    last: int | None = None,
) -> Evaluation:
    """Asks each question in a conversation of its own.

    Args:
        first: Question to begin with.
        last: Question to stop before.

    Returns:
        `answered_rate` (answerable questions to which something is claimed), `right_source_rate` (of these answers,
        those that cite a right article), `false_answer_rate` (questions that nothing answers to which something is
        claimed), `generated` (how many answers were composed) and `unsupported` (how many of these hold a number, code,
        link or address that nothing they cite holds). A share of nothing is left out.

    Raises:
        FrontdeskError: A row is not of the format, or a model is missing.
    """
    written = _written(data) if questions is Questions.WRITTEN else []
    with whole_turns(settings, data) as services:
        loaded = services.loaded()
        articles = {entry.id: entry.article_id for entry in loaded.knowledge_base.faq_entries()}
        rows = (written or _own(loaded.knowledge_base))[first:last]
        if not rows:
            raise InputError("There is no question between `first` and `last`.")
        if questions is Questions.OWN:
            for entry_id in articles:
                loaded.knowledge_base.remove_document(FAQ_PREFIX + entry_id)
        asked = []
        for question, relevant in rows:
            done = answer_to(services, Message(question))
            ids = {citation.document_id for citation in done.citations}
            cited = frozenset(ids | {articles[i] for i in ids if i in articles})
            asked.append(Asked(question, relevant, done, cited))
        generator = loaded.generator.name
    metrics, ends = _figures(asked)
    return Evaluation(
        "company",
        data.resolve().name,
        len(asked),
        metrics,
        ends,
        {"generator": generator, "adapter": settings.adapter, "questions": str(questions), "first": first},
        worst([miss for one in asked for miss in _misses(one)], shown=len(asked)),
    )


def unsupported(done: Done) -> tuple[str, ...]:
    """What a composed answer states that nothing it cites holds: numbers, codes, names in capitals, links, addresses.

    Looks for each as it is written. On purpose not by the check that every answer has passed already.
    """
    evidence = "\n".join(f"{c.title}\n{c.passage}\n{c.url}" for c in done.citations).casefold()
    tokens = (token.strip(_EDGES) for token in _TOKEN.findall(_MARK.sub(" ", done.text)))
    return tuple(token for token in tokens if _is_fact(token) and not _stands_in(token, evidence))


def _is_fact(token: str) -> bool:
    has_digit = any(character.isdigit() for character in token)
    return has_digit or bool(_ADDRESS.search(token)) or bool(_CAPITALS.fullmatch(token))


def _stands_in(token: str, evidence: str) -> bool:
    exact = re.escape(token.casefold())
    return re.search(rf"(?<![a-z0-9])(?<!\d[.,]){exact}(?![a-z0-9]|[.,]\d)", evidence) is not None


def _figures(asked: Sequence[Asked]) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    answerable = [one for one in asked if one.relevant]
    answered = [one for one in answerable if one.is_answered]
    shares: list[Sequence[Mapping[str, float]]] = [
        [{"answered_rate": float(one.is_answered)} for one in answerable],
        [{"right_source_rate": float(one.is_right)} for one in answered],
        [{"false_answer_rate": float(one.is_answered)} for one in asked if not one.relevant],
    ]
    metrics: dict[str, float] = {}
    ends: dict[str, tuple[float, float]] = {}
    for rows in shares:
        measure = means_over(rows)
        metrics |= measure(all_rows(len(rows))) if rows else {}
        ends |= intervals(measure, len(rows))
    generated = [one for one in asked if one.done.decision is Decision.GENERATE]
    invented = sum(bool(unsupported(one.done)) for one in generated)
    return metrics | {"generated": float(len(generated)), "unsupported": float(invented)}, ends


def _misses(one: Asked) -> list[Miss]:
    given = f"{one.done.decision}: {one.done.text}"
    invented = unsupported(one.done) if one.done.decision is Decision.GENERATE else ()
    if invented:
        return [Miss(one.question, f"not {', '.join(invented)}", given, 3.0)]
    if one.is_answered and not one.relevant:
        return [Miss(one.question, "no answer", given, 2.0)]
    if one.relevant and not one.is_right:
        return [Miss(one.question, " or ".join(sorted(one.relevant)), given, 1.0)]
    return []


def _written(data: Path) -> list[tuple[str, frozenset[str]]]:
    rows = read_rows(data / "questions.jsonl", ("question", "relevant"))
    for number, row in enumerate(rows, 1):
        if not isinstance(row["relevant"], list) or not str(row["question"]).strip():
            raise InputError(
                f"Row {number} of questions.jsonl needs a question and a list of what answers it."
            )
    return [(str(row["question"]), frozenset(map(str, row["relevant"]))) for row in rows]


def _own(knowledge_base: KnowledgeBase) -> list[tuple[str, frozenset[str]]]:
    """Titles and headings of the articles, then all phrasings of reviewed answers that were written from an article."""
    headings = {
        (name, chunk.document_id)
        for chunk in knowledge_base.snapshot().chunks
        if not chunk.document_id.startswith(FAQ_PREFIX)
        for name in (chunk.title, *chunk.heading_path[-1:])
    }
    phrasings = [
        (phrasing, entry.article_id)
        for entry in knowledge_base.faq_entries()
        if entry.article_id
        for phrasing in entry.all_phrasings
    ]
    return [(question, frozenset({article})) for question, article in (*sorted(headings), *phrasings)]
