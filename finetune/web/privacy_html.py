"""Masking as HTML: what was counted, and conversations before and after."""

from collections.abc import Sequence

from chatbot.templates import Language
from finetune.conversations import Turn
from finetune.redact import Reviewed
from finetune.redaction_report import RedactionReport
from finetune.web.privacy import masked_parts
from finetune.web.render import counts_html, escaped, heading, paragraph
from finetune.web.texts import TEXTS

_SHOWN_TURNS = 12


def redaction_html(report: RedactionReport | None, is_outdated: bool, language: Language) -> str:
    """How much was masked."""
    words = TEXTS[language]
    if report is None:
        return paragraph(words["not_masked"], "quiet")
    told = words["masked_told"].format(
        conversations=f"{report.conversations:,}", affected=f"{report.affected:,}"
    )
    return (
        paragraph(told, "good")
        + (paragraph(words["mask_outdated"], "bad") if is_outdated else "")
        + (paragraph(words["mask_patterns_only"], "bad") if not report.has_model else "")
    )


def masked_counts_html(report: RedactionReport | None, language: Language) -> str:
    """The counts by kind as a table, for those who cannot see the plot."""
    words = TEXTS[language]
    if report is None or not report.masked:
        return ""
    return counts_html(words["masked_kinds"], (words["kind"], words["how_often"]), report.masked)


def sample_html(sample: Sequence[Reviewed], language: Language) -> str:
    """Conversations with what was masked struck through beside its placeholder."""
    words = TEXTS[language]
    if not sample:
        return ""
    cards = "".join(_card(reviewed, language) for reviewed in sample)
    legend = paragraph(words["sample_legend"], "quiet")
    return heading(words["sample"]) + legend + f'<div class="ft-cards ft-wide">{cards}</div>'


def _card(reviewed: Reviewed, language: Language) -> str:
    pairs = zip(reviewed.before.turns, reviewed.after.turns, strict=False)
    turns = "".join(_turn(before, after, language) for before, after in list(pairs)[:_SHOWN_TURNS])
    return f'<article class="ft-card"><ol class="ft-turns">{turns}</ol></article>'


def _turn(before: Turn, after: Turn, language: Language) -> str:
    shown = "".join(_piece(text, mask) for text, mask in masked_parts(before.text, after.text))
    return (
        f'<li class="ft-turn ft-{before.role}"><b>{escaped(TEXTS[language][before.role])}</b>'
        f"<span>{shown}</span></li>"
    )


def _piece(text: str, mask: str) -> str:
    if not mask:
        return escaped(text)
    return f"<del>{escaped(text)}</del> <mark>{escaped(mask)}</mark>"
