"""Limits and daily quotas hold on the chat page as over the API, with the same words, and the counts are shared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chatbot.errors import FrontdeskError
from chatbot.messages import Attachment, Kind
from chatbot.quota_settings import DailyLimits, DailySettings
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.page_limits import PageLimits
from chatbot.web.server import create_app
from chatbot.web.ui.chat import ChatPage, Visit
from chatbot.web_settings import WebSettings
from tests.web.accounts.test_agents import Browser
from tests.web.api.conftest import Desk, MakeDesk, empty_database, make_desk, serve  # noqa: F401
from tests.web.api.test_conversations import RETURNS

ADDRESS = "203.0.113.7"
VISITOR = "v" * 32


class Files:
    """Takes every upload as a recording of ten seconds, and remembers what was dropped."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    def add(self, source: Path, name: str) -> Attachment:
        return Attachment(name, Kind.AUDIO, "audio/wav", name, 5, duration_s=10.0)

    def path(self, attachment: Attachment | str) -> Path:
        return Path("/stored")

    def drop(self, attachments: Any) -> None:
        self.dropped += [a.name for a in attachments]


class Page:
    """The chat page of a desk, and one visitor at it."""

    def __init__(self, desk: Desk) -> None:
        self.files = Files()
        self.desk = desk
        self.limits = PageLimits(desk.parts)
        self.chat = ChatPage(
            store=desk.parts.store,
            attachments=self.files,
            assistant=desk.parts.runner._assistant,  # type: ignore[arg-type]
            as_html=lambda markup: markup,
            limits=self.limits,
            max_attachments=6,
        )

    def ask(self, *uploads: str, visitor: str = VISITOR) -> str:
        """Asks in a new conversation; returns what the page says against it, if anything."""
        visit = Visit(visitor, "", "en", "tab", ADDRESS)
        try:
            started, message = self.chat.admit(visit, RETURNS, uploads)
        except FrontdeskError as error:
            return str(error)
        assert list(self.chat.send(started, message))
        return ""


def test_messages_of_a_day_run_out_and_nothing_is_kept(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk(daily={"visitor": {"messages": 2}}))
    assert [page.ask(), page.ask()] == ["", ""]
    before = page.chat.conversations(VISITOR)
    assert page.ask().startswith("This visitor has used up the messages of today: at most 2 a day.")
    assert page.chat.conversations(VISITOR) == before
    assert page.ask(visitor="w" * 32) == ""


def test_seconds_of_audio_run_out_and_the_file_is_dropped(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk(daily={"visitor": {"audio_s": 15}}))
    assert page.ask("a.wav") == ""
    assert "seconds of audio of today: at most 15 a day" in page.ask("b.wav")
    assert page.files.dropped == ["b.wav"]
    assert page.ask() == ""


def test_tokens_of_an_answer_count_against_the_next(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk(daily={"visitor": {"tokens": 1}}))
    assert page.ask() == ""
    assert "tokens of today" in page.ask()


def test_messages_of_a_minute_run_out_with_the_words_of_the_api(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk(messages_per_minute=2))
    assert [page.ask(), page.ask()] == ["", ""]
    assert page.ask().startswith("Too many messages: at most 2 in 60 s are taken. Try again in")


def test_files_are_read_ahead_as_often_as_messages_may_be_sent(make_desk: MakeDesk) -> None:  # noqa: F811
    limits = Page(make_desk(messages_per_minute=2)).limits
    assert [limits.may_read_ahead(VISITOR, ADDRESS) for _ in range(3)] == [True, True, False]
    assert limits.may_read_ahead("w" * 32, ADDRESS)


def test_nothing_is_read_ahead_for_who_has_used_up_the_day(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk(daily={"visitor": {"messages": 1}}))
    assert page.limits.may_read_ahead(VISITOR, ADDRESS)
    page.ask()
    assert not page.limits.may_read_ahead(VISITOR, ADDRESS)


def test_an_address_shares_its_quota_between_the_page_and_the_api(make_desk: MakeDesk) -> None:  # noqa: F811
    desk = make_desk(daily={"address": {"messages": 2}})
    page = Page(desk)
    page.limits.take(VISITOR, "testclient", page.chat.accept(RETURNS, ()))
    visit = desk.visit()
    visit.ask(RETURNS)
    refused = visit.request("POST", "/messages", json={"text": RETURNS})
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:frontdesk:problem:quota-exceeded")
    with pytest.raises(FrontdeskError, match="This address has used up the messages of today"):
        page.limits.admit("x" * 32, "testclient")


def test_conversations_of_an_hour_run_out(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk(conversations_per_hour=1))
    assert [page.ask(visitor=f"{n}" * 32) for n in range(4)] == [
        ""
    ] * 4  # an address may do four times as much
    assert page.ask(visitor="z" * 32).startswith("Too many conversations")


def test_a_server_that_ends_takes_no_message_on_the_page(make_desk: MakeDesk) -> None:  # noqa: F811
    page = Page(make_desk())
    page.desk.parts.hub.refuse()
    assert page.ask() == "The server is busy. Try again soon."


@pytest.mark.parametrize(
    "claimed", ["customer-" + "ab" * 24, "key-0123456789abcdef0123", "command-line" + "x" * 12]
)
def test_a_browser_cannot_be_a_customer_or_a_program_by_saying_so(make_desk: MakeDesk, claimed: str) -> None:  # noqa: F811
    page = Page(make_desk())
    page.desk.parts.store.create(claimed)
    assert page.chat.visitor(claimed) != claimed
    assert page.chat.visitor(VISITOR) == VISITOR


def test_the_real_page_says_why_and_loads_no_model_for_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[FastAPI], str],  # noqa: F811
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    web = WebSettings(daily=DailySettings(visitor=DailyLimits(messages=0)))
    services = Services(Settings(data_dir=tmp_path / "data", web=web))
    browser = Browser(httpx.Client(base_url=serve(create_app(services)), timeout=60))
    asked = {"text": RETURNS, "files": []}
    told = browser.call("", browser.step("", "fd-box", "submit"), asked, None, None)
    assert not told["success"]
    assert "This visitor has used up the messages of today: at most 0 a day." in told["output"]["error"]
    assert not services.is_ready
    services.close()
