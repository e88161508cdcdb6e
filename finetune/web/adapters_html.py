"""The registry as HTML: the table of adapters, one adapter's figures, what customers think."""

from collections.abc import Sequence

from chatbot.adapter_files import DEFAULT_ADAPTER, NO_ADAPTER
from chatbot.store import AdapterFeedback
from chatbot.templates import Language
from finetune.registry import RegisteredAdapter
from finetune.web.adapters import Shelf
from finetune.web.render import heading, paragraph, table_html
from finetune.web.texts import TEXTS


def name_of(adapter_id: str, shelf: Shelf, language: Language) -> str:
    """How people call what answers: an id, the bare base, or the adapter of the settings."""
    words = TEXTS[language]
    if adapter_id == DEFAULT_ADAPTER:
        return words["default_adapter"].format(id=shelf.default)
    return words["bare_base"] if adapter_id == NO_ADAPTER else adapter_id


def serving_html(shelf: Shelf, language: Language) -> str:
    """What answers now, what is on trial, and what answered before."""
    words, pointer = TEXTS[language], shelf.pointer
    told = words["serving"].format(active=name_of(pointer.active, shelf, language))
    if pointer.canary:
        trial = name_of(pointer.canary.id, shelf, language)
        told += " " + words["on_trial"].format(share=f"{pointer.canary.share_percent:g}", id=trial)
    if pointer.previous:
        told += " " + words["before"].format(id=name_of(pointer.previous, shelf, language))
    return paragraph(told)


def adapters_html(shelf: Shelf, language: Language) -> str:
    """All adapters as a table."""
    words = TEXTS[language]
    if not shelf.adapters:
        return paragraph(words["no_adapters"], "quiet")
    headers = [words[name] for name in ("adapter", "state", "gate", "metrics", "made", "base")]
    return table_html(words["adapters"], headers, [_row(adapter, language) for adapter in shelf.adapters])


def _row(adapter: RegisteredAdapter, language: Language) -> list[str]:
    words, manifest = TEXTS[language], adapter.manifest
    return [
        adapter.id,
        words[adapter.role or "candidate"],
        words[gate_state(adapter)],
        _figure(manifest.metrics.get("answer_f1")),
        manifest.created_at[:16].replace("T", " "),
        manifest.base_model,
    ]


def gate_state(adapter: RegisteredAdapter) -> str:
    """The name of the words that say how its gate stands."""
    if adapter.registration.stale_since:
        return "gate_stale"
    gate = adapter.registration.gate
    if gate is None:
        return "gate_none"
    return "gate_passed" if gate.passed else "gate_failed"


def details_html(adapter: RegisteredAdapter | None, shelf: Shelf, language: Language) -> str:
    """What is known of one adapter, its figures beside those of the current one."""
    if adapter is None:
        return ""
    words = TEXTS[language]
    gate = adapter.registration.gate
    told = (
        paragraph(words["blocked"].format(why=adapter.objection.rstrip(".")), "bad")
        if adapter.objection
        else ""
    )
    if gate and gate.passed and not adapter.objection:
        told = "".join(paragraph(reason, "good") for reason in gate.reasons)
    return told + _figures(adapter, shelf.current, language) + _history(adapter, language)


def _figures(adapter: RegisteredAdapter, current: RegisteredAdapter | None, language: Language) -> str:
    words, figures = TEXTS[language], adapter.manifest.metrics
    if not figures:
        return ""
    headers, other = ["", adapter.id], {}
    if current and current.id != adapter.id:
        headers, other = [*headers, f"{current.id} ({words['active']})"], dict(current.manifest.metrics)
    rows = [
        [name, _figure(value), *([_figure(other.get(name))] if len(headers) > 2 else [])]
        for name, value in sorted(figures.items())
    ]
    return heading(words["measured"]) + table_html(words["measured"], headers, rows)


def _history(adapter: RegisteredAdapter, language: Language) -> str:
    words, times = TEXTS[language], adapter.registration.promotions
    if not times:
        return ""
    rows = [(p.at[:16].replace("T", " "), f"{p.share_percent:g} %", p.forced_because) for p in times]
    headers = [words["made"], words["share"], words["forced"]]
    return heading(words["history"]) + table_html(words["history"], headers, rows)


def feedback_html(counted: Sequence[AdapterFeedback], language: Language) -> str:
    """What customers think of each adapter's answers."""
    words = TEXTS[language]
    if not counted:
        return ""
    headers = [words[name] for name in ("adapter", "answers", "declined", "liked", "disliked")]
    rows = [(c.adapter, c.answers, c.declined, c.thumbs_up, c.thumbs_down) for c in counted]
    return heading(words["feedback"]) + table_html(words["feedback"], headers, rows)


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
