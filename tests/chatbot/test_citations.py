"""What may be shown, and where it is from: no fact that the passages do not hold ever passes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.citations import (
    MIN_WORDS,
    QUOTE_CHARS,
    Citations,
    GroundedSentence,
    best_quote,
    facts,
    ground,
    grounded_sentences,
    opening,
)
from chatbot.prompt import Passage
from chatbot.text import content_words

RETURNS = Passage(
    1,
    "returns",
    "Returns and refunds",
    "https://wren.example/returns",
    "You can return any Wren router within 45 days of delivery. Returns are free within Germany.\n"
    "Write to returns@wren.example.org or open https://wren.example/returns/start to print a label. "
    "We refund the full price of $1,250 to your card within 5-7 business days, and Wren Plus at 20%.",
)
CODES = Passage(
    2,
    "codes",
    "Error codes",
    "",
    "Error WR-204 means that the Dot is too far away from the router. Move the Dot closer and restart it.\n"
    "1. Hold the button for ten seconds.\n2. Wait until the light turns white.\n"
    "Error WR-301-B means that the firmware update failed at 02:30. The 2.4 GHz band works within 24h.",
)
PASSAGES = [RETURNS, CODES]


def shown(answer: str, passages: list[Passage] = PASSAGES) -> list[GroundedSentence]:
    return list(grounded_sentences(list(answer), passages))


@pytest.mark.parametrize(
    "sentence",
    [
        "You can return any Wren router within 45 days of delivery.",
        "You can return any router within 45 days.",
        "Print a label at https://wren.example/returns/start.",
        "Write to **returns@wren.example.org** to print a label.",
        "We refund the full price of $1,250 to your card.",
        "We refund the full price of 1,250 to your card.",
        "Error WR-204 means that the Dot is too far away.",
        "Hold the button for ten seconds.",
        "2. Wait until the light turns white.",
        "The 2.4 GHz band works within 24h.",
    ],
)
def test_what_a_passage_says_is_shown(sentence: str) -> None:
    assert ground(sentence, PASSAGES) is not None


@pytest.mark.parametrize(
    "sentence",
    [
        "You can return any Wren router within 30 days of delivery.",
        "You can return any Wren router within sixty days of delivery.",
        "You can return any Wren router within three days of delivery.",
        "We refund the full price of $250 to your card within business days.",
        "We refund the full price of €1,250 to your card within business days.",
        "We refund the full price of 20 to your card within 12 business days.",
        "Error WR-205 means that the Dot is too far away from the router.",
        "Error WR-20 means that the Dot is too far away from the router.",
        "Error WR204 means that the Dot is too far away from the router, or WR-301.",
        "Error R-204 means that the Dot is too far away from the router.",
        "Open https://wren.example/returns to print a label and return any Wren router within 45 days.",
        "Open https://wren-refunds.example/start to print a label for any router you return.",
        "Open wren-refunds.example to print a label for any Wren router you return within 45 days of delivery.",
        "Write to returns@wren.example or open the router to print a label.",
        "Write to refunds@wren.example.org or open the router to print a label.",
        "The firmware update failed at 30 and error WR-301-B means that.",
        "Returns are free within France and Germany.",
        "Hold the button for 2 seconds and wait until the light turns white.",
    ],
)
def test_an_invented_number_code_link_address_or_name_is_stopped(sentence: str) -> None:
    assert ground(sentence, PASSAGES) is None


def test_chinese_numbers_are_facts_too() -> None:
    passage = Passage(1, "r", "退货", "", "您可以在收到路由器后三十天内退货。退款将退回原付款方式。")
    assert ground("您可以在收到路由器后三十天内退货。", [passage]) is not None
    assert ground("您可以在收到路由器后九十天内退货。", [passage]) is None
    assert ground("您可以在收到路由器后 30 天内退货。", [passage]) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "   \n",
        "[1]",
        "Our offices are closed on public holidays.",
        "Returns and refunds",
        "How can you return any Wren router within 45 days?",
        "Returns are not free within Germany.",
    ],
)
def test_what_no_passage_says_is_not_shown(sentence: str) -> None:
    assert ground(sentence, PASSAGES) is None


def test_what_the_customer_sent_is_not_shown_back_as_an_answer() -> None:
    screen = "Returns within 45 days ×"
    assert ground("Returns within 45 days.", PASSAGES)
    assert ground("Returns within 45 days.", PASSAGES, ["Can I return it?", screen]) is None
    told = "You can return any Wren router within 45 days of delivery."
    assert [s.text for s in grounded_sentences([f"{screen}\n{told}"], PASSAGES, [screen])] == [told]


def test_nothing_is_shown_without_passages() -> None:
    assert ground("You can return any Wren router within 45 days.", []) is None


@pytest.mark.parametrize("mark", ["", " [1]", " [2]", " [7]", " [1, 2]", " [2][1]"])
def test_a_wrong_mark_is_replaced_by_the_passage_that_supports_the_sentence(mark: str) -> None:
    grounded = ground(f"Error WR-204 means that the Dot is too far away.{mark}", PASSAGES)
    assert grounded is not None
    assert grounded.passage is CODES
    assert grounded.text == "Error WR-204 means that the Dot is too far away."
    assert grounded.support <= 1


def test_of_two_passages_that_say_the_same_the_marked_one_is_cited_else_the_better_ranked() -> None:
    twin = Passage(3, "twin", "Other", "", RETURNS.text)
    plain = "You can return any router within 45 days."
    assert ground(plain, [RETURNS, twin]).passage is RETURNS  # type: ignore[union-attr]
    assert ground(f"{plain} [3]", [RETURNS, twin]).passage is twin  # type: ignore[union-attr]


def test_a_mark_lends_no_support_to_a_sentence_that_lacks_it() -> None:
    almost = "You can return any Wren router within 45 days of delivery for personal reasons."
    assert ground(almost, PASSAGES) is None
    assert ground(f"{almost} [1]", PASSAGES) is None


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Answer: Returns are free within Germany.", "Returns are free within Germany."),
        ("Questions are free within Germany.", "Questions are free within Germany."),
        ("Answers are free within Germany.", "Answers are free within Germany."),
    ],
)
def test_only_an_echoed_label_is_cut_off(said: str, left: str) -> None:
    passage = Passage(1, "q", "Q", "", "Questions and answers and returns are free within Germany.")
    grounded = ground(said, [passage])
    assert grounded is not None
    assert grounded.text == left


def test_a_quote_stands_word_for_word_in_its_passage() -> None:
    quote = best_quote("The Dot is too far away, says WR-204.", CODES)
    assert quote == "Error WR-204 means that the Dot is too far away from the router."
    assert quote in CODES.text


def test_a_passage_without_words_is_quoted_whole() -> None:
    assert best_quote("Anything", Passage(1, "x", "X", "", "")) == ""


def test_the_opening_of_a_passage_ends_with_a_sentence_and_starts_after_the_heading() -> None:
    text = "# Returns\n\n" + "You can return it within 45 days. " * 30
    quote = opening(Passage(1, "x", "X", "", text))
    assert quote.startswith("You can return")
    assert quote.endswith("45 days.")
    assert quote in text
    assert len(quote) <= QUOTE_CHARS


def test_a_repeated_sentence_ends_the_answer() -> None:
    returns = "Returns are free within Germany."
    answer = f"{returns} Move the Dot closer and restart it. {returns} Wait until the light turns white."
    assert [s.text.strip() for s in shown(answer)] == [returns, "Move the Dot closer and restart it."]


def test_a_clause_and_a_sentence_that_say_nothing_new_are_left_out() -> None:
    round_in_circles = (
        "Error WR-204 means the Dot is too far away, and it means that the Dot is too far away. "
        "Error WR-204 means too far away. Hold the button for ten seconds."
    )
    assert [s.text for s in shown(round_in_circles)] == [
        "Error WR-204 means the Dot is too far away.",
        " Hold the button for ten seconds.",
    ]


def test_unsupported_sentences_are_left_out_and_the_third_ends_the_answer() -> None:
    invented = "Our offices are closed on public holidays. "
    returns = "Returns are free within Germany. "
    assert [s.text.strip() for s in shown(invented * 2 + returns)] == [returns.strip()]
    assert shown(invented * 3 + returns) == []


def test_an_answer_is_no_longer_than_its_limit() -> None:
    sentences = [f"Word{c} is one of many words here." for c in "abcdefgh"]
    passage = Passage(1, "x", "X", "", " ".join(sentences))
    assert len(list(grounded_sentences([passage.text], [passage], limit=3))) == 3


def test_sources_are_numbered_in_order_of_use_and_once() -> None:
    citations = Citations()
    assert citations.cite(CODES, "a")[0] == 1
    assert citations.cite(RETURNS, "b")[0] == 2
    assert citations.cite(CODES, "c") == (1, None)
    assert [(c.number, c.document_id, c.quote) for c in citations.added] == [
        (1, "codes", "a"),
        (2, "returns", "b"),
    ]


FACTS = st.sampled_from(
    "1 2 3 10 45 250 1,250 2.5 $45 €45 5% 10:30 WR-204 WR-20 WR-204-B E15 a@b.example a@b.example.org two three"
    " https://w.example https://w.example/a www.w.example w.example w.example/a 555-1234 +49 30/45 24h".split()
)
WORDS = st.sampled_from(
    "you return router delivery label button card light band price router firmware".split()
)


@given(st.lists(FACTS | WORDS, min_size=8, max_size=14), st.integers(0, 13), FACTS)
def test_no_fact_outside_the_evidence_ever_passes(evidence: list[str], place: int, invented: str) -> None:
    said = list(evidence)
    said[place % len(said)] = invented
    passage = Passage(1, "d", "T", "", " ".join(evidence) + ".")
    held = {form for word in evidence for form in (word, word.strip("$€%+"))}
    for sentence in grounded_sentences([" ".join(said) + "."], [passage]):
        assert all(word in held for word in sentence.text.rstrip(".").split() if facts(word))


@given(st.lists(FACTS | WORDS, min_size=8, max_size=14))
def test_a_sentence_of_the_evidence_itself_always_passes(words: list[str]) -> None:
    text = " ".join(words) + "."
    if len(set(content_words(text))) >= MIN_WORDS:
        assert ground(text, [Passage(1, "d", "T", "", text)]) is not None


@given(st.sampled_from(PASSAGES), st.text(max_size=80))
def test_a_quote_is_verbatim_whatever_the_sentence(passage: Passage, sentence: str) -> None:
    assert best_quote(sentence, passage) in passage.text
    assert opening(passage) in passage.text


def test_who_opens_a_source_reads_its_section_and_the_quote_stands_in_it() -> None:
    whole = f"{RETURNS.text} It must be in its box."
    _, citation = Citations().cite(replace(RETURNS, shown=whole), RETURNS.text)
    assert citation is not None
    assert (citation.quote, citation.passage) == (RETURNS.text, whole)
    _, alone = Citations().cite(RETURNS, RETURNS.text)
    assert alone is not None
    assert alone.passage == RETURNS.text


def test_the_number_of_a_list_is_shown_only_where_the_passage_has_it() -> None:
    own = ground("1. Returns are free within Germany. [1]", PASSAGES)
    assert own is not None
    assert own.text == "Returns are free within Germany."
    listed = ground("1. Hold the button for ten seconds. [2]", PASSAGES)
    assert listed is not None
    assert listed.text.strip().startswith("1. Hold")
