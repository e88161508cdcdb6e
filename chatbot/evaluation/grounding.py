"""Answering from evidence, and abstaining without it, on `questions.jsonl` {question, answer, passages}.

The passages of all questions are articles of one knowledge base, and every question is a whole turn: search, policy,
generation, checks. It is asked first while every passage that supports an answer is withheld, so that whatever is
claimed is wrong, and again once they are there.
"""

import json
import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatbot.citations import facts
from chatbot.errors import InputError
from chatbot.evaluation.report import Evaluation, Miss, all_rows, intervals, means_over, worst
from chatbot.evaluation.rows import Row, read_rows
from chatbot.evaluation.temporary import take_in_articles
from chatbot.evaluation.turns import answer_to, spread, whole_turns
from chatbot.messages import Done, Message
from chatbot.policy import ANSWERED
from chatbot.services import Services
from chatbot.settings import Settings

_MARK = re.compile(r"\s*\[\d{1,2}\]")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, answered with its supporting passages and without any."""

    row: Row
    supported: Done
    withheld: Done


def evaluate_grounding(data: Path, settings: Settings, sample: int = 0) -> Evaluation:
    """Asks each question twice.

    Args:
        sample: Questions asked, evenly spread; 0: all. The passages are always those of all.

    Returns:
        `answer_accuracy` (an answer that holds the expected one), `answered_rate`, `abstention_rate` (nothing is
        claimed while the supporting passages are withheld) and `unsupported_rate` (of the answers given, with or
        without: those with a number, code, link or address that no passage they cite holds).

    Raises:
        FrontdeskError: A row is not of the format, or a model is missing.
    """
    rows = read_rows(data / "questions.jsonl", ("question", "answer", "passages"))
    for number, row in enumerate(rows, 1):
        if not accepted_answers(row["answer"]) or not all(isinstance(p, dict) for p in row["passages"]):
            raise InputError(f"Row {number} of questions.jsonl lacks an answer, or passages with a text.")
    chosen = spread(rows, sample)
    with whole_turns(settings) as services:
        _take_in(services, rows, supporting=False)
        withheld = [answer_to(services, Message(str(row["question"]))) for row in chosen]
        _take_in(services, rows, supporting=True)
        supported = [answer_to(services, Message(str(row["question"]))) for row in chosen]
        generator = services.loaded().generator.name
    asked = [Asked(*each) for each in zip(chosen, supported, withheld, strict=True)]
    measure = means_over([_figures(one) for one in asked])
    given = [done for one in asked for done in (one.supported, one.withheld) if done.decision in ANSWERED]
    invented = means_over([{"unsupported_rate": float(is_unsupported(done))} for done in given])
    metrics = {
        **measure(all_rows(len(asked))),
        **(invented(all_rows(len(given))) or {"unsupported_rate": 0.0}),
    }
    return Evaluation(
        "grounding",
        data.name,
        len(asked),
        metrics,
        {**intervals(measure, len(asked)), **(intervals(invented, len(given)) if given else {})},
        {"generator": generator, "adapter": settings.adapter, "questions": len(rows), "answers": len(given)},
        worst([miss for one in asked for miss in _misses(one)]),
    )


def accepted_answers(answer: object) -> tuple[tuple[str, ...], ...]:
    """What an answer must hold: of each part one of its wordings. A text, or a list of texts and lists of wordings."""
    parts = answer if isinstance(answer, list) else [answer]
    wordings = [part if isinstance(part, list) else [part] for part in parts]
    found = tuple(tuple(_plain(str(w)) for w in part if _plain(str(w))) for part in wordings)
    return found if all(found) else ()


def is_right(text: str, answer: object) -> bool:
    """Whether a text holds the expected answer, whatever case and punctuation."""
    said = f" {_plain(text)} "
    return all(
        any(f" {w} " in said or (not w.isascii() and w in said) for w in part)
        for part in accepted_answers(answer)
    )


def is_unsupported(done: Done) -> bool:
    """Whether an answer states a number, code, link or address that nothing it cites holds."""
    evidence = "\n".join(f"{c.title}\n{c.passage}\n{c.url}" for c in done.citations)
    known = set(facts(evidence))
    known |= {fact.strip("$€£¥%+") for fact in known}
    return not known.issuperset(facts(_MARK.sub("", done.text)))


def _figures(one: Asked) -> Mapping[str, float]:
    is_answered = one.supported.decision in ANSWERED
    return {
        "answer_accuracy": float(is_answered and is_right(one.supported.text, one.row["answer"])),
        "answered_rate": float(is_answered),
        "abstention_rate": float(one.withheld.decision not in ANSWERED),
    }


def _misses(one: Asked) -> list[Miss]:
    question, wanted = str(one.row["question"]), str(one.row["answer"])
    missed = []
    for done, cost in ((one.supported, 3.0), (one.withheld, 2.0)):
        if done.decision in ANSWERED and is_unsupported(done):
            missed.append(Miss(question, "nothing that no passage holds", done.text, cost + 1))
    if one.withheld.decision in ANSWERED:
        missed.append(Miss(question, "no answer without its passages", one.withheld.text, 2.0))
    if not _figures(one)["answer_accuracy"]:
        missed.append(Miss(question, wanted, f"{one.supported.decision}: {one.supported.text}", 1.0))
    return missed


def _take_in(services: Services, rows: Sequence[Row], *, supporting: bool) -> None:
    articles = [
        {
            "id": f"q{n}-p{place}",
            "title": f"Passage {n + 1}.{place + 1}",
            "text": str(passage.get("text", "")),
        }
        for n, row in enumerate(rows)
        for place, passage in enumerate(row["passages"])
        if bool(passage.get("supports")) == supporting
    ]
    if not articles:
        raise InputError(
            "No passage of questions.jsonl supports an answer, or all do.", "Mark them by `supports`."
        )
    with tempfile.TemporaryDirectory(prefix="frontdesk-passages-") as folder:
        lines = "\n".join(json.dumps(article, ensure_ascii=False) for article in articles)
        (Path(folder) / "articles.jsonl").write_text(lines, encoding="utf-8")
        take_in_articles(services.loaded().knowledge_base, Path(folder))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))
