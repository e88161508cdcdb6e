"""Masking from the page: terms are kept, a sample is shown, what is stale says so."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.errors import InputError
from chatbot.privacy import PrivacyRules, load_reviewer_terms, pattern_redactor
from finetune.errors import RedactionError
from finetune.redact import Redaction, load_redacted
from finetune.transcripts import import_transcripts
from finetune.web.alone import alone
from finetune.web.privacy import PrivacyDesk, Terms, masked_parts
from finetune.web.privacy_html import masked_counts_html, redaction_html, sample_html
from tests.finetune.transcripts_files import chat, write


def open_redaction(terms: Path | None) -> Redaction:
    rules = PrivacyRules()
    if terms is not None:
        rules = rules.reviewed(load_reviewer_terms(terms))
    return Redaction(pattern_redactor(rules), b"s" * 32)


@pytest.fixture
def desk(tmp_path: Path) -> PrivacyDesk:
    said = chat("c1", "Mail me at anna@mail.example about Project Heron, order WF-12345678.", "<b>Done</b>.")
    import_transcripts([write(tmp_path / "a.jsonl", said)], tmp_path / "data" / "imported.jsonl")
    return desk_of(tmp_path)


def desk_of(tmp_path: Path) -> PrivacyDesk:
    data = tmp_path / "data"
    return PrivacyDesk(data / "imported.jsonl", data / "redacted.jsonl", data / "terms.json", open_redaction)


def masked_text(tmp_path: Path) -> str:
    (redacted,) = load_redacted(tmp_path / "data" / "redacted.jsonl")
    return redacted.conversation.turns[0].text


def test_masking_counts_kinds_and_shows_a_sample(desk: PrivacyDesk, tmp_path: Path) -> None:
    told: list[int] = []
    report, sample = desk.redact(Terms(), told.append)
    assert report.masked == {"EMAIL": 1, "ORDER_ID": 1}
    assert told == [1]
    assert desk.sample() == sample
    shown = sample_html(sample, "en")
    assert "<del>anna@mail.example</del> <mark>&lt;EMAIL&gt;</mark>" in shown
    assert "&lt;b&gt;Done&lt;/b&gt;" in shown
    assert "<td>ORDER_ID</td><td>1</td>" in masked_counts_html(report, "en")
    assert "1 of them held personal data" in redaction_html(report, False, "en")
    assert "Only patterns" in redaction_html(report, False, "en")


def test_terms_are_masked_or_kept_and_remembered(desk: PrivacyDesk, tmp_path: Path) -> None:
    desk.redact(Terms("Project Heron\nDone = person", "anna@mail.example"))
    assert "<PRIVATE>" in masked_text(tmp_path)
    assert "anna@mail.example" in masked_text(tmp_path)
    assert desk_of(tmp_path).terms() == Terms("Project Heron = PRIVATE\nDone = PERSON", "anna@mail.example")
    desk.redact(Terms())
    assert "Project Heron" in masked_text(tmp_path)


@pytest.mark.parametrize(
    ("line", "problem"), [("Heron = BIRD", "'BIRD' in 'Heron = BIRD'"), (" = PERSON", "names nothing")]
)
def test_a_term_that_cannot_be_used_changes_nothing(desk: PrivacyDesk, line: str, problem: str) -> None:
    desk.redact(Terms("Project Heron"))
    with pytest.raises(InputError, match=problem):
        desk.redact(Terms(line))
    assert desk.terms() == Terms("Project Heron = PRIVATE")


def test_nothing_imported_and_a_second_masking_are_refused(desk: PrivacyDesk, tmp_path: Path) -> None:
    with pytest.raises(RedactionError, match="Nothing was imported"):
        desk_of(tmp_path / "elsewhere").redact(Terms())
    with alone(tmp_path / "data" / "redacted.jsonl", "x"), pytest.raises(InputError, match="Another masking"):
        desk.redact(Terms())
    assert desk.sample() == ()


def test_another_import_makes_the_masking_outdated(desk: PrivacyDesk, tmp_path: Path) -> None:
    assert not desk.is_outdated
    report, _ = desk.redact(Terms())
    assert not desk.is_outdated
    import_transcripts([write(tmp_path / "b.jsonl", chat("c2"))], tmp_path / "data" / "imported.jsonl")
    assert desk.is_outdated
    assert "mask again" in redaction_html(report, desk.is_outdated, "en")


def test_what_was_masked_is_laid_beside_its_placeholder() -> None:
    parts = list(masked_parts("I am Anna Smith, 0301234.", "I am <PERSON>, <PHONE>."))
    assert parts == [("I am ", ""), ("Anna Smith", "<PERSON>"), (", ", ""), ("0301234", "<PHONE>"), (".", "")]
    assert list(masked_parts("abc", "xyz")) == [("abc", "")]
    assert list(masked_parts("Anna", "<PERSON>")) == [("Anna", "<PERSON>")]


@given(
    st.lists(st.tuples(st.text("ab .", max_size=5), st.sampled_from(["", "<PERSON>", "<EMAIL>"])), max_size=6)
)
def test_the_pieces_always_make_up_the_text_before(pieces: list[tuple[str, str]]) -> None:
    before = "".join(text for text, _ in pieces)
    after = "".join(mask or text for text, mask in pieces)
    assert "".join(text for text, _ in masked_parts(before, after)) == before
