"""From stored conversations to one signed delivery about a surge; on SQLite and on Postgres."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from chatbot.database import Database
from chatbot.insights.desk import InsightDesk
from chatbot.insights.settings import InsightSettings
from chatbot.outbox import Outbox
from chatbot.privacy import pattern_redactor
from chatbot.schema import DeliveryRow
from chatbot.webhook_sender import WebhookSender
from chatbot.webhook_settings import WebhookSettings
from tests.chatbot.insights.made import START, Said, put
from tests.chatbot.test_webhooks import SECRET, Receiver, receiver
from tests.knowledge_base.conftest import HashingEmbedder

__all__ = ["receiver"]
NOW = START + timedelta(days=28)
LATE = "My parcel is late again, this is ridiculous!!"


class HashingBase(HashingEmbedder):
    """The embedder as the knowledge base gives it."""

    embedder_id = "hashing"


class Company:
    """Four weeks with two calm questions a day; parcels are late now and then."""

    def __init__(self, database: Database, receiver: Receiver) -> None:
        self.database = database
        self.now = NOW
        self.webhooks = {
            "told": WebhookSettings(
                url=receiver.url, secret=SECRET, events=("insight.surge",), allow_private=True
            ),
            "not told": WebhookSettings(url=receiver.url, secret=SECRET, allow_private=True),
        }
        self.outbox = Outbox(self.webhooks, pattern_redactor(), clock=lambda: datetime.now(NOW.tzinfo))
        for day in range(28):
            at = START + timedelta(days=day)
            put(database, Said("How do I pay with my card?"), visitor=f"calm {day}", at=at)
            put(database, Said("Can I pay with a card online?"), visitor=f"calm too {day}", at=at)
            if day % 4 == 0:
                put(database, Said(LATE), visitor=f"late {day}", at=at)

    def desk(self) -> InsightDesk:
        return InsightDesk(
            self.database, InsightSettings(), HashingBase, tells=self.outbox.tell, clock=lambda: self.now
        )

    def storm(self, parcels: int = 9) -> None:
        for n in range(parcels):
            at = self.now - timedelta(hours=1, minutes=n)
            put(self.database, Said(LATE, decision="decline"), visitor=f"storm {n} {at}", at=at)

    def waiting(self) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(DeliveryRow)) or 0


@pytest.fixture
def company(database: Database, receiver: Receiver) -> Iterator[Company]:
    return Company(database, receiver)


def test_a_surge_is_told_once_signed_and_without_customers_words(
    company: Company, receiver: Receiver
) -> None:
    assert company.desk().look() == ()
    company.storm()
    (surge,) = company.desk().look()
    assert (surge.count, surge.ended_at) == (9, None)
    assert surge.chance <= 0.01
    assert "parcel" in surge.name
    assert company.desk().look() == ()
    company.now += timedelta(hours=3)
    assert company.desk().look() == ()
    assert company.waiting() == 1

    sender = WebhookSender(company.database, company.outbox, company.webhooks)
    assert sender.deliver_due() == 1
    ((headers, body),) = receiver.got
    key, stamp = headers["Frontdesk-Webhook-Id"], headers["Frontdesk-Webhook-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{key}.{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Frontdesk-Webhook-Signature"] == f"v1={expected}"
    told = receiver.bodies[0]
    assert told["event"] == "insight.surge"
    assert told["data"]["topic"]["name"] == surge.name
    assert told["data"]["negative_messages"] == 9
    assert len(told["data"]["conversations"]) == 3
    assert LATE not in body.decode()
    assert company.waiting() == 0


def test_a_surge_ends_and_a_later_one_is_told_anew(company: Company) -> None:
    company.storm()
    (first,) = company.desk().look()
    company.now += timedelta(days=2)
    assert company.desk().look() == ()
    (kept,) = company.desk().surges()
    assert (kept.id, kept.ended_at) == (first.id, company.now)
    company.now += timedelta(days=12)
    for day in range(12):  # the days between are as calm as before
        put(company.database, Said("How do I pay with my card?"), at=NOW + timedelta(days=day))
    company.storm(40)
    (second,) = company.desk().look()
    assert second.topic_id == first.topic_id
    assert second.id != first.id
    assert company.waiting() == 2


def test_one_that_is_found_again_within_a_window_is_the_same(company: Company) -> None:
    company.storm()
    (first,) = company.desk().look()
    company.now += timedelta(hours=25)
    assert company.desk().look() == ()
    assert company.desk().surges()[0].ended_at is not None
    company.storm(30)
    assert company.desk().look() == ()
    (again,) = company.desk().surges()
    assert (again.id, again.ended_at) == (first.id, None)
    assert company.waiting() == 1


def test_others_know_that_one_has_looked(company: Company) -> None:
    assert not company.desk().was_looked(1800)
    company.desk().look()
    assert company.desk().was_looked(1800)
    company.now += timedelta(hours=1)
    assert not company.desk().was_looked(1800)


def test_a_report_shows_the_surge_and_changes_nothing(company: Company) -> None:
    company.storm()
    desk = company.desk()
    themes = desk.report(desk.period(7)).themes
    assert themes is not None
    (surging,) = themes.surging
    assert "parcel" in surging.topic.words
    assert surging.negative_share == 1.0
    assert company.waiting() == 0
    assert desk.surges() == ()
    assert desk.report(desk.period(7), topics=False).themes is None
