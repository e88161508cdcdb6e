"""What customers say that speaks for a person, and what only sounds like it."""

import pytest

from chatbot.handoff_settings import HandoffSettings
from chatbot.wishes import email_in, frustration, sensitive_topic, wish_for_person


@pytest.mark.parametrize(
    "said",
    [
        "I want to talk to a human",
        "can i speak with someone from your team? no wait: speak to a real person",
        "Connect me to an agent please",
        "i dont know how to talk with an operator",
        "agent",
        "Human please!",
        "转人工",
        "我要找真人客服",
        "我想和人工客服沟通",
        "Ich möchte mit einem Menschen sprechen",
        "Kann ich bitte mit einem Mitarbeiter reden?",
        "Je voudrais parler à un conseiller",
        "Quiero hablar con una persona",
        "Vorrei parlare con un operatore",
        "Quero falar com um atendente",
        "オペレーターと話したいです",
        "أريد التحدث إلى موظف",
    ],
)
def test_a_person_is_asked_for(said: str) -> None:
    assert wish_for_person(said)


@pytest.mark.parametrize(
    "said",
    [
        "How long can I return a Dot?",
        "Do I need to speak to a representative to change my PIN?",
        "I don't want to talk to a human, just tell me the price",
        "Am I talking to a real person?",
        "I need a password manager",
        "How many people can use one account?",
        "我不想转人工",
        "Ich möchte nicht mit einem Menschen sprechen",
        "yes please",
        "",
    ],
)
def test_no_person_is_asked_for(said: str) -> None:
    assert wish_for_person(said) == ""


@pytest.mark.parametrize("said", ["yes", "Yes, please!", "ok", "好的", "Ja bitte.", "oui", "sure, go ahead"])
def test_a_yes_asks_for_the_person_who_was_just_offered(said: str) -> None:
    assert wish_for_person(said, was_offered=True)
    assert not wish_for_person(said)


def test_a_yes_to_something_else_does_not() -> None:
    assert not wish_for_person("Yes, I have restarted the router already", was_offered=True)


@pytest.mark.parametrize(
    "said",
    [
        "This bot is useless",
        "I am fed up with this",
        "For the third time: where is it?",
        "你们这是什么破服务",
        "Das ist eine Frechheit",
    ],
)
def test_an_outspoken_complaint_is_one(said: str) -> None:
    score, words = frustration(said)
    assert score >= 1
    assert words


@pytest.mark.parametrize(
    "said", ["Can you tell me a joke?", "My router is broken.", "The app still doesn't work", "WR-204 ERROR"]
)
def test_a_problem_alone_is_no_outspoken_complaint(said: str) -> None:
    assert frustration(said)[0] < 1


def test_complaints_add_up_over_a_conversation_and_end_with_it() -> None:
    mild = "It still doesn't work!!"
    assert frustration(mild)[0] < 1
    assert frustration(mild, [mild, "Hello???", "WHERE IS MY ORDER NOW PLEASE"])[0] >= 1
    assert frustration("How long is the warranty?", ["This bot is useless"]) == (0.0, "")


def test_the_same_question_again_counts() -> None:
    assert frustration("Where is my order?", ["where is my order"])[0] > 0


def test_sensitive_topics_are_whole_words_or_characters() -> None:
    topics = HandoffSettings().sensitive_topics
    assert sensitive_topic("My LAWYER will write to you.", topics) == "lawyer"
    assert sensitive_topic("充电器着火了", topics) == "着火"
    assert sensitive_topic("The firewall is on", topics) == ""
    assert sensitive_topic("Is this issued by you?", topics) == ""


def test_an_email_address_is_found_among_words() -> None:
    assert email_in("Write to me at ann.smith+x@mail.example.com, please.") == "ann.smith+x@mail.example.com"
    assert email_in("what is wifi@home") == ""
