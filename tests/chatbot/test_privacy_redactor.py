"""The redactor: allow list, reviewer's terms, conversations, and what holds for any text."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.errors import InputError, ModelError
from chatbot.privacy import (
    PiiSpan,
    PiiType,
    PrivacyRules,
    Redactor,
    load_reviewer_terms,
    mask_spans,
    pattern_redactor,
    redactor_from_settings,
    rules_from_settings,
)
from chatbot.privacy.spans import without_overlaps
from chatbot.settings import Settings
from tests.conftest import ModelFiles

REDACTOR = pattern_redactor()
PIECES = st.sampled_from(
    [
        *(
            "my name is",
            "Oona",
            "Kirkby",
            "jo@mail.example",
            "+44 20 7946 0958",
            "4111 1111 1111 1111",
            "order",
        ),
        *("WF-20251103", "\n", ",", "?", "12 Harbour Lane", "born on 3 May 1990", "<PERSON>", "the router"),
        *("What is your last name?", "我叫王小明"),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map(" ".join))


@given(TEXTS)
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    position = 0
    for span in REDACTOR.detect(text):
        assert position <= span.start < span.end <= len(text)
        assert 0 < span.score <= 1
        position = span.end


@given(TEXTS)
def test_the_rest_of_the_text_is_left_as_it_was(text: str) -> None:
    spans = REDACTOR.detect(text)
    masked = mask_spans(text, spans)
    kept = [
        text[a:b]
        for a, b in zip([0, *(s.end for s in spans)], [*(s.start for s in spans), len(text)], strict=True)
    ]
    expected = kept[0] + "".join(f"<{s.entity_type}>{k}" for s, k in zip(spans, kept[1:], strict=True))
    assert masked.text == expected
    assert sum(masked.counts.values()) == len(spans)


@given(st.lists(TEXTS, max_size=6))
def test_a_conversation_keeps_its_turns(turns: list[str]) -> None:
    found = REDACTOR.detect_turns(turns)
    assert len(found) == len(turns)
    assert all(s.end <= len(turn) for turn, spans in zip(turns, found, strict=True) for s in spans)


@given(st.emails(), st.text(alphabet="abc \n.", max_size=30))
def test_no_ordinary_mailbox_survives(mailbox: str, around: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,10}", mailbox):
        return
    assert mailbox not in REDACTOR.mask(f"{around} {mailbox} {around}").text


@given(st.integers(10**7, 10**8 - 1))
def test_no_order_number_of_the_company_survives(number: int) -> None:
    assert REDACTOR.mask(f"it was wf-{number}, thanks").text == "it was <ORDER_ID>, thanks"


def test_masking_twice_is_masking_once() -> None:
    text = "I am Oona Kirkby, order WF-20251103, oona@mail.example, call +44 20 7946 0958."
    once = REDACTOR.mask(text).text
    assert REDACTOR.mask(once).text == once


def test_an_answer_is_understood_by_the_question_before_it() -> None:
    turns = [
        "May I have your last name and your order number?",
        "Magnusson",
        "What is your date of birth?",
        "3rd of May 90",
    ]
    masked = [m.text for m in REDACTOR.mask_turns(turns)]
    assert masked == [turns[0], "<PERSON>", turns[2], "<DATE_OF_BIRTH>"]


def test_what_is_allowed_stays_and_what_a_reviewer_denies_goes(tmp_path: Path) -> None:
    terms = tmp_path / "terms.json"
    terms.write_text(
        json.dumps(
            ["blue heron", {"term": "Kestrel", "type": "PERSON"}, {"term": "Oona Kirkby", "keep": True}]
        ),
        encoding="utf-8",
    )
    redactor = pattern_redactor(PrivacyRules().reviewed(load_reviewer_terms(terms)))
    masked = redactor.mask(
        "My name is Oona Kirkby. Kestrel asked about the Blue Heron and the Wren One, not kestrels."
    )
    assert masked.text == (
        "My name is Oona Kirkby. <PERSON> asked about the <PRIVATE> and the Wren One, not kestrels."
    )
    assert masked.counts == {"PERSON": 1, "PRIVATE": 1}


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '[{"term": ""}]', '[{"term": "x", "type": "BIRD"}]', '[{"type": "PERSON"}]']
)
def test_wrong_reviewer_terms_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "terms.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        load_reviewer_terms(path)


def test_a_company_brings_its_own_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        "allowed = ['Acme Hub']\nkept = ['\\bE\\d{5}\\b']\n[codes]\nTICKET_ID = ['\\bAC/\\d{3}\\b']\n"
        "[denied]\n'Project Heron' = 'PRIVATE'\n",
        encoding="utf-8",
    )
    rules = rules_from_settings(Settings(data_dir=tmp_path, privacy_rules=path, company_name="Acme"))
    redactor = pattern_redactor(rules)
    masked = redactor.mask("ac/123: error E12345 on account E12345 of project heron, see Acme")
    assert masked.text == "<TICKET_ID>: error E12345 on account E12345 of <PRIVATE>, see Acme"
    assert redactor.mask("order WF-2").text == "order WF-2"


def test_of_overlapping_finds_nothing_stays_uncovered() -> None:
    spans = [
        PiiSpan(PiiType.PHONE, 0, 10, 0.7),
        PiiSpan(PiiType.ORDER_ID, 4, 8, 0.9),
        PiiSpan(PiiType.PHONE, 9, 12, 0.8),
    ]
    assert [(s.entity_type.value, s.start, s.end) for s in without_overlaps(spans)] == [
        ("PHONE", 0, 4),
        ("ORDER_ID", 4, 8),
        ("PHONE", 8, 12),
    ]


def test_without_the_model_it_says_what_to_do(tmp_path: Path) -> None:
    redactor = redactor_from_settings(Settings(data_dir=tmp_path, offline=True))
    assert redactor.mask("我叫王小明").text == "我叫<PERSON>"
    with pytest.raises(ModelError) as caught:
        redactor.mask("Oona wrote to us")
    assert "offline" in caught.value.message


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yesterday Philippa Crane wrote that the box came broken.", "<PERSON>"),
        ("I told Ragnhild Ødegård about the Wren Pro twice.", "<PERSON>"),
        ("Please ask for Szabina Gelencsér at reception.", "<PERSON>"),
    ],
)
def test_names_that_nothing_introduces_need_the_model(
    model_redactor: Redactor, text: str, expected: str
) -> None:
    masked = model_redactor.mask(text)
    assert expected in masked.text
    assert masked.counts == {"PERSON": 1}


@pytest.mark.models
def test_a_name_that_was_found_once_is_found_wherever_it_stands(model_redactor: Redactor) -> None:
    turns = [
        "This is Philippa Crane, my router is dead.",
        "Sorry to hear that!",
        "so it was mrs Crane, not Philippa",
    ]
    masked = [m.text for m in model_redactor.mask_turns(turns)]
    assert "Crane" not in " ".join(masked)
    assert "Philippa" not in " ".join(masked)


@pytest.mark.models
def test_the_next_turns_first_word_is_no_part_of_a_signature(model_redactor: Redactor) -> None:
    masked = model_redactor.mask_turns(["no, forgot. Hilde Verstraete", "Support can correct an invoice."])
    assert masked[0].text == "no, forgot. <PERSON>"
    assert masked[1].counts == {}


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "Press Reset for ten seconds, then open Settings and choose Restart.",
        "The Wren Dot shows WR-204; update it in the Wrenfield app under Network.",
        "Delivery to Germany takes three days, to Austria five, by Friday at the latest.",
        "You can pay by Visa, PayPal or Klarna; Apple Pay comes in March.",
        "Connect your iPhone to the Wi-Fi, not to Bluetooth.",
    ],
)
def test_the_model_leaves_products_places_and_menus_alone(model_redactor: Redactor, text: str) -> None:
    assert model_redactor.mask(text).text == text


@pytest.fixture(scope="module")
def model_redactor(model_files: ModelFiles) -> Redactor:
    """With the real English model, fetched on first use."""
    from chatbot.settings import load_settings

    assert model_files.folder
    return redactor_from_settings(load_settings())
