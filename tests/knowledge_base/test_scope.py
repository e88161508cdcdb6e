"""Language, product, audience and dates of documents: what a search may find, in the real index."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import Document
from knowledge_base.scope import EVERYTHING, FOR_CUSTOMERS, Filters, Scope, scope_of

QUESTION = "how do I reset the router"
TOMORROW = (date.today() + timedelta(days=1)).isoformat()
YESTERDAY = (date.today() - timedelta(days=1)).isoformat()
TODAY = date.today().isoformat()


class Today(date):
    """The day on which the tests were collected, also after midnight."""

    @classmethod
    def today(cls) -> date:
        return date.fromisoformat(TODAY)


@pytest.fixture(autouse=True)
def _one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge_base.scope.date", Today)


def article(
    folder: Path, name: str, text: str = "To reset the router hold the button.", **facts: str
) -> None:
    front = "".join(f"{key}: {value}\n" for key, value in {"title": name, **facts}.items())
    (folder / f"{name}.md").write_text(f"---\n{front}---\n\n# {name}\n\n{text}\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    help_centre = tmp_path / "help"
    help_centre.mkdir()
    article(help_centre, "for-all")
    article(help_centre, "internal", audience="[internal, agents]", url="https://intranet.example/reset")
    article(help_centre, "named", audience="customers, internal")
    article(help_centre, "over", valid_until=YESTERDAY)
    article(help_centre, "last-day", valid_until=TODAY)
    article(help_centre, "soon", valid_from=TOMORROW)
    article(help_centre, "first-day", valid_from=TODAY)
    article(help_centre, "dot", product="Wren Dot, Wren Out")
    article(help_centre, "one", product="Wren One")
    article(help_centre, "deutsch", language="de")
    (help_centre / "faq.csv").write_text(
        "id,question,answer,audience,valid_from,valid_until,product,article\n"
        "open,How do I reset the router?,Hold the button.,,,,,internal\n"
        "staff,How do I reset the router now?,Use the service code 4711.,internal,,,,\n"
        f"gone,How can I reset the router?,Use the old tool.,,,{YESTERDAY},,\n"
        f"next,How may I reset the router?,Use the new app.,,{TOMORROW},,,\n"
        "dots,How do I reset the router with a Dot?,Press twice.,,,,Wren Dot,\n",
        encoding="utf-8",
    )
    (help_centre / "page.html").write_text(
        '<html><head><title>page</title><meta name="audience" content="Partners"></head>'
        "<body><main><p>To reset the router call the partner line.</p></main></body></html>"
    )
    return help_centre


@pytest.fixture
def filled(open_knowledge_base, folder: Path) -> KnowledgeBase:
    knowledge_base = open_knowledge_base()
    assert knowledge_base.add_path(folder).failed == ()
    return knowledge_base


def found(knowledge_base: KnowledgeBase, **filters) -> set[str]:
    result = knowledge_base.retrieve(QUESTION, 50, filters=Filters(**filters))
    faq = {f"faq:{match.entry.id}" for match in result.faq}
    passages = {one.chunk.document_id for one in result.chunks}
    assert faq <= passages  # the same is left out of both
    return passages


PUBLIC = {"for-all", "named", "last-day", "first-day", "dot", "one", "deutsch", "faq:open", "faq:dots"}


def test_customers_find_only_what_is_for_them_and_valid_today(filled):
    assert found(filled) == PUBLIC
    unasked = filled.retrieve(QUESTION, 50)  # as the chat asks
    assert {one.chunk.document_id for one in unasked.chunks} == PUBLIC
    assert {match.entry.id for match in unasked.faq} == {"open", "dots"}
    screen = filled.retrieve(
        "", 50, extra="reset the router with the service code 4711, or with the old tool"
    )
    assert {one.chunk.document_id for one in screen.chunks} <= PUBLIC


def test_what_is_left_out_takes_nobodys_place(filled):
    assert len(filled.retrieve("service code old tool new app partner line reset router", 3).chunks) == 3


def test_an_audience_finds_its_own_beside_what_is_public(filled):
    assert found(filled, audience="Internal") == PUBLIC | {"internal", "faq:staff"}
    assert found(filled, audience="agents") == PUBLIC | {"internal"}
    assert found(filled, audience="partners") == PUBLIC | {"page"}


def test_a_day_decides_what_is_valid(filled):
    assert found(filled, on=date.fromisoformat(YESTERDAY)) >= {"over", "faq:gone", "last-day"}
    assert found(filled, on=date.fromisoformat(YESTERDAY)).isdisjoint({"first-day", "soon"})
    assert found(filled, on=date.fromisoformat(TOMORROW)) >= {"soon", "faq:next", "first-day"}
    assert found(filled, any_time=True) == PUBLIC | {"over", "soon", "faq:gone", "faq:next"}


def test_a_product_is_found_with_what_names_none(filled):
    assert found(filled, product="wren one") == PUBLIC - {"dot", "faq:dots"}
    assert found(filled, product="Wren Out") == PUBLIC - {"one", "faq:dots"}


def test_a_language_is_found_alone(filled):
    assert found(filled, language="de") == {"deutsch"}
    assert found(filled, language="en") == PUBLIC - {"deutsch"}


def test_everything_is_found_on_demand(filled):
    every = filled.retrieve(QUESTION, 50, filters=EVERYTHING)
    assert {one.chunk.document_id for one in every.chunks} == {e.id for e in filled.entries()}


def test_the_address_of_an_internal_article_is_not_cited_by_a_public_answer(filled):
    assert filled.faq("open").url == ""


def test_names_of_internal_articles_bias_no_speech_recognition(open_knowledge_base, folder):
    article(folder, "plan", "About the Wren Zeta.", audience="internal", product="Wren Zeta")
    knowledge_base = open_knowledge_base()
    knowledge_base.add_path(folder)
    assert "Wren One" in knowledge_base.vocabulary()
    assert "Wren Zeta" not in knowledge_base.vocabulary()


def test_a_changed_audience_counts_after_the_next_sync_and_after_opening_again(
    open_knowledge_base, tmp_path, folder
):
    knowledge_base = open_knowledge_base()
    knowledge_base.sync_folder(folder)
    article(folder, "for-all", audience="internal")
    assert knowledge_base.sync_folder(folder).updated == 1
    assert found(knowledge_base) == PUBLIC - {"for-all"}
    assert found(open_knowledge_base()) == PUBLIC - {"for-all"}


def test_an_export_keeps_whom_things_are_for(filled, tmp_path, embedder):
    filled.export_to(tmp_path / "all.jsonl")
    other = KnowledgeBase(tmp_path / "other", embedder, filled._settings)
    other.import_from(tmp_path / "all.jsonl")
    assert found(other) == PUBLIC
    other.close()


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"valid_until": "soon"}, "`valid_until` is 'soon', which is no date. Write it like 2026-12-31."),
        ({"valid_from": "2026-02-30"}, "day is out of range"),
        ({"valid_from": TODAY, "valid_until": YESTERDAY}, f"valid until {YESTERDAY}, before {TODAY}"),
    ],
)
def test_a_wrong_date_is_told_and_only_its_document_left_out(open_knowledge_base, folder, facts, told):
    article(folder, "wrong", **facts)
    ((source, reason),) = open_knowledge_base().add_path(folder).failed
    assert source == "wrong.md"
    assert told in reason


def test_a_wrong_date_in_a_table_leaves_only_its_row_out(open_knowledge_base, tmp_path):
    table = tmp_path / "faq.jsonl"
    table.write_text(
        '{"question": "Is it on?", "answer": "Yes.", "audience": ["internal", "agents"]}\n'
        '{"question": "Is it off?", "answer": "No.", "valid_until": "never"}\n'
        '{"title": "Note", "text": "It is on.", "audience": "internal"}\n'
    )
    knowledge_base = open_knowledge_base()
    report = knowledge_base.add_path(table)
    assert (report.added, len(report.failed)) == (2, 1)
    assert "line 2" in report.failed[0][1]
    assert {entry.audience for entry in knowledge_base.entries()} == {"internal, agents", "internal"}
    assert knowledge_base.retrieve("Is it on?").chunks == ()


def test_what_was_stored_before_dates_were_checked_stays_searchable():
    assert scope_of(Document("a", "A", "text", metadata={"valid_until": "next year"})).valid_until == date.max


DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@given(st.sets(st.sampled_from(["customers", "internal", "agents"])), DAYS, DAYS, DAYS)
def test_nothing_is_admitted_that_is_for_others_or_not_valid(audiences, begin, end, day):
    scope = Scope("en", frozenset(), frozenset(audiences), begin, end)
    expected = (not audiences or "customers" in audiences) and begin <= day <= end
    assert Filters(on=day).admit(scope) is expected
    assert EVERYTHING.admit(scope)
    assert FOR_CUSTOMERS.admit(Scope())
