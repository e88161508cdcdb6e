"""Volume, outcomes, times and articles that mislead, with values worked out by hand; on SQLite and on Postgres."""

from datetime import UTC, datetime, timedelta

import pytest

from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.insights.misleading import MisleadingArticle, significant
from chatbot.insights.period import Granularity, Period
from chatbot.insights.reading import visitors
from chatbot.insights.report import Counted, counted
from chatbot.insights.resolution import Outcome, is_thanks
from chatbot.insights.times import Sample, Times
from tests.chatbot.insights.made import START, Said, put

WEEK = Period(START.replace(hour=0), START.replace(hour=0) + timedelta(days=7))
NOW = START + timedelta(days=30)


def found(database: Database, period: Period = WEEK, now: datetime = NOW) -> Counted:
    return counted(database, period, now)


def outcomes(database: Database, now: datetime = NOW) -> dict[str, int]:
    return {name: n for name, n in found(database, now=now).resolution.outcomes.items() if n}


def test_buckets_are_days_of_the_companys_time_zone_and_none_is_left_out() -> None:
    late = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the clocks of Berlin change that night
    period = Period(late - timedelta(days=1), late + timedelta(days=2), zone="Europe/Berlin")
    assert period.bucket(late) == "2026-03-29"
    assert period.buckets() == ("2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31")
    weeks = Period(late, late + timedelta(days=8), Granularity.WEEK)
    assert weeks.buckets() == ("2026-03-23", "2026-03-30")
    hours = Period(late, late + timedelta(minutes=40), Granularity.HOUR)
    assert hours.buckets() == ("2026-03-28 23:00", "2026-03-29 00:00")


@pytest.mark.parametrize("until", [START, START - timedelta(days=1), START + timedelta(days=3000)])
def test_a_period_that_nobody_can_read_is_refused(until: datetime) -> None:
    with pytest.raises(InputError):
        Period(START, until, Granularity.HOUR)


def test_volume_by_day_channel_and_language(database: Database) -> None:
    put(database, Said("How do I reset it?"), Said("and on the phone?", kind="image"))
    put(database, Said("怎么重置路由器？", 24, kind="audio"), visitor="li")
    put(database, Said("too early"), at=START - timedelta(days=3), visitor="bob")
    put(database, Said("a test of ours"), visitor="command-line")
    volume = found(database).volume
    assert volume.messages["2026-03-02"] == {"text": 1, "screenshot": 1}
    assert volume.messages["2026-03-03"] == {"voice": 1}
    assert volume.messages["2026-03-08"] == {}
    assert volume.conversations["2026-03-02"] == 1
    assert (volume.channels, volume.languages) == (
        {"text": 1, "screenshot": 1, "voice": 1},
        {"en": 2, "zh": 1},
    )
    assert volume.visitors == 2


def test_each_outcome_by_its_definition(database: Database) -> None:
    put(database, Said("How do I pay?"), visitor="assumed")
    put(database, Said("How do I pay?", ratings=(-1, 1)), visitor="confirmed by thumb")
    put(database, Said("How do I pay?"), Said("thanks, that works!", 0.1, "decline"), visitor="confirmed")
    put(database, Said("How do I pay?", decision="decline"), visitor="abandoned: nothing found")
    put(database, Said("How do I pay?", decision=""), visitor="abandoned: no answer")
    put(database, Said("How do I pay?", stopped=True), visitor="abandoned: stopped")
    put(database, Said("How do I pay?", ratings=(1, -1)), visitor="abandoned: rated badly")
    put(database, Said("How do I pay?", ratings=(1,)), visitor="handed", asked_at_hours=0.5)
    put(database, Said("How do I pay?", ratings=(1,)), Said("How do I pay then?", 5), visitor="reopened")
    put(database, Said("Where is the invoice?"), visitor="reopened anew")
    put(
        database,
        Said("Where is the invoice now?", 30),
        visitor="reopened anew",
        at=START + timedelta(hours=1),
    )
    resolution = found(database).resolution
    assert resolution.outcomes == {
        "confirmed": 2,
        "assumed": 2,  # the second conversation of the one who came back too
        "abandoned": 4,
        "reopened": 2,
        "handed_off": 1,
        "open": 0,
    }
    assert resolution.settled == 11
    assert resolution.resolved_surely == pytest.approx(2 / 11)
    assert resolution.deflected == pytest.approx(4 / 11)
    assert resolution.without_a_person == pytest.approx(10 / 11)


@pytest.mark.parametrize(
    ("scores", "turns", "outcome"),
    [
        ((5,), (Said("How do I pay?", decision="decline"),), "confirmed"),
        ((1, 4), (Said("How do I pay?"),), "confirmed"),  # what was said last counts
        ((3,), (Said("How do I pay?"),), "assumed"),
        ((2,), (Said("How do I pay?", ratings=(1,)), Said("thanks", 0.1)), "abandoned"),
        ((5,), (Said("How do I pay?"), Said("How do I pay then?", 5)), "reopened"),
        ((), (Said("How do I pay?", decision="clarify"),), "abandoned"),
    ],
)
def test_satisfaction_counts_among_the_outcomes(
    database: Database, scores: tuple[int, ...], turns: tuple[Said, ...], outcome: str
) -> None:
    put(database, *turns, csat=scores)
    assert outcomes(database) == {outcome: 1}


