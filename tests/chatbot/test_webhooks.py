"""Webhooks: signed, at least once, to a receiver that fails, is slow and repeats; never to a private place."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chatbot.errors import InputError
from chatbot.handoff_desk import HandoffDesk
from chatbot.handoff_settings import HandoffSettings
from chatbot.messages import Decision, Message
from chatbot.outbox import Outbox
from chatbot.policy import Cause
from chatbot.privacy import pattern_redactor
from chatbot.store import Conversation, ConversationStore, Evidence
from chatbot.webhook_address import target
from chatbot.webhook_sender import WebhookSender, signature
from chatbot.webhook_settings import WebhookSettings

SECRET = "s" * 32
PRIVATE = (
    "127.0.0.1 10.1.2.3 192.168.0.9 169.254.169.254 ::1 fe80::1 fd00::5 0.0.0.0 100.64.0.1 224.0.0.1 "
    "::ffff:10.0.0.1 2002:a00:1::1 64:ff9b::a00:1"
).split()


@dataclass
class Receiver:
    """An HTTP server that answers as it is told to, in turn, and remembers what it got."""

    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append((dict(self.headers), body))
            status = state.answers.pop(0) if state.answers else 200
            if not status:  # takes it and never answers
                state.hold.wait(30)
                return
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    state.hold.set()
    server.shutdown()
    server.server_close()


@dataclass
class Company:
    """A store with one receiver; `later` moves the outbox's clock."""

    store: ConversationStore
    webhooks: dict[str, WebhookSettings]
    ahead: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.outbox = Outbox(self.webhooks, pattern_redactor(), clock=lambda: datetime.now(UTC) + self.ahead)
        self.desk = HandoffDesk(self.store, HandoffSettings(), listeners=(self.outbox,))
        self.sender = WebhookSender(self.store.database, self.outbox, self.webhooks)

    def later(self, seconds: float) -> int:
        """Tries what is due after so much more time; returns how much was delivered."""
        self.ahead += timedelta(seconds=seconds)
        return self.sender.deliver_due()

    def asked(
        self, said: str = "My mail is ann@example.com", contact: str = "ann@example.com"
    ) -> Conversation:
        opened = self.store.create("ann")
        self.store.add_question(opened.id, "ann", Message(said))
        self.store.add_answer(opened.id, "ann", "I could not find it.", Evidence(Decision.DECLINE))
        self.desk.request(opened.id, "ann", cause=Cause.ASKED, contact=contact)
        return opened


MakeCompany = Callable[..., Company]


@pytest.fixture
def company(tmp_path: Path, receiver: Receiver) -> Iterator[MakeCompany]:
    store = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")

    def make(**more: Any) -> Company:
        given = {"url": receiver.url, "secret": SECRET, "allow_private": True, **more}
        return Company(store, {"desk": WebhookSettings(**given)})

    yield make
    store.close()


def test_a_delivery_is_signed_and_gone_once_it_is_taken(company: MakeCompany, receiver: Receiver) -> None:
    made = company()
    made.asked()
    assert made.later(0) == 1
    headers, body = receiver.got[0]
    timestamp = int(headers["Frontdesk-Webhook-Timestamp"])
    assert abs(time.time() - timestamp) < 120
    expected = signature(SECRET, headers["Frontdesk-Webhook-Id"], timestamp, body)
    assert headers["Frontdesk-Webhook-Signature"] == expected
    assert signature(SECRET, headers["Frontdesk-Webhook-Id"], timestamp, body + b" ") != expected
    assert headers["Host"] == receiver.url.split("/")[2]
    assert made.later(100_000) == 0
    assert len(receiver.got) == 1


def test_failures_are_tried_again_with_the_same_key_and_body_at_growing_distances(
    company: MakeCompany, receiver: Receiver
) -> None:
    receiver.answers = [500, 404, 200]
    made = company()
    made.asked()
    assert made.later(0) == 0
    assert made.later(4) == 0
    assert len(receiver.got) == 1  # not due yet
    assert made.later(2) == 0
    assert len(receiver.got) == 2
    assert made.later(8) == 0
    assert len(receiver.got) == 2
    assert made.later(3) == 1
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1


def test_a_receiver_that_never_answers_is_given_up_for_now_and_gets_it_again(
    company: MakeCompany, receiver: Receiver
) -> None:
    receiver.answers = [0, 200]
    made = company(timeout_s=0.2)
    made.asked()
    assert made.later(0) == 0
    assert made.later(60) == 1
    first, second = receiver.got
    assert first[0]["Idempotency-Key"] == second[0]["Idempotency-Key"]


def test_what_was_not_delivered_survives_a_restart_in_the_middle(
    company: MakeCompany, receiver: Receiver
) -> None:
    made = company()
    made.asked()
    claimed = made.outbox.claim(
        made.store.database
    )  # the process ends here, after it has claimed or even sent
    assert len(claimed) == 1
    made.restart()
    assert made.later(0) == 0  # it could still be on its way
    assert made.later(1000) == 1
    assert receiver.bodies[0]["id"] == claimed[0].id


