"""What the page's controls do, with fakes for everything that needs a model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chatbot.assistant import Assistant
from chatbot.errors import AttachmentError, ConversationNotFoundError, FrontdeskError, InputError
from chatbot.messages import (
    Attachment,
    Kind,
    Message,
    OcrLine,
    ScreenReading,
    Segment,
    Stage,
    StatusChanged,
    StreamEvent,
    TextDelta,
    Transcript,
)
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.web.ui.chat import ChatPage, View, Visit
from tests.fakes import FakeGenerator, FakeKnowledgeBase, FakePerceiver

QUESTION = "Can I return a Dot?"
ANSWER = "You can return a Dot within 45 days. **[1]**"
SCREEN = ScreenReading("screen.png", (OcrLine("Error WR-2O4", 0.9, (0, 0, 9, 9)),), 90, 90)
CLIP = ScreenReading("clip.mp4", (OcrLine("Settings", 0.9, (0, 0, 9, 9)),), 90, 90)
SAID = Transcript("clip.mp4", (Segment("Can I return adult?", 0, 2, -0.2, 0.1),), "en", 0.99, 2.0)


@dataclass
class FakeAttachments:
    """Keeps uploads by name; refuses what is named so."""

    folder: Path
    kinds: Mapping[str, Kind] = field(default_factory=lambda: {".png": Kind.IMAGE, ".mp4": Kind.VIDEO})

    def add(self, source: Path, name: str) -> Attachment:
        if source.suffix not in self.kinds:
            raise AttachmentError(f"{name} is not a picture.", "Please send a PNG.")
        return Attachment(name, self.kinds[source.suffix], "image/png", name, 5)

    def path(self, attachment: Attachment | str) -> Path:
        return self.folder / (attachment if isinstance(attachment, str) else attachment.sha256)

    def drop(self, attachments: Sequence[Attachment]) -> None:
        self.dropped = [a.name for a in attachments]


class Unlimited:
    """Lets everybody do everything; `spent` adds up."""

    def __init__(self) -> None:
        self.tokens = 0
        self.reads_ahead = True

    def begin(self, address: str) -> None:
        pass

    def admit(self, visitor_id: str, address: str) -> None:
        pass

    def may_read_ahead(self, visitor_id: str, address: str) -> bool:
        return self.reads_ahead

    def take(self, visitor_id: str, address: str, message: Message) -> None:
        pass

    def spent(self, visitor_id: str, address: str, tokens: int) -> None:
        self.tokens += tokens


class Attached:
    """Notes what lies attached in each tab."""

    def __init__(self) -> None:
        self.tabs: dict[str, list[str]] = {}

    def attached(self, tab: str, paths: Sequence[Path]) -> None:
        self.tabs[tab] = [path.name for path in paths]


class Desk:
    """A page over a real store and a real assistant; `responder` can take the assistant's place."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.store = ConversationStore(f"sqlite:///{folder / 'desk.db'}")
        self.generator = FakeGenerator()
        self.responder: Any = Assistant(
            store=self.store,
            perceiver=FakePerceiver({"screen.png": SCREEN, "clip.mp4": CLIP}, {"clip.mp4": SAID}),
            knowledge_base=FakeKnowledgeBase(),
            generator=self.generator,
            settings=settings,
        )
        self.limits = Unlimited()
        self.ahead = Attached()
        self.page = ChatPage(
            store=self.store,
            attachments=FakeAttachments(folder),
            assistant=lambda: self.responder,
            as_html=lambda html: {"html": html},
            limits=self.limits,
            max_attachments=2,
            read_ahead=self.ahead,
        )
        self.ann = self.page.start(Visit("ann", "", "en", "tab-1"))

    def ask(self, text: str = QUESTION, *uploads: str) -> list[View]:
        return list(self.page.send(self.ann, self.page.accept(text, uploads)))


@pytest.fixture
def desk(tmp_path: Path, settings: Settings) -> Iterator[Desk]:
    made = Desk(tmp_path, settings)
    yield made
    made.store.close()


