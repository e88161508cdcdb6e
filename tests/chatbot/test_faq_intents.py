"""Which FAQ entry is asked for, learnt from a knowledge base as it is now."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.faq_intents import FaqIntents
from chatbot.intents import LIKELIER_THAN_NOT, SHORTLIST
from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import FaqEntry
from knowledge_base.settings import KnowledgeBaseSettings
from tests.chatbot.test_intents import PHRASINGS
from tests.knowledge_base.conftest import HashingEmbedder


@pytest.fixture
def knowledge_base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with (tmp_path / "faq.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(k, "en", v[0], " | ".join(v[1:]), f"About {k}.") for k, v in PHRASINGS.items()]
        chinese = ("zh", "zh", "快递多久能到？", "送货要几天", "三天。")
        csv.writer(file).writerows([("id", "language", "question", "phrasings", "answer"), *rows, chinese])
    opened = KnowledgeBase(tmp_path / "chroma", HashingEmbedder(), KnowledgeBaseSettings())
    opened.add_path(tmp_path / "faq.csv")
    yield opened
    opened.close()


def learnt(knowledge_base: KnowledgeBase) -> FaqIntents:
    intents = FaqIntents(knowledge_base)
    intents.wait()
    return intents


def test_the_entry_asked_for_comes_first_with_its_probability(knowledge_base: KnowledgeBase) -> None:
    intents = learnt(knowledge_base)
    question = "may I please return a router"
    match = intents.judged(question, knowledge_base.retrieve(question)).faq[0]
    assert match.entry.id == "return"
    assert match.probability is not None
    assert match.probability >= LIKELIER_THAN_NOT
    odd = "zebra crossing quiz amber"
    unsure = intents.judged(odd, knowledge_base.retrieve(odd))
    assert max((m.probability or 0) for m in unsure.faq) < LIKELIER_THAN_NOT


def test_an_unsure_guess_leaves_the_nearest_phrasing_in_front(knowledge_base: KnowledgeBase) -> None:
    found = knowledge_base.retrieve("zebra crossing quiz amber")
    judged = learnt(knowledge_base).judged("zebra crossing quiz amber", found)
    assert [m.entry.id for m in judged.faq] == [m.entry.id for m in found.faq]
    chances = [m.probability for m in judged.faq if m.probability is not None]
    assert 1 < len(chances) <= SHORTLIST
    assert max(chances) < LIKELIER_THAN_NOT


def test_what_search_has_ruled_out_stays_out(knowledge_base: KnowledgeBase) -> None:
    question = "may I please return a router"
    found = knowledge_base.retrieve(question)
    without = replace(found, faq=tuple(m for m in found.faq if m.entry.id != "return"))
    assert learnt(knowledge_base).judged(question, without) == without


def test_a_script_that_the_embedder_does_not_know_is_not_judged(knowledge_base: KnowledgeBase) -> None:
    found = knowledge_base.retrieve("快递多久能到")
    assert found.faq[0].entry.id == "zh"
    assert learnt(knowledge_base).judged("快递多久能到", found) == found


def test_a_new_entry_is_learnt_and_until_then_nothing_is_judged(knowledge_base: KnowledgeBase) -> None:
    intents = learnt(knowledge_base)
    wifi = ("change my wifi name", "rename the wifi", "wifi name rename", "new name for my wifi")
    knowledge_base.add_entry(FaqEntry("wifi", wifi[0], "In the app.", wifi[1:]))
    question = "please rename my wifi"
    found = knowledge_base.retrieve(question)
    assert intents.judged(question, found) == found
    intents.wait()
    match = intents.judged(question, found).faq[0]
    assert (match.entry.id, (match.probability or 0) >= LIKELIER_THAN_NOT) == ("wifi", True)


def test_a_new_article_leaves_what_was_learnt(knowledge_base: KnowledgeBase, tmp_path: Path) -> None:
    intents = learnt(knowledge_base)
    (tmp_path / "article.md").write_text("# Repairs\n\nWe repair routers.\n", encoding="utf-8")
    knowledge_base.add_path(tmp_path / "article.md")
    assert intents.refresh() is None
    question = "may I please return a router"
    assert intents.judged(question, knowledge_base.retrieve(question)).faq[0].probability is not None


def test_more_phrasings_than_memory_is_for_leave_similarity_alone(
    knowledge_base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.faq_intents.MAX_PHRASINGS", 3)
    found = knowledge_base.retrieve("may I please return a router")
    assert learnt(knowledge_base).judged("may I please return a router", found) == found


def test_an_empty_knowledge_base_has_nothing_to_learn(tmp_path: Path) -> None:
    empty = KnowledgeBase(tmp_path / "empty", HashingEmbedder(), KnowledgeBaseSettings())
    assert learnt(empty).judged("return a router", empty.retrieve("return a router")).faq == ()
    empty.close()
