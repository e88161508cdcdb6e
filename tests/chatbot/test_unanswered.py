"""Declined questions are found again, whatever way they were stored."""

from pathlib import Path

from chatbot.messages import Decision, Message, Observation, Segment, Transcript
from chatbot.store import ConversationStore, Evidence
from chatbot.unanswered import unanswered_questions


def test_declined_questions_are_listed_newest_first_with_what_was_said(tmp_path: Path) -> None:
    store = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    try:
        opened = store.create("visitor").id

        def turn(
            text: str, decision: Decision, observation: Observation | None = None, linked: bool = True
        ) -> None:
            asked = store.add_question(opened, "visitor", Message(text))
            if observation:
                store.set_observation(asked, observation)
            evidence = Evidence(decision)
            store.add_answer(opened, "visitor", "…", evidence, question_id=asked if linked else "")

        voice = Transcript("a" * 64, (Segment("Is there a  shop?", 0, 1, -0.2, 0.1),), "en", 0.9, 1.0)
        turn("Do you ship to Norway?", Decision.DECLINE)
        turn("How do I reset it?", Decision.GENERATE)
        turn("", Decision.DECLINE, Observation("", transcripts=(voice,)))
        turn("", Decision.DECLINE)
        turn("An older one", Decision.DECLINE, linked=False)
        found = unanswered_questions(store.database)
        assert [one.text for one in found] == ["An older one", "Is there a shop?", "Do you ship to Norway?"]
        assert found[0].asked_at >= found[-1].asked_at
        assert len(unanswered_questions(store.database, limit=1)) == 1
    finally:
        store.close()
