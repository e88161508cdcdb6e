"""What the page shows, as HTML. Everything that comes from files is escaped here and nowhere else."""

import html
from collections.abc import Mapping, Sequence

from chatbot.templates import Language
from finetune.conversations import SupportConversation
from finetune.transcripts import Dropped, ImportReport
from finetune.web.texts import TEXTS
from finetune.web.upload import Upload

_SHOWN_TURNS = 8
_SHOWN_CHARS = 600
_SHOWN_DROPS = 100


def escaped(text: object) -> str:
    """Text as it may stand in HTML."""
    return html.escape(str(text))


def table_html(caption: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table that scrolls sideways where it does not fit; its caption is for screen readers."""
    head = "".join(f'<th scope="col">{escaped(header)}</th>' for header in headers)
    body = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="ft-scroll" tabindex="0" role="region" aria-label="{escaped(caption)}"><table class="ft-table">'
        f'<caption class="ft-hidden">{escaped(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def heading(text: str) -> str:
    """The title of a part of a step."""
    return f'<h3 class="ft-heading">{escaped(text)}</h3>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is empty, `good`, `bad` or `quiet`."""
    return f'<p class="ft-text ft-{kind or "plain"}">{escaped(text)}</p>' if text else ""


def counts_html(title: str, headers: tuple[str, str], counts: Mapping[str, int]) -> str:
    """Names with how often each was counted, the most frequent first."""
    rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return table_html(title, headers, [(name, f"{count:,}") for name, count in rows])


def uploads_html(uploads: Sequence[Upload], language: Language) -> str:
    """The files that wait for their import."""
    words = TEXTS[language]
    if not uploads:
        return ""
    rows = [(u.label, u.format or "–", u.problem or words["ready"]) for u in uploads]
    return table_html(words["files"], [words["file"], words["format"], words["note"]], rows)


def conversation_html(conversation: SupportConversation, language: Language) -> str:
    """One conversation, its beginning."""
    words = TEXTS[language]
    turns = "".join(
        f'<li class="ft-turn ft-{turn.role}"><b>{escaped(words[turn.role])}</b>'
        f"<span>{escaped(_short(turn.text))}</span></li>"
        for turn in conversation.turns[:_SHOWN_TURNS]
    )
    rest = len(conversation.turns) - _SHOWN_TURNS
    more = paragraph(words["more_turns"].format(n=rest), "quiet") if rest > 0 else ""
    about = " · ".join(part for part in (conversation.id, conversation.started_at[:16]) if part)
    return (
        f'<article class="ft-card"><h4>{escaped(about)}</h4><ol class="ft-turns">{turns}</ol>{more}</article>'
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def preview_html(
    conversations: Sequence[SupportConversation],
    dropped: Sequence[Dropped],
    problem: str,
    language: Language,
) -> str:
    """The first conversations of a file, and what of its beginning would be left out."""
    words = TEXTS[language]
    if not conversations and not dropped:
        return paragraph(problem or words["preview_none"], "bad")
    shown = "".join(conversation_html(conversation, language) for conversation in conversations)
    return f'<div class="ft-cards">{shown}</div>{_drops(dropped, len(dropped), language)}'


def import_html(report: ImportReport | None, language: Language) -> str:
    """What is imported, and what was left out of it and why."""
    words = TEXTS[language]
    if report is None:
        return paragraph(words["not_imported"], "quiet")
    told = words["imported"].format(conversations=f"{report.conversations:,}", turns=f"{report.turns:,}")
    if not report.reasons:
        return paragraph(told, "good") + paragraph(words["nothing_dropped"], "quiet")
    counts = counts_html(words["dropped"], (words["reason"], words["how_often"]), report.reasons)
    return (
        paragraph(told, "good")
        + heading(words["dropped"])
        + counts
        + _drops(report.dropped, sum(report.reasons.values()), language)
    )


def _drops(dropped: Sequence[Dropped], total: int, language: Language) -> str:
    words = TEXTS[language]
    if not dropped:
        return ""
    rows = [(d.source, d.line or "", d.why) for d in dropped[:_SHOWN_DROPS]]
    note = paragraph(words["first_of"].format(shown=len(rows), n=total), "quiet") if total > len(rows) else ""
    return table_html(words["dropped"], [words["file"], words["line"], words["reason"]], rows) + note
