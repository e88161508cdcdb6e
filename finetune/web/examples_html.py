"""A dataset as HTML: its parts, what was left out, its card, and some examples to read."""

from collections.abc import Mapping
from typing import Any

from chatbot.templates import Language
from finetune.dataset import Example
from finetune.dataset.store import PARTS
from finetune.web.examples import Statistics, card_text
from finetune.web.render import counts_html, escaped, heading, paragraph, table_html
from finetune.web.texts import TEXTS


def dataset_html(found: Statistics | None, language: Language) -> str:
    """How many examples there are, in which part, made of what."""
    words = TEXTS[language]
    if found is None:
        return paragraph(words["no_examples"], "quiet")
    counts: Mapping[str, int] = found.card["examples"]
    told = words["examples_told"].format(n=f"{sum(counts.values()):,}", hash=found.card["dataset_hash"][:12])
    headers = [words[name] for name in ("part", "examples", "conversations", "sources", "answer_chars")]
    rows = [_part(found.card, part, language) for part in PARTS]
    return paragraph(told, "good") + table_html(words["examples"], headers, rows)


def _part(card: Mapping[str, Any], part: str, language: Language) -> list[str]:
    statistics, conversations = card["statistics"].get(part, {}), card.get("conversations", {})
    return [
        TEXTS[language][f"part_{part}"],
        f"{card['examples'][part]:,}",
        f"{conversations.get(part, 0):,}",
        f"{statistics.get('sources', 0):,}",
        f"{statistics.get('answer_chars_mean', 0):,.0f}",
    ]


def counted_html(title: str, name: str, counts: Mapping[str, int], language: Language) -> str:
    """The figures of a plot as a table."""
    return counts_html(title, (name, TEXTS[language]["how_often"]), counts) if counts else ""


def details_html(found: Statistics | None, language: Language) -> str:
    """Replies that teach nothing, examples to read, and the data card."""
    if found is None:
        return ""
    words = TEXTS[language]
    dropped = found.card.get("dropped") or {}
    left = heading(words["replies_left"]) + counted_html(
        words["replies_left"], words["reason"], dropped, language
    )
    shown = "".join(_example(example, language) for example in found.shown)
    return (
        (left if dropped else "")
        + heading(words["examples_shown"])
        + f'<div class="ft-cards ft-wide">{shown}</div>'
        + f'<details class="ft-details"><summary>{escaped(words["data_card"])}</summary>'
        + f'<pre class="ft-pre" tabindex="0">{escaped(card_text(found.card))}</pre></details>'
    )


def _example(example: Example, language: Language) -> str:
    words = TEXTS[language]
    asked = escaped(example.prompt[-1].content)
    return (
        f'<article class="ft-card"><h4>{escaped(example.kind)}</h4>'
        f'<details class="ft-details"><summary>{escaped(words["prompt"])}</summary>'
        f'<p class="ft-answer">{asked}</p></details>'
        f'<p class="ft-answer"><b>{escaped(_question(example))}</b></p>'
        f'<p class="ft-answer">{escaped(example.answer)}</p></article>'
    )


def _question(example: Example) -> str:
    return example.prompt[-1].content.rpartition("Question: ")[2].strip()