def texts(view: View | list[dict[str, Any]]) -> list[str]:
    messages = view.messages if isinstance(view, View) else view
    return [m["content"] for m in messages if isinstance(m["content"], str)]


def test_a_question_is_shown_at_once_and_its_answer_grows(desk: Desk) -> None:
    views = desk.ask()
    assert texts(views[0]) == [QUESTION]
    assert views[0].status
    assert "Searching the help articles…" in [v.status for v in views]
    assert texts(views[-1]) == [QUESTION, ANSWER]
    assert views[-1].status == ""
    assert "<mark>" in views[-1].messages[-1]["content"]["html"]


def test_what_streamed_is_what_a_reload_shows(desk: Desk) -> None:
    for text in (QUESTION, "Will it rain?", "Where is my invoice?"):
        last = desk.ask(text, "broken.exe")[-1]
        assert list(last.messages) == desk.page.messages(desk.ann)


def test_a_refused_upload_is_explained_beside_the_answer_to_the_text(desk: Desk) -> None:
    _, *warnings, answer = texts(desk.ask(QUESTION, "virus.exe", "screen.png")[-1])
    assert warnings == ["> ⚠️ virus.exe is not a picture. Please send a PNG."]
    assert answer == ANSWER
    (question, _) = desk.store.get(desk.ann.conversation_id, "ann").messages
    assert [a.name for a in question.attachments] == ["screen.png"]


def test_too_many_uploads_are_refused_in_one_sentence_and_the_first_are_taken(desk: Desk) -> None:
    message = desk.page.accept("", ["a.png", "b.png", "c.png", "d.png", "e.png"])
    assert [a.name for a in message.attachments] == ["a.png", "b.png"]
    assert message.problems == ("Only the first 2 files of a message are read.",)


def test_what_lies_in_the_box_is_read_ahead_as_far_as_it_would_be_taken(desk: Desk) -> None:
    desk.page.attached(desk.ann, ["/up/a.png", "/up/b.png", "/up/c.png"])
    assert desk.ahead.tabs == {"tab-1": ["a.png", "b.png"]}
    desk.page.attached(desk.ann, [])
    assert desk.ahead.tabs == {"tab-1": []}


def test_who_may_send_no_more_has_nothing_read_ahead_and_may_still_detach(desk: Desk) -> None:
    desk.page.attached(desk.ann, ["/up/a.png"])
    desk.limits.reads_ahead = False
    desk.page.attached(desk.ann, ["/up/a.png", "/up/b.png"])
    assert desk.ahead.tabs == {"tab-1": ["a.png"]}
    desk.page.attached(desk.ann, [])
    assert desk.ahead.tabs == {"tab-1": []}


def test_what_lay_in_the_box_of_a_tab_that_is_gone_is_forgotten(desk: Desk) -> None:
    desk.page.attached(desk.ann, ["/up/a.png"])
    desk.page.left("tab-1")
    assert desk.ahead.tabs == {"tab-1": []}


def test_what_was_read_is_offered_for_correction_while_the_answer_streams(desk: Desk) -> None:
    views = desk.ask(QUESTION, "screen.png")
    assert views[0].readings == []
    readings = [v.readings for v in views if v.readings]
    assert readings[0][0][::2] == ("screen.png", "Error WR-2O4")
    assert desk.page.readings(desk.ann) == readings[-1]


def test_a_correction_asks_the_newest_question_again_with_the_customers_words(desk: Desk) -> None:
    desk.ask(QUESTION)
    desk.ask("What is this?", "screen.png")
    again = desk.page.corrected(desk.ann, ["screen.png", ""], ["Error WR-204", ""])
    assert (again.text, again.corrections) == ("What is this?", {"screen.png": "Error WR-204"})
    assert [a.name for a in again.attachments] == ["screen.png"]
    last = list(desk.page.send(desk.ann, again))[-1]
    assert desk.page.readings(desk.ann)[0][2] == "Error WR-204"
    assert list(last.messages) == desk.page.messages(desk.ann)


