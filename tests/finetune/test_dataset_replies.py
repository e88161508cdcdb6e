"""What an agent's reply teaches."""

import pytest

from chatbot.prompt import Passage
from finetune.conversations import SupportConversation, Turn
from finetune.dataset.replies import Exchange, Lesson, exchanges, lesson

PASSAGES = (
    Passage(
        1, "returns", "Returns", "", "You can return a Dot within 45 days of delivery. Returns are free."
    ),
    Passage(2, "codes", "Error codes", "", "WR-204 means that the Dot is too far away from the Wren One."),
)


def _exchange(reply: str, *, disliked: bool = False) -> Exchange:
    return Exchange((), "how long?", reply, 0, disliked)


def _lesson(reply: str, *, disliked: bool = False) -> Lesson | str:
    return lesson(_exchange(reply, disliked=disliked), PASSAGES, 4, 60)


def test_sentences_of_the_passages_are_kept_with_their_number_and_courtesies_are_not() -> None:
    found = _lesson("Hello Anna! You can return a Dot within 45 days of delivery. Have a nice day!")
    assert found == Lesson("answer", ((1, "You can return a Dot within 45 days of delivery."),))


def test_what_is_said_in_other_words_is_taught_in_those_of_the_passage() -> None:
    found = _lesson("No worries, you may return your Dot within 45 days after the delivery, dear customer.")
    assert found == Lesson("answer", ((1, "You can return a Dot within 45 days of delivery."),))


def test_a_sentence_with_something_masked_is_not_taught() -> None:
    found = _lesson("Thank you, <PERSON>! You can return a Dot within 45 days of delivery.")
    assert found == Lesson("answer", ((1, "You can return a Dot within 45 days of delivery."),))


def test_a_row_of_a_table_is_no_sentence() -> None:
    table = (Passage(1, "a", "Lights", "", "| pulsing blue light | ready to set up | open the app |"),)
    reply = "Good, a pulsing blue light means ready, so please set up and open."
    found = lesson(_exchange(reply), table, 4, 60)
    assert not isinstance(found, Lesson) or "|" not in str(found.sentences)


def test_an_answer_may_come_from_two_passages() -> None:
    found = _lesson(
        "WR-204 means that the Dot is too far away. You can return a Dot within 45 days of delivery."
    )
    assert isinstance(found, Lesson)
    assert [number for number, _ in found.sentences] == [2, 1]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("You can return a Dot within 90 days of delivery.", "contradicts the knowledge base"),
        ("Please restart the old toaster in your kitchen.", "not in the knowledge base"),
        ("All right.", "too short"),
        ("I am <PERSON>, a human. What can I do for you?", "names a person"),
    ],
)
def test_weak_replies_are_dropped_with_a_reason(reply: str, why: str) -> None:
    assert _lesson(reply) == why


def test_a_reply_that_was_disliked_is_dropped() -> None:
    assert _lesson("You can return a Dot within 45 days of delivery.", disliked=True) == "badly rated"


def test_a_question_back_is_kept_as_one() -> None:
    assert _lesson("Which router do you have?") == Lesson("clarify")


def test_a_handoff_is_one() -> None:
    assert _lesson("I will pass this on to a colleague in billing.") == Lesson("handoff")


def test_long_answers_are_cut_at_a_sentence() -> None:
    reply = "You can return a Dot within 45 days of delivery. WR-204 means that the Dot is too far away."
    found = lesson(_exchange(reply), PASSAGES, 4, 12)
    assert isinstance(found, Lesson)
    assert len(found.sentences) == 1


def _conversation(*turns: Turn) -> SupportConversation:
    return SupportConversation("c", turns)


def test_turns_of_one_speaker_in_a_row_are_one() -> None:
    found = list(
        exchanges(
            _conversation(
                Turn("system", "Chat started"),
                Turn("customer", "hi"),
                Turn("customer", "my dot is red"),
                Turn("agent", "Hello."),
                Turn("agent", "Which one?", rating=1),
                Turn("customer", "the small one"),
                Turn("agent", "Restart it."),
            )
        )
    )
    assert [(e.question, e.reply, e.place) for e in found] == [
        ("hi\nmy dot is red", "Hello.\nWhich one?", 0),
        ("the small one", "Restart it.", 2),
    ]
    assert [len(e.earlier) for e in found] == [0, 2]


@pytest.mark.parametrize(
    ("rating", "after", "disliked"),
    [
        (-1, "thanks", True),
        (0, "That is wrong, it says 45.", True),
        (0, "thanks", False),
        (1, "great", False),
    ],
)
def test_bad_ratings_and_complaints_are_noticed(rating: int, after: str, disliked: bool) -> None:
    turns = (Turn("customer", "q"), Turn("agent", "a", rating=rating), Turn("customer", after))
    assert next(exchanges(_conversation(*turns))).disliked is disliked