def test_two_processes_do_not_deliver_the_same_at_once(company: MakeCompany) -> None:
    made = company()
    made.asked()
    assert len(made.outbox.claim(made.store.database)) == 1
    assert made.outbox.claim(made.store.database) == ()


def test_it_is_given_up_after_so_many_attempts(company: MakeCompany, receiver: Receiver) -> None:
    receiver.answers = [503] * 5
    made = company(max_attempts=2)
    made.asked()
    for _ in range(4):
        made.later(4000)
    assert len(receiver.got) == 2


def test_a_receiver_says_when_to_come_again(company: MakeCompany, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [429, 200], {"Retry-After": "600"}
    made = company()
    made.asked()
    made.later(0)
    assert made.later(500) == 0
    assert made.later(200) == 1


def test_redirects_are_not_followed(company: MakeCompany, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [307], {"Location": receiver.url}
    made = company()
    made.asked()
    assert made.later(0) == 0
    assert len(receiver.got) == 1


def test_personal_data_is_masked_unless_it_is_wanted(company: MakeCompany, receiver: Receiver) -> None:
    made = company()
    made.asked()
    made.later(0)
    assert b"ann@example.com" not in receiver.got[0][1]
    assert "EMAIL" in receiver.bodies[0]["conversation"]["transcript"][0]["text"]
    plain = company(redact=False)
    plain.asked()
    plain.later(0)
    assert receiver.bodies[1]["ticket"]["contact"] == "ann@example.com"
    assert receiver.bodies[1]["conversation"]["transcript"][0]["text"] == "My mail is ann@example.com"


def test_erasing_a_conversation_erases_what_waits_of_it(company: MakeCompany, receiver: Receiver) -> None:
    made = company()
    conversation = made.asked()
    made.store.delete(conversation.id, "ann")
    assert made.later(0) == 0
    assert receiver.got == []


def test_only_chosen_events_are_told_and_a_reply_is_one(company: MakeCompany, receiver: Receiver) -> None:
    made = company(events=("person_requested", "message", "person_left"))
    made.asked()
    ticket_id = made.desk.queue()[0].id
    made.desk.claim(ticket_id, "Mia")
    made.desk.reply(ticket_id, "Mia", "Write to bob@example.com.")
    made.desk.close(ticket_id, "Mia")
    assert made.later(0) == 3
    told = {body["event"]: body for body in receiver.bodies}
    assert set(told) == {"person_requested", "message", "person_left"}
    assert "bob@example.com" not in json.dumps(told)
    assert told["person_left"]["ticket"]["status"] == "closed"


def test_help_desks_get_what_they_take_to_open_a_ticket(company: MakeCompany, receiver: Receiver) -> None:
    made: list[dict[str, Any]] = []
    for form, more in (
        ("zendesk", {"headers": {"Authorization": "Bearer abc"}}),
        ("freshdesk", {}),
        ("chatwoot", {"fields": {"inbox_id": 3, "contact_id": 8}}),
    ):
        desk = company(form=form, redact=False, **more)
        desk.asked("Is it <b>broken</b>?")
        assert desk.later(0) == 1
        made.append(receiver.bodies[-1])
    zendesk, freshdesk, chatwoot = made
    assert receiver.got[0][0]["Authorization"] == "Bearer abc"
    assert zendesk["ticket"]["requester"]["email"] == "ann@example.com"
    assert "Customer: Is it <b>broken</b>?" in zendesk["ticket"]["comment"]["body"]
    assert (freshdesk["email"], freshdesk["status"]) == ("ann@example.com", 2)
    assert "Is it &lt;b&gt;broken&lt;/b&gt;?" in freshdesk["description"]
    assert (chatwoot["inbox_id"], chatwoot["contact_id"]) == (3, 8)
    assert "Is it <b>broken</b>?" in chatwoot["message"]["content"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_places_are_refused_whatever_their_name(address: str) -> None:
    with pytest.raises(InputError, match="not a public address"):
        target(
            "https://desk.example.com/hook",
            allow_private=False,
            resolver=lambda *_: ["93.184.216.34", address],
        )


def test_the_address_that_was_checked_is_the_one_that_is_used() -> None:
    found = target(
        "https://desk.example.com:8443/hook?x=1", allow_private=False, resolver=lambda *_: ["93.184.216.34"]
    )
    assert found.url == "https://93.184.216.34:8443/hook?x=1"
    assert (found.host, found.server_name) == ("desk.example.com:8443", "desk.example.com")


def test_a_private_receiver_is_not_reached_without_the_setting(
    company: MakeCompany, receiver: Receiver
) -> None:
    made = company(url="https://desk.example.com/hook", allow_private=False)
    made.sender = WebhookSender(
        made.store.database, made.outbox, made.webhooks, resolver=lambda *_: ["127.0.0.1"]
    )
    made.asked()
    assert made.later(0) == 0
    assert receiver.got == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://desk.example.com/"},
        {"url": "https://user:pass@desk.example.com/"},
        {"url": "file:///etc/passwd"},
        {"secret": "short"},
        {"form": "zendesk", "events": ("message",)},
    ],
)
def test_settings_that_are_not_safe_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(**{"url": "https://desk.example.com/", "secret": SECRET, **wrong})