def test_only_what_the_customer_changed_is_a_correction(desk: Desk) -> None:
    desk.ask("", "clip.mp4")
    hashes, _, shown = zip(*desk.page.readings(desk.ann), strict=True)
    assert desk.page.corrected(desk.ann, hashes, shown).corrections == {}
    again = desk.page.corrected(desk.ann, hashes, [QUESTION, shown[1]])
    assert again.corrections == {"clip.mp4": QUESTION}


def test_a_correction_outlives_the_next_one(desk: Desk) -> None:
    desk.ask("What is this?", "screen.png")
    corrected = desk.page.corrected(desk.ann, ["screen.png"], ["Error WR-204"])
    list(desk.page.send(desk.ann, corrected))
    (sha, _, shown) = desk.page.readings(desk.ann)[0]
    assert desk.page.corrected(desk.ann, [sha], [shown]).corrections == {"screen.png": "Error WR-204"}


def test_without_a_question_there_is_nothing_to_correct(desk: Desk) -> None:
    with pytest.raises(InputError):
        desk.page.corrected(desk.ann, [], [])


def stop_after_first_words(desk: Desk, views: Iterator[View]) -> list[View]:
    seen = []
    for view in views:
        seen.append(view)
        if len(texts(view)) == 2:
            desk.page.stop("tab-1")
    return seen


def test_stopping_keeps_what_was_said_and_stops_the_engine(desk: Desk) -> None:
    desk.generator.says = (
        "You can return a Dot within 45 days. Returns are free within Germany. " + "x " * 500
    )
    views = stop_after_first_words(desk, desk.page.send(desk.ann, Message(QUESTION)))
    assert desk.generator.closed_early
    assert texts(views[-1])[1] == f"{ANSWER}\n\n*Stopped.*"
    assert list(views[-1].messages)[:2] == desk.page.messages(desk.ann)[:2]


def test_a_stopped_answer_can_be_rated(desk: Desk) -> None:
    desk.generator.says = (
        "You can return a Dot within 45 days. Returns are free within Germany. " + "x " * 500
    )
    last = stop_after_first_words(desk, desk.page.send(desk.ann, Message(QUESTION)))[-1]
    desk.page.rate(desk.ann, last.messages[1]["metadata"]["id"], -1, "too slow")
    answer = desk.store.get(desk.ann.conversation_id, "ann").messages[-1]
    assert answer.feedback is not None
    assert answer.feedback.comment == "too slow"


def test_stopping_reaches_only_the_tab_that_asked(desk: Desk) -> None:
    views = desk.page.send(desk.ann, Message(QUESTION))
    next(views)
    desk.page.stop("tab-2")
    desk.page.stop("")
    assert texts(list(views)[-1]) == [QUESTION, ANSWER]


def test_a_second_question_in_the_same_tab_can_still_be_stopped_when_the_first_ends(desk: Desk) -> None:
    first = desk.page.send(desk.ann, Message(QUESTION))
    next(first)
    second = desk.page.send(desk.ann, Message("Are returns of a Dot free?"))
    next(second)
    list(first)
    desk.page.stop("tab-1")
    assert texts(list(second)[-1])[-1].endswith("*Stopped.*")


def test_a_browser_that_goes_away_stops_the_engine_and_keeps_what_was_said(desk: Desk) -> None:
    desk.generator.says = (
        "You can return a Dot within 45 days. Returns are free within Germany. " + "x " * 500
    )
    views = desk.page.send(desk.ann, Message(QUESTION))
    for view in views:
        if len(texts(view)) == 2:
            break
    views.close()  # type: ignore[attr-defined]
    assert desk.generator.closed_early
    assert texts(desk.page.messages(desk.ann))[1] == f"{ANSWER}\n\n*Stopped.*"


