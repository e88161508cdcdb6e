"""Daily quotas: of whom, of what, until midnight, across restarts and processes."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatbot.database import Database
from chatbot.quota_settings import DailyLimits, DailySettings
from chatbot.quotas import QuotaError, Quotas, Use

ANN = {"visitor": "ann", "site": "shop", "address": "10.0.0.1"}
BOB = {"visitor": "bob", "site": "shop", "address": "10.0.0.2"}
NONE = DailyLimits()


class Clock:
    now_s = datetime(2026, 3, 1, 23, 0, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    shutil.copy(empty_database, tmp_path / "frontdesk.db")
    opened = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


def limited(**limits: DailyLimits) -> DailySettings:
    every = dict.fromkeys(("visitor", "customer", "address", "site", "key"), NONE)
    return DailySettings(**{**every, **limits})


@pytest.mark.parametrize(
    ("limits", "use", "times"),
    [
        (DailyLimits(messages=3), Use(messages=1), 3),
        (DailyLimits(uploads=5), Use(messages=1, uploads=2), 2),
        (DailyLimits(audio_s=60), Use(messages=1, audio_s=25.5), 2),
        (DailyLimits(tokens=100), Use(messages=1, tokens=40), 3),
        (DailyLimits(messages=0), Use(messages=1), 0),
    ],
)
@pytest.mark.parametrize("kind", ["visitor", "site", "address"])
def test_each_measure_of_each_subject_ends(
    database: Database, limits: DailyLimits, use: Use, times: int, kind: str
) -> None:
    quotas = Quotas(database, limited(**{kind: limits}), "s", Clock())
    for _ in range(times):
        quotas.take(ANN, use)
    with pytest.raises(QuotaError, match=f"This {kind} has used up") as refused:
        quotas.take(ANN, use)
    assert refused.value.retry_after_s == 3600
    if kind == "site":
        with pytest.raises(QuotaError):
            quotas.check(BOB, use)
    elif times:
        quotas.check(BOB, use)


def test_the_next_day_begins_anew_and_forgets_the_last(database: Database) -> None:
    clock = Clock()
    quotas = Quotas(database, limited(visitor=DailyLimits(messages=1)), "s", clock)
    quotas.take(ANN, Use(messages=1))
    with pytest.raises(QuotaError):
        quotas.take(ANN, Use(messages=1))
    clock.now_s += 3600
    quotas.take(ANN, Use(messages=1))
    from chatbot.schema import UsageRow

    with database.reading() as session:
        assert [row.day for row in session.query(UsageRow)] == ["2026-03-02"]


def test_nothing_is_taken_where_one_subject_is_out(database: Database) -> None:
    limits = limited(visitor=DailyLimits(messages=10), site=DailyLimits(messages=1))
    quotas = Quotas(database, limits, "s", Clock())
    quotas.take(BOB, Use(messages=1))
    for _ in range(20):
        with pytest.raises(QuotaError, match="site"):
            quotas.take(ANN, Use(messages=1))
    quotas.check({"visitor": "ann"}, Use(messages=10))


def test_tokens_are_known_afterwards_and_stop_the_next_message(database: Database) -> None:
    quotas = Quotas(database, limited(visitor=DailyLimits(tokens=100)), "s", Clock())
    quotas.expect("turn", ANN)
    quotas.take(ANN, Use(messages=1))
    quotas.spent("turn", 150)
    quotas.spent("turn", 150)
    quotas.spent("nobody's", 150)
    with pytest.raises(QuotaError, match="tokens"):
        quotas.take(ANN, Use(messages=1))
    quotas.take(BOB, Use(messages=1))


def test_the_settings_take_each_limit_alone() -> None:
    daily = DailySettings.model_validate({"visitor": {"messages": 5}, "key": {"tokens": 9}})
    assert daily.by_kind()["visitor"] == {"messages": 5}
    assert daily.by_kind()["key"] == {"tokens": 9}
    assert daily.by_kind()["site"] == {}
