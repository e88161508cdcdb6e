"""The prompt's shape, and what is given up first when it is too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.errors import InputError
from chatbot.generators.base import ChatTurn, Prompt
from chatbot.prompt import FittedPrompt, Passage, Question, fit_conversation, render_conversation
from knowledge_base.documents import Chunk, FaqEntry

RETURNS = Passage(1, "returns", "Returns", "", "Within 45 days.")
BILLING = Passage(2, "billing", "Billing", "", "Cards only.")


def count_words(prompt: Prompt) -> int:
    return sum(len(turn.content.split()) for turn in prompt)


def history_of(turns: int, length: int = 3) -> list[ChatTurn]:
    return [
        turn
        for n in range(turns)
        for turn in (ChatTurn("user", f"asked{n} " * length), ChatTurn("assistant", f"told{n} " * length))
    ]


def fit(
    history: list[ChatTurn], passages: list[Passage], question: Question, limit_tokens: int
) -> FittedPrompt:
    return fit_conversation(
        "Wrenfield", history, passages, question, count_tokens=count_words, limit_tokens=limit_tokens
    )


def test_instructions_stand_in_the_system_turn_and_data_in_the_last_user_turn() -> None:
    question = Question("How long?", "Error E-07")
    system, asked, told, user = render_conversation("Wrenfield", history_of(1), [RETURNS, BILLING], question)
    assert system.role == "system"
    assert "Wrenfield" in system.content
    assert "Within 45 days" not in system.content
    assert (asked.role, told.role) == ("user", "assistant")
    assert user == ChatTurn(
        "user",
        "[1] Returns\nWithin 45 days.\n\n[2] Billing\nCards only.\n\n"
        "The customer's screenshot says:\nError E-07\n\nQuestion: How long?",
    )


def test_a_screenshot_without_words_is_asked_about() -> None:
    (_, user) = render_conversation("Wrenfield", [], [], Question("", "Error E-07"))
    assert user.content.endswith("Question: What does this screen mean and what should I do?")


def test_text_that_looks_like_a_placeholder_is_left_alone() -> None:
    system, user = render_conversation("{company} & Sons", [], [], Question("{0} {company}"))
    assert "{company} & Sons" in system.content
    assert user.content == "Question: {0} {company}"


def test_a_passage_is_titled_by_its_headings_and_a_faq_entry_by_its_question() -> None:
    chunk = Chunk(
        "a#0", "a", "Returns", "Within 45 days.", 0, 15, ("Refunds", "By card"), "https://w.example"
    )
    assert Passage.of(3, chunk) == Passage(
        3, "a", "Returns > Refunds > By card", "https://w.example", "Within 45 days."
    )
    document = FaqEntry("faq-1", "How long?", "45 days.").as_document
    assert Passage.of(1, Chunk("x", document.id, document.title, document.text, 0, 8)).document_id == "faq-1"


def test_a_prompt_that_fits_loses_nothing() -> None:
    history, passages = history_of(2), [RETURNS, BILLING]
    fitted = fit(history, passages, Question("How long?", "Error"), 10_000)
    assert fitted.prompt == render_conversation(
        "Wrenfield", history, passages, Question("How long?", "Error")
    )
    assert fitted.passages == (RETURNS, BILLING)


def test_the_oldest_turns_go_first_then_the_lowest_passage_then_screen_text() -> None:
    history, passages, question = history_of(2), [RETURNS, BILLING], Question("How long?", "seen " * 40)
    whole = count_words(render_conversation("Wrenfield", history, passages, question))

    without_oldest = fit(history, passages, question, whole - 1)
    assert list(without_oldest.prompt[1:-1]) == history[2:]
    assert len(without_oldest.passages) == 2

    bare = count_words(render_conversation("Wrenfield", [], passages, question))
    without_lowest = fit(history, passages, question, bare - 1)
    assert without_lowest.passages == (RETURNS,)
    assert without_lowest.prompt[-1].content.count("seen") == 40

    shortened = fit(history, passages, question, bare - 10)
    assert shortened.passages == (RETURNS,)
    assert 0 < shortened.prompt[-1].content.count("seen") < 40
    assert " … " in shortened.prompt[-1].content


def test_words_that_alone_do_not_fit_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match="Please shorten it"):
        fit(history_of(2), [RETURNS], Question("word " * 500, "seen"), 300)


@given(
    turns=st.integers(0, 4),
    lengths=st.lists(st.integers(1, 60), max_size=4),
    said=st.text(st.sampled_from("abc \n"), max_size=60).map(str.strip),
    seen=st.text(st.sampled_from("xyz \n"), max_size=400).map(str.strip),
    limit_tokens=st.integers(0, 400),
)
def test_fitting_keeps_the_words_the_newest_turns_and_the_best_passage(
    turns: int, lengths: list[int], said: str, seen: str, limit_tokens: int
) -> None:
    history = history_of(turns)
    passages = [Passage(n, f"d{n}", f"T{n}", "", f"p{n} " * length) for n, length in enumerate(lengths, 1)]
    words_alone = count_words(render_conversation("Wrenfield", [], [], Question(said)))
    try:
        fitted = fit(history, passages, Question(said, seen), limit_tokens)
    except InputError:
        assert words_alone > limit_tokens
        return
    kept = list(fitted.prompt[1:-1])
    assert count_words(fitted.prompt) <= limit_tokens
    assert fitted.prompt[-1].content.endswith(f"Question: {said}" if said else "should I do?")
    assert kept == history[len(history) - len(kept) :]
    assert len(kept) % 2 == 0
    assert list(fitted.passages) == passages[: len(fitted.passages)]
    if kept or len(fitted.passages) > 1:
        assert not seen or seen in fitted.prompt[-1].content
    if kept:
        assert list(fitted.passages) == passages
    if passages and not fitted.passages:
        best_alone = render_conversation("Wrenfield", [], passages[:1], Question(said))
        assert count_words(best_alone) > limit_tokens
