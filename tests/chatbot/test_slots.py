"""What customers name, and reviewed answers that say it back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.messages import Observation, OcrLine, ScreenReading
from chatbot.privacy import PrivacyRules
from chatbot.privacy.codes import company_patterns
from chatbot.slots import Entity, entities, filled, has_slots
from knowledge_base.documents import Chunk, FaqEntry, FaqMatch, RetrievalResult, RetrievedChunk, Section

CODES = company_patterns(PrivacyRules())
ORDER = Entity("order_id", "WF-90417733", 0.99)


def found(answer: str, passage: str = "Returns are free.") -> RetrievalResult:
    entry = FaqEntry("faq-1", "Where is my order?", answer)
    chunk = Chunk("c#0", "c", "Orders", passage, 0, len(passage))
    return RetrievalResult("q", (RetrievedChunk(chunk, 1.0),), (FaqMatch(entry, entry.question, 0.95),))


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        ("Where is WF-90417733?", "order_id", "WF-90417733"),
        ("my order number is 4471-2290", "order_id", "4471-2290"),
        ("It says WR-204 again", "error_code", "WR-204"),
        ("ticket T-204417 please", "ticket_id", "T-204417"),
        ("do wren dots get hot", "product", "Wren Dot"),
    ],
)
def test_codes_and_products_are_known_by_their_form(said: str, kind: str, text: str) -> None:
    named = entities(Observation(said), CODES, ("Wren Dot", "WR-204"))
    assert [(entity.kind, entity.text) for entity in named if entity.kind == kind] == [(kind, text)]
    assert all(0 < entity.confidence <= 1 for entity in named)


def test_what_is_said_comes_before_what_a_screen_shows() -> None:
    screen = ScreenReading("s", (OcrLine("Order WF-11112222", 0.9, (0, 0, 9, 9)),), 10, 10, ("WR-204",))
    named = entities(Observation("Where is WF-90417733?", screens=(screen,)), CODES)
    orders = [entity.text for entity in named if entity.kind == "order_id"]
    assert (orders[0], orders[-1]) == ("WF-90417733", "WF-11112222")
    assert "WR-204" in [entity.text for entity in named]


def test_ordinary_words_name_nothing() -> None:
    assert entities(Observation("How do I return a router within 45 days?"), CODES, ("Wren Dot",)) == ()


def test_slots_are_filled_in_answers_and_passages() -> None:
    result = found("We look after {{order_id}}.", "Order {{ order_id }} is on its way. Returns are free.")
    assert has_slots(result)
    said = filled(result, [ORDER])
    assert said.faq[0].entry.answer == "We look after WF-90417733."
    assert said.chunks[0].chunk.text == "Order WF-90417733 is on its way. Returns are free."


def test_an_answer_with_an_unfilled_slot_is_not_there_nor_is_such_a_sentence_of_a_passage() -> None:
    said = filled(found("We look after {{order_id}}.", "It is {{order_id}}. Returns are free."), [])
    assert said.faq == ()
    assert said.chunks[0].chunk.text.strip() == "Returns are free."
    assert filled(found("Yes.", "It is {{colour}}."), [ORDER]).chunks == ()


def test_what_is_not_sure_fills_nothing() -> None:
    assert filled(found("We look after {{order_id}}."), [Entity("order_id", "maybe", 0.5)]).faq == ()


@pytest.mark.parametrize("passage", ["Returns are free.", "Order {{order_id}} is on its way."])
def test_a_section_with_a_slot_is_not_shown_around_its_passage(passage: str) -> None:
    whole = f"{passage} Order {{{{order_id}}}} waits."
    result = found("Yes.", passage)
    around = replace(result.chunks[0], section=Section(whole, 0, len(whole)))
    result = replace(result, chunks=(around,))
    assert has_slots(result)
    (shown,) = filled(result, [ORDER]).chunks
    assert shown.whole == shown.chunk.text == passage.replace("{{order_id}}", "WF-90417733")


def test_what_has_no_slot_stays_as_it_is() -> None:
    result = found("Yes, {it} is.")
    assert not has_slots(result)
    assert filled(result, [ORDER]) == result


@given(st.text(alphabet="ab{} _\n.", max_size=60), st.sampled_from(["a", "b", "a_b"]))
def test_no_slot_is_ever_left(text: str, kind: str) -> None:
    said = filled(found(text, text), [Entity(kind, "A-1", 0.9)])
    assert not has_slots(said)