class Fails:
    """An assistant that fails after its first words."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def respond(self, message: Message, conversation_id: str, visitor_id: str) -> Iterator[StreamEvent]:
        yield StatusChanged(Stage.ANSWERING)
        yield TextDelta("Half an answer")
        raise self._error


def test_an_error_for_people_is_shown_and_any_other_only_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.responder = Fails(FrontdeskError("The disk is full.", "Free some space."))
    assert texts(desk.ask()[-1]) == [QUESTION, "> ⚠️ The disk is full. Free some space.", "Half an answer"]
    desk.responder = Fails(RuntimeError("secret path /root"))
    shown = texts(desk.ask()[-1])
    assert "Something went wrong on our side" in shown[-2]
    assert "secret" not in " ".join(shown)
    assert "secret path" in caplog.text


def test_an_empty_message_is_explained(desk: Desk) -> None:
    assert "The message is empty" in texts(desk.ask(" ")[-1])[-1]


def test_visitors_see_and_touch_only_their_own(desk: Desk) -> None:
    desk.ask(QUESTION, "screen.png")
    answer_id = desk.store.get(desk.ann.conversation_id, "ann").messages[-1].id
    bob = Visit("bob", desk.ann.conversation_id, "en", "tab-9")
    assert desk.page.conversations("bob") == ()
    assert desk.page.messages(bob) == []
    assert desk.page.readings(bob) == []
    with pytest.raises(InputError):
        desk.page.corrected(bob, [], [])
    for attempt in (
        lambda: desk.page.rename(bob, "Mine"),
        lambda: desk.page.delete(bob),
        lambda: desk.page.export(bob, "json"),
        lambda: desk.page.rate(bob, answer_id, -1),
    ):
        with pytest.raises(ConversationNotFoundError):
            attempt()
    views = list(desk.page.send(bob, Message("Let me in")))
    assert texts(views[-1])[0] == "Let me in"
    assert "no conversation" in texts(views[-1])[1]
    assert len(desk.store.get(desk.ann.conversation_id, "ann").messages) == 2


def test_a_visit_without_a_conversation_of_its_own_starts_one(desk: Desk) -> None:
    assert desk.page.start(desk.ann) == desk.ann
    bob = desk.page.start(Visit("bob", desk.ann.conversation_id, "en"))
    assert bob.conversation_id != desk.ann.conversation_id
    assert [c.id for c in desk.page.conversations("bob")] == [bob.conversation_id]


def test_a_visitor_keeps_an_unguessable_id_and_gets_one_otherwise(desk: Desk) -> None:
    known = desk.page.visitor(None)
    assert len(known) >= 32
    assert desk.page.visitor(known) == known
    for odd in ("", "1", 5, ["x"]):
        assert desk.page.visitor(odd) not in ("", "1", known)  # type: ignore[arg-type]


def test_conversations_are_renamed_rated_exported_and_deleted(desk: Desk) -> None:
    desk.ask()
    answer_id = desk.page.messages(desk.ann)[1]["metadata"]["id"]
    desk.page.rate(desk.ann, answer_id, 1, "good")
    desk.page.rename(desk.ann, "Returns")
    assert desk.page.conversations("ann")[0].title == "Returns"
    assert '"comment": "good"' in desk.page.export(desk.ann, "json")
    assert desk.page.export(desk.ann, "markdown").startswith("# Returns")
    desk.page.delete(desk.ann)
    assert desk.page.conversations("ann") == ()


def test_a_conversation_goes_on_after_a_restart(desk: Desk, tmp_path: Path, settings: Settings) -> None:
    before = list(desk.ask()[-1].messages)
    desk.store.close()
    again = Desk(tmp_path, settings)
    assert again.page.messages(desk.ann) == before
    assert texts(list(again.page.send(desk.ann, Message("And is it free?")))[-1])[:2] == texts(before)[:2]


def test_status_and_warnings_are_in_the_visitors_language(desk: Desk) -> None:
    chinese = desk.page.start(Visit("li", "", "zh", "tab-3"))
    views = list(desk.page.send(chinese, Message("怎么退货？")))
    assert "正在搜索帮助文章…" in [v.status for v in views]
