"""Fixed guard sets: what no adapter may unlearn, whatever company it was tuned for.

- Instructions: short general tasks with answers that a program can check, against forgetting.
- Refusals: passages of made-up companies with questions that they answer and questions that they do not.
- Template intents: known FAQ phrasings must still get the reviewed answer, which no adapter may change; those of the
  company here, a fixed FAQ in `guard_templates.py`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from chatbot.generators.base import ChatTurn, Generator
from chatbot.messages import Decision, Observation
from chatbot.policy import decide
from chatbot.prompt import Question
from chatbot.refusal import Similarity
from finetune.answering import Progress, no_progress
from finetune.evaluate import EvaluationRun, Refusal, evaluate_adapter
from finetune.evaluation_rows import EvaluationError, EvaluationRow
from finetune.journal import Journal
from finetune.metrics import RowScores
from finetune.protocols import grounded_row
from knowledge_base.documents import FaqEntry, RetrievalResult
from knowledge_base.scope import public_entries

COMPANY = "Larchmont"
PREFIX = "guard_"
_MAX_NEW_TOKENS = 48
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class Check:
    """What a right answer must be; every part that is given must hold.

    Attributes:
        contains_any: One of these words or phrases occurs, whatever its case.
        avoids: None of these occurs.
        begins_with: The answer's first words.
        most_words: No longer than this.
        lines: Exactly so many lines that are not empty.
        case: All letters are `upper` or `lower`.
        is_json: The answer is JSON, perhaps in a code fence.
    """

    contains_any: tuple[str, ...] = ()
    avoids: tuple[str, ...] = ()
    begins_with: tuple[str, ...] = ()
    most_words: int = 0
    lines: int = 0
    case: str = ""
    is_json: bool = False

    def passes(self, answer: str) -> bool:
        """Whether an answer holds all that is asked."""
        text = answer.strip()
        said = " ".join(_WORD.findall(text.lower()))
        return bool(text) and all(
            (
                not self.contains_any or any(_says(said, phrase) for phrase in self.contains_any),
                not any(_says(said, phrase) for phrase in self.avoids),
                not self.begins_with or any(_begins(said, phrase) for phrase in self.begins_with),
                not self.most_words or len(said.split()) <= self.most_words,
                not self.lines or sum(bool(line.strip()) for line in text.splitlines()) == self.lines,
                not self.case or text == (text.upper() if self.case == "upper" else text.lower()),
                not self.is_json or _is_json(text),
            )
        )


@dataclass(frozen=True, slots=True)
class Instruction:
    """A general task: what is asked, and what a right answer must be."""

    id: str
    prompt: str
    check: Check


def _says(said: str, phrase: str) -> bool:
    return f" {' '.join(_WORD.findall(phrase.lower()))} " in f" {said} "


def _begins(said: str, phrase: str) -> bool:
    return f"{said} ".startswith(f"{' '.join(_WORD.findall(phrase.lower()))} ")


def _is_json(text: str) -> bool:
    try:
        json.loads(re.sub(r"^```(?:json)?\s*|\s*```$", "", text))
    except ValueError:
        return False
    return True


@cache
def instructions() -> tuple[Instruction, ...]:
    """The general tasks that come with Frontdesk."""
    return tuple(
        Instruction(row["id"], row["prompt"], _check(row["check"])) for row in _guard_set("instructions")
    )


def _check(parts: Mapping[str, Any]) -> Check:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in parts.items()}
    return Check(**given)


@cache
def refusal_rows() -> tuple[EvaluationRow, ...]:
    """The fixed questions with passages: each group has questions that its passages answer and that they do not."""
    return tuple(
        grounded_row(
            [(f"{group['id']}-{n}", p["title"], p["text"]) for n, p in enumerate(group["passages"], 1)],
            Question(asked["question"]),
            references=[asked["answer"]] if "answer" in asked else [],
            gold=[asked["gold"]] if "gold" in asked else [],
            company=COMPANY,
            kind="guard",
            source=group["id"],
        )
        for group in _guard_set("refusals")
        for asked in group["questions"]
    )


def _guard_set(name: str) -> list[dict[str, Any]]:
    text = files("finetune").joinpath("guard_sets", f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def follow_instructions(
    generator: Generator,
    adapter: str | None,
    *,
    journal_path: Path | None = None,
    tasks: Sequence[Instruction] = (),
    progress: Progress = no_progress,
) -> dict[str, RowScores]:
    """`guard_instructions` of each task by `instruction/ID`: 1 when its answer passes.

    Raises:
        GenerationError: The engine failed.
    """
    tasks = tasks or instructions()
    about = {"instructions": adapter, "model": generator.name, "tasks": [asdict(t) for t in tasks]}
    journal = Journal(journal_path, about)
    for done, task in enumerate(tasks):
        progress(done, len(tasks))
        if task.id not in journal.records:
            prompt = [ChatTurn("user", task.prompt)]
            pieces = generator.stream(prompt, adapter=adapter, max_new_tokens=_MAX_NEW_TOKENS)
            journal.add(task.id, {"answer": "".join(pieces)})
    progress(len(tasks), len(tasks))
    passed = {task.id: task.check.passes(journal.records[task.id]["answer"]) for task in tasks}
    return {f"instruction/{task}": {f"{PREFIX}instructions": float(ok)} for task, ok in passed.items()}


def refuse_and_answer(
    generator: Generator,
    adapter: str | None,
    refusal: Refusal,
    *,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
    similarity: Similarity | None = None,
) -> EvaluationRun:
    """The fixed refusals and their answerable twins, with metrics named `guard_…`; errors as for `evaluate_adapter`."""
    run = evaluate_adapter(
        refusal_rows(),
        generator,
        adapter,
        refusal,
        journal_path=journal_path,
        progress=progress,
        similarity=similarity,
    )
    scores = {f"guard/{k}": {PREFIX + n: v for n, v in row.items()} for k, row in run.scores.items()}
    return EvaluationRun(run.name, run.answers, scores, run.settings)


class SearchesFaq(Protocol):
    """What is needed of `knowledge_base.base.KnowledgeBase`."""

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        """Passages and FAQ matches for a question."""
        ...

    def faq_entries(self) -> Sequence[FaqEntry]:
        """All FAQ entries."""
        ...


Decides = Callable[[Observation, RetrievalResult], tuple[Decision, str]]
"""A turn's decision and the id of the FAQ entry it names, if any."""


def template_intents(knowledge_base: SearchesFaq, decides: Decides) -> dict[str, RowScores]:
    """`template_intents` of every FAQ phrasing by `faq/PHRASING`: 1 when its own reviewed answer is given.

    Raises:
        EvaluationError: There are no FAQ entries.
    """
    scores: dict[str, RowScores] = {}
    for entry in public_entries(knowledge_base.faq_entries()):
        for phrasing in entry.all_phrasings:
            decision, named = decides(Observation(phrasing), knowledge_base.retrieve(phrasing))
            right = decision is Decision.TEMPLATE and named == entry.id
            scores[f"faq/{phrasing}"] = {"template_intents": float(right)}
    if not scores:
        raise EvaluationError("The knowledge base has no FAQ entries.")
    return scores


def by_policy(template_min_similarity: float, evidence_min_similarity: float) -> Decides:
    """The decisions of `policy.decide` at these thresholds."""

    def decides(observation: Observation, result: RetrievalResult) -> tuple[Decision, str]:
        made = decide(
            observation,
            result,
            template_min_similarity=template_min_similarity,
            evidence_min_similarity=evidence_min_similarity,
        )
        return made.decision, made.template.entry.id if made.template else ""

    return decides