def test_a_young_conversation_is_open_and_counts_in_no_share(database: Database) -> None:
    put(database, Said("How do I pay?"))
    assert outcomes(database, now=START + timedelta(hours=20)) == {"open": 1}
    assert found(database, now=START + timedelta(hours=20)).resolution.deflected is None
    assert outcomes(database, now=START + timedelta(hours=25)) == {"assumed": 1}


@pytest.mark.parametrize(
    ("again", "hours", "is_reopened"),
    [
        ("How can I reset my router?", 5, True),  # half of the words
        ("and on the phone?", 5, True),  # leans on what was said
        ("Do you ship to Norway?", 5, False),  # another matter
        ("Do you ship to Norway?!! this is ridiculous", 5, True),  # a complaint
        ("How can I reset my router?", 1, False),  # no break: the same sitting
        ("How can I reset my router?", 24 * 8, False),  # too late
        ("Thanks, the router works now", 5, False),
    ],
)
def test_coming_back_to_the_same_matter(
    database: Database, again: str, hours: float, is_reopened: bool
) -> None:
    put(database, Said("How do I reset the router?"), Said(again, hours))
    assert ("reopened" in outcomes(database)) is is_reopened


@pytest.mark.parametrize(
    "said", ["Thanks!", "ok thank you, it works now", "谢谢，解决了", "Danke dir", "perfect"]
)
def test_thanks(said: str) -> None:
    assert is_thanks(said)


@pytest.mark.parametrize(
    "said",
    [
        "thanks for nothing",
        "Thanks, but it still fails",
        "no thanks",
        "没有解决了",
        "Can you help? thanks",
        "hello",
    ],
)
def test_no_thanks(said: str) -> None:
    assert not is_thanks(said)


def test_times_are_medians_and_95th_percentiles(database: Database) -> None:
    for total in range(1, 22):  # 1 … 21 s: the median is 11, the 95th percentile the 20th value
        put(database, Said("How?", timings_ms={"total": total * 1000.0, "first_text": 500.0}))
    put(database, Said("How?"), asked_at_hours=1, person_at_hours=1.5)
    times = found(database).times
    assert times["total"] == Times(21, 11_000.0, 20_000.0)
    assert times["first_text"] == Times(21, 500.0, 500.0)
    assert times["first_token"] is None
    assert times["person"] == Times(1, 1_800_000.0, 1_800_000.0)
    assert found(database).first_text["2026-03-02"] == Times(21, 500.0, 500.0)
    assert found(database).first_text["2026-03-03"] is None


def test_a_sample_stays_small_and_even() -> None:
    sample = Sample(most=1_000)
    for value in range(100_000):
        sample.add(value)
    times = sample.result()
    assert times is not None
    assert times.count == 100_000
    assert times.median_ms == pytest.approx(50_000, rel=0.1)


def test_an_article_that_goes_wrong_more_often_than_the_others_is_named(database: Database) -> None:
    for n in range(10):  # eight of ten answers from it go wrong, in three ways
        bad = {0: {"ratings": (-1,)}, 1: {}, 2: {}}.get(n % 3, {}) if n < 8 else {}
        turns = [Said("How do I pay?", documents=("prices",), **bad)]
        if n < 8 and n % 3 == 1:
            turns.append(Said("How do I pay then?", 5, documents=("other",)))
        put(database, *turns, visitor=f"p{n}", asked_at_hours=0.2 if n < 8 and n % 3 == 2 else None)
    for n in range(40):
        put(database, Said("How?", documents=("good",), ratings=(-1,) if n < 4 else ()), visitor=f"g{n}")
    (article,) = found(database).misleading
    assert (article.document_id, article.title, article.cited, article.wrong) == ("prices", "Prices", 10, 8)
    assert (article.rated_badly, article.reopened, article.handed_off) == (3, 3, 2)
    assert article.expected == pytest.approx(10 * 12 / 53, abs=0.01)  # 53 answers, 12 of them wrong
    # P(X >= 8), X ~ hypergeometric(53, 12, 10): (C(12,8)C(41,2) + C(12,9)C(41,1) + C(12,10)) / C(53,10)
    by_hand = (495 * 820 + 220 * 41 + 66) / 19_499_099_620
    assert article.p_value == pytest.approx(by_hand)


def test_articles_that_go_wrong_by_chance_are_not_named(database: Database) -> None:
    for n in range(60):
        put(database, Said("How?", documents=(f"d{n % 3}",), ratings=(-1,) if n % 5 == 0 else ()))
    assert found(database).misleading == ()


def test_benjamini_and_hochberg_by_hand() -> None:
    articles = [MisleadingArticle(str(p), "", 9, 9, 9, 0, 0, 1.0, p) for p in (0.01, 0.045, 0.07, 0.9)]
    # bounds at rate 0.1 of four: 0.025, 0.05, 0.075, 0.1: the third is the last within its bound
    assert [a.p_value for a in significant(articles)] == [0.01, 0.045, 0.07]


def test_many_conversations_of_one_visitor_come_in_batches(database: Database) -> None:
    for _ in range(203):
        put(database, Said("How?"))
    batches = list(visitors(database, START - timedelta(days=1), NOW))
    assert sorted(len(batch) for batch in batches) == [3, 200]


def test_nothing_stored_is_nothing_counted(database: Database) -> None:
    nothing = found(database)
    assert nothing.volume.visitors == 0
    assert nothing.resolution.settled == 0
    assert nothing.resolution.resolved_surely is None
    assert set(nothing.times.values()) == {None}
    assert nothing.misleading == ()
    assert nothing.messages == ()
    assert set(nothing.resolution.outcomes) == {outcome.value for outcome in Outcome}
