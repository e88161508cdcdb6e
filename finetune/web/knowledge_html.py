"""Documents, passages and reports of the tab "Knowledge" as HTML."""

from base64 import b64encode
from collections.abc import Callable, Sequence

from chatbot.templates import Language
from finetune.web.knowledge import Listing, OpenQuestion, Shown
from finetune.web.render import escaped, heading, paragraph, table_html
from finetune.web.texts import TEXTS
from knowledge_base.documents import RetrievalResult, RetrievedChunk
from knowledge_base.entries import Entry
from knowledge_base.images import ImageMatch
from knowledge_base.report import IngestReport

_SHOWN_FAILURES = 100
_SHOWN_CHARS = 20_000
_ALIKE = 0.3  # below, a question is only the nearest of those that there are
_ORIGINS = {
    "upload": "kb_upload",
    "add": "kb_add",
    "sync": "kb_sync_folder",
    "site": "kb_site",
    "written": "kb_written",
}


def report_html(report: IngestReport, language: Language) -> str:
    """What a change did, and what was left out of it and why."""
    words = TEXTS[language]
    counts = {name: f"{getattr(report, name):,}" for name in ("added", "updated", "unchanged", "removed")}
    told = paragraph(words["kb_report"].format(**counts), "bad" if report.failed else "good")
    if not report.failed:
        return told
    rows = report.failed[:_SHOWN_FAILURES]
    more = words["first_of"].format(shown=len(rows), n=len(report.failed))
    return (
        told
        + heading(words["kb_failed"])
        + table_html(words["kb_failed"], [words["file"], words["reason"]], rows)
        + (paragraph(more, "quiet") if len(report.failed) > len(rows) else "")
    )


def listing_html(listing: Listing, language: Language) -> str:
    """How much there is, and the documents as a table."""
    words, stats = TEXTS[language], listing.stats
    counts = {
        name: f"{getattr(stats, name):,}" for name in ("documents", "chunks", "faq_entries", "phrasings")
    }
    if not stats.documents and not stats.faq_entries:
        return paragraph(words["kb_none"], "quiet")
    told = paragraph(words["kb_counts"].format(**counts))
    if not listing.entries:
        return told + paragraph(words["kb_none_fit"], "quiet")
    headers = [words[name] for name in ("kb_title", "kb_id", "kb_language", "kb_passages", "kb_from")]
    rows = [(e.title, e.id, e.language, f"{e.chunks:,}", origin_of(e, language)) for e in listing.entries]
    more = words["first_of"].format(shown=len(rows), n=f"{listing.total:,}")
    return (
        told
        + table_html(words["kb_documents"].lstrip("# "), headers, rows)
        + (paragraph(more, "quiet") if listing.total > len(rows) else "")
    )


def origin_of(entry: Entry, language: Language) -> str:
    """How an entry came in."""
    return TEXTS[language][_ORIGINS.get(entry.origin.partition(":")[0], "kb_unknown")]


def shown_html(shown: Shown | None, language: Language) -> str:
    """A document's facts and text."""
    words = TEXTS[language]
    if shown is None:
        return ""
    entry, text = shown.entry, shown.document.text
    kind, _, place = entry.origin.partition(":")
    facts = [
        entry.id,
        origin_of(entry, language),
        place,
        entry.source if entry.source != place else "",
        entry.url,
    ]
    note = paragraph(words["kb_synced_note"], "quiet") if kind in ("sync", "site") else ""
    also = ""
    if len(shown.phrasings) > 1:
        also = paragraph(f"{words['kb_phrasings']}: {' | '.join(shown.phrasings[1:])}", "quiet")
    cut = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
    return (
        heading(entry.title)
        + f'<p class="kb-facts">{escaped(" · ".join(dict.fromkeys(filter(None, facts))))}</p>'
        + note
        + also
        + f'<div class="kb-preview" tabindex="0" role="region" aria-label="{escaped(entry.title)}">'
        f'<p class="kb-text">{escaped(cut)}</p></div>'
    )


def open_questions_html(questions: Sequence[OpenQuestion], language: Language) -> str:
    """What customers asked in vain."""
    words = TEXTS[language]
    if not questions:
        return paragraph(words["kb_open_none"], "quiet")
    rows = [(q.question, q.times, f"{q.last_asked:%Y-%m-%d %H:%M}") for q in questions]
    headers = [words[name] for name in ("kb_asked", "kb_times", "kb_last")]
    return table_html(words["kb_open"].lstrip("# "), headers, rows)


def found_html(
    result: RetrievalResult, language: Language, picture: Callable[[str], bytes | None] = lambda _: None
) -> str:
    """Questions, passages and images that were found, with how every ranking scored them.

    Args:
        picture: A small PNG of an image by its SHA-256.
    """
    words = TEXTS[language]
    faq = "".join(
        _card(match.entry.question, [words["kb_similar"].format(similarity=f"{match.similarity:.2f}"), match.phrasing],
              match.entry.answer)
        for match in result.faq
        if match.similarity >= _ALIKE
    )  # fmt: skip
    passages = "".join(_passage(found, place, language) for place, found in enumerate(result.chunks, 1))
    images = "".join(_image(match, picture(match.sha256), language) for match in result.images)
    parts = {"kb_found_images": images, "kb_found_passages": passages, "kb_found_faq": faq}
    shown = "".join(heading(words[name]) + part for name, part in parts.items() if part)
    return shown or paragraph(words["kb_nothing_found"], "quiet")


def _image(match: ImageMatch, picture: bytes | None, language: Language) -> str:
    words = TEXTS[language]
    facts = [words["kb_score"].format(score=f"{match.score:.2f}")]
    facts += [words[f"kb_image_{name}"].format(value=f"{value:.2f}") for name, value in match.scores.items()]
    alt = escaped(match.alt or match.source)
    shown = f'<img alt="{alt}" src="data:image/png;base64,{b64encode(picture).decode()}">' if picture else ""
    return (
        f'<article class="kb-found"><h4>{alt}</h4>'
        f'<p class="kb-facts">{escaped(" · ".join([*facts, match.document_id, match.source]))}</p>{shown}</article>'
    )


def _passage(found: RetrievedChunk, place: int, language: Language) -> str:
    words, chunk = TEXTS[language], found.chunk
    facts = [words["kb_score"].format(score=f"{found.score:.4f}")]
    for name, value in found.scores.items():
        label = words.get(f"kb_{name}", f"{name} {{value}}")
        facts.append(label.format(value=f"{value:.2f}"))
    if chunk.page:
        facts.append(words["kb_page"].format(page=chunk.page))
    if found.folded:
        facts.append(words["kb_folded"].format(ids=", ".join(found.folded)))
    title = f"{place}. {' › '.join((chunk.title, *chunk.heading_path))}"
    return _card(title, [*facts, chunk.document_id], found.whole)


def _card(title: str, facts: list[str], text: str) -> str:
    return (
        f'<article class="kb-found"><h4>{escaped(title)}</h4><p class="kb-facts">{escaped(" · ".join(facts))}</p>'
        f'<p class="kb-text">{escaped(text)}</p></article>'
    )
