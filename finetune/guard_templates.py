"""The guard set of template intents: a made-up FAQ, whose phrasings get their reviewed answers and look-alikes do not.

A reviewed answer is chosen before any model is asked, so no adapter changes it: the set is measured once for all that
are compared, with the embedder and the thresholds that serve. It knows nothing of how answers are written.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from chatbot.messages import Decision, Observation
from finetune.guards import PREFIX, Decides, SearchesFaq
from finetune.metrics import RowScores
from knowledge_base.documents import FaqEntry

METRIC = f"{PREFIX}template_intents"


@dataclass(frozen=True, slots=True)
class FixedTemplate:
    """A FAQ entry with questions that are near to it and ask for something else."""

    entry: FaqEntry
    near: tuple[str, ...]


@cache
def fixed_templates() -> tuple[FixedTemplate, ...]:
    """The entries that come with Frontdesk."""
    text = files("finetune").joinpath("guard_sets", "template_intents.jsonl").read_text(encoding="utf-8")
    rows = (json.loads(line) for line in text.splitlines() if line.strip())
    return tuple(
        FixedTemplate(
            FaqEntry(row["id"], row["question"], row["answer"], tuple(row["phrasings"])), tuple(row["near"])
        )
        for row in rows
    )


def write_faq(path: Path) -> None:
    """The entries as a FAQ table that a knowledge base takes in."""
    lines = (
        json.dumps(
            {"id": e.id, "question": e.question, "answer": e.answer, "phrasings": " | ".join(e.phrasings)}
        )
        for e in (template.entry for template in fixed_templates())
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def guard_template_intents(
    knowledge_base: SearchesFaq, decides: Decides, templates: Sequence[FixedTemplate] = ()
) -> dict[str, RowScores]:
    """`guard_template_intents` of every question by `template/QUESTION`.

    It is 1 when a phrasing gets its own reviewed answer, and when a look-alike gets none.

    Args:
        knowledge_base: Holds the entries of `fixed_templates` and nothing else.
    """
    scores: dict[str, RowScores] = {}
    for template in templates or fixed_templates():
        wanted = dict.fromkeys(template.entry.all_phrasings, template.entry.id)
        for question, entry_id in {**wanted, **dict.fromkeys(template.near, "")}.items():
            decision, named = decides(Observation(question), knowledge_base.retrieve(question))
            given = named if decision is Decision.TEMPLATE else ""
            scores[f"template/{question}"] = {METRIC: float(given == entry_id)}
    return scores
