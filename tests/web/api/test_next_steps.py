"""What may come next: in the last event of a turn and in the conversation, only where something was learnt."""

from collections.abc import Sequence

import pytest

from chatbot.errors import StorageError
from chatbot.insights.suggestions import Step, Suggestions
from chatbot.messages import Citation
from chatbot.store import StoredMessage
from chatbot.templates import Language
from chatbot.web.api.next_steps import NextSteps, NothingLearnt
from chatbot.web.api.wire import NextView
from tests.web.api.conftest import Desk

OFFERED = Suggestions(
    (Step("q", "Who pays for sending a return?", is_question=True),),
    (Step("a", "Returns", "https://help.example/returns"), Step("b", "Bad", "javascript:alert(1)")),
)
SHOWN = {
    "questions": ["Who pays for sending a return?"],
    "articles": [{"title": "Returns", "url": "https://help.example/returns"}],
}
NOTHING: dict[str, list[str]] = {"questions": [], "articles": []}


class Learnt:
    """Has learnt something, and remembers what it was asked."""

    is_offering = True

    def __init__(self) -> None:
        self.asked: list[tuple[list[list[str]], Language]] = []

    def offer(self, citations: Sequence[Sequence[Citation]], language: Language) -> Suggestions:
        self.asked.append(([[c.document_id for c in each] for each in citations], language))
        return OFFERED


@pytest.fixture
def learnt(desk: Desk) -> Learnt:
    learnt = Learnt()
    desk.parts.next_steps._suggester = learnt
    return learnt


def test_an_answer_ends_with_what_may_come_next_and_so_does_the_conversation(
    desk: Desk, learnt: Learnt
) -> None:
    visit = desk.visit()
    assert visit.answered("How long can I return a Dot?")["next"] == SHOWN
    ((cited,), language) = learnt.asked[-1]
    assert (bool(cited), language) == (True, "en")
    assert visit.request("GET").json()["next"] == SHOWN
    visit.answered("How long can I return a Dot, again?")
    assert len(learnt.asked[-1][0]) == 2  # the answers before count too
    assert learnt.asked[-1][0][0] == cited


def test_nothing_is_offered_and_nothing_read_before_anything_was_learnt(desk: Desk) -> None:
    visit = desk.visit()
    assert visit.answered("How long can I return a Dot?")["next"] == NOTHING
    assert visit.request("GET").json()["next"] == NOTHING

    def unread() -> Sequence[StoredMessage]:
        raise AssertionError("the conversation was read for nothing")

    assert NextSteps(NothingLearnt()).after(unread) == NextView()


def test_nothing_is_offered_to_an_empty_conversation_or_before_the_answer(desk: Desk, learnt: Learnt) -> None:
    assert desk.start()["conversation"]["next"] == NOTHING
    assert learnt.asked == []


def test_what_goes_wrong_there_costs_the_offer_and_not_the_answer() -> None:
    def broken() -> Sequence[StoredMessage]:
        raise StorageError("The disk is full.")

    assert NextSteps(Learnt()).after(broken) == NextView()
