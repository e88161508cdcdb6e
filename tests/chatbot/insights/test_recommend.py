"""What comes next: by hand, against the most frequent, and shown only when it beats them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.insights.recommend import NextSteps, Trial, tried
from chatbot.insights.recommend_evaluate import evaluate_next_steps
from chatbot.insights.suggestions import NO_SUGGESTIONS, Suggester
from chatbot.messages import Citation
from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import FaqEntry
from knowledge_base.settings import KnowledgeBaseSettings
from tests.chatbot.insights.made import START, Said, put
from tests.knowledge_base.conftest import HashingEmbedder

AXES = dict(zip("abcd", np.eye(4, dtype=np.float32), strict=True))


def test_chances_by_hand() -> None:
    steps = NextSteps([("a", "b"), ("a", "b"), ("a", "c", "b"), ("d",)], AXES)
    # counts after a: b 1 + 1 + 1/2, c 1; seen: a 3, b 3, c 1, d 1, each with 0.1 more, of 8.4 in all
    even = 1 / 3  # a softmax over equal similarities, without a itself
    prior = {"b": 0.7 * 3.1 / 8.4 + 0.3 * even, "c": 0.7 * 1.1 / 8.4 + 0.3 * even}
    chances = dict(zip("abcd", steps._chances("a"), strict=True))
    assert chances["b"] == pytest.approx((2.5 + 5 * prior["b"]) / 8.5)
    assert chances["c"] == pytest.approx((1.0 + 5 * prior["c"]) / 8.5)
    assert sum(chances.values()) == pytest.approx(1.0)
    assert steps.offer(("a",), 2) == ("b", "c")
    assert steps.popular(("a",), 2) == ("b", "c")


def test_what_was_seen_is_not_offered_again_and_nothing_follows_the_unknown() -> None:
    steps = NextSteps([("a", "b", "c")] * 3, AXES)
    assert steps.offer(("a", "b"))[0] == "c"
    assert "a" not in steps.offer(("a", "b"))
    assert steps.offer(("unknown",)) == ()
    assert NextSteps([], {}).offer(("a",)) == ()


def test_likeness_helps_where_nothing_was_learnt() -> None:
    near = {**AXES, "e": np.asarray([0.9, 0, 0, 0.435889894], np.float32)}
    assert NextSteps([("b", "c")], near).offer(("a",), 1) == ("e",)


def test_a_trial_by_hand() -> None:
    learnt = [("a", "b")] * 8 + [("c", "d")] * 8 + [("b",)] * 30
    trial = tried(NextSteps(learnt, AXES), [("a", "b")] * 10 + [("c", "d")] * 10, most=1)
    # b is the most frequent: it is right after a, and wrong after c
    assert trial == Trial(20, 20, 10, pytest.approx(0.5**10))
    assert not trial.is_won  # too few cases
    assert Trial(60, 40, 20, 0.001).is_won
    assert not Trial(60, 40, 20, 0.2).is_won


PAIRS = (
    ("How do I pay?", "When comes my refund?"),
    ("Where is my parcel?", "How do I change the address?"),
    ("How do I reset the router?", "What does amber mean?"),
    ("怎么付款？", "怎么退款？"),
)
IDS = tuple(f"q{pair}{place}" for pair in range(len(PAIRS)) for place in range(2))


def citing(key: str) -> tuple[Citation, ...]:
    return (Citation(1, key, "", "", "", ""),)


@pytest.fixture
def knowledge_base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    opened = KnowledgeBase(tmp_path / "chroma", HashingEmbedder(), KnowledgeBaseSettings())
    for key, question in zip(IDS, (q for pair in PAIRS for q in pair), strict=True):
        opened.add_entry(FaqEntry(key, question, "An answer.", language="zh" if key[1] == "3" else "en"))
    yield opened
    opened.close()


def fill(database: Database, conversations: int) -> None:
    """In each conversation the second question of a pair comes after the first."""
    for n in range(conversations):
        first, second = IDS[2 * (n % 4)], IDS[2 * (n % 4) + 1]
        turns = (Said("?", documents=(first,)), Said("?", 0.1, documents=(second,)))
        put(database, *turns, visitor=f"v{n}", at=START + timedelta(minutes=n))


def test_suggestions_are_offered_once_they_beat_the_most_frequent(
    database: Database, knowledge_base: KnowledgeBase
) -> None:
    suggester = Suggester(
        database, lambda: knowledge_base, knowledge_base.encode, clock=lambda: START + timedelta(days=30)
    )
    assert suggester.offer([citing("q00")], "en") == NO_SUGGESTIONS
    fill(database, 20)
    trial = suggester.learn()
    assert (trial.cases, trial.hits, trial.is_won) == (4, 4, False)
    assert suggester.offer([citing("q00")], "en") == NO_SUGGESTIONS
    fill(database, 240)
    trial = suggester.learn()
    assert (trial.cases, trial.hits, trial.is_won) == (52, 52, True)
    assert trial.popular_hits < 40
    offered = suggester.offer([citing("q00")], "en")
    assert offered.questions[0].label == "When comes my refund?"
    assert offered.articles == ()
    assert all(step.id[1] != "3" for step in offered.questions)  # none in Chinese
    assert suggester.offer([citing("q30")], "zh").questions[0].label == "怎么退款？"
    assert suggester.offer([citing("q00"), ()], "en") == NO_SUGGESTIONS  # nothing was found


def test_the_measurement_on_transcripts(tmp_path: Path) -> None:
    lines = []
    for n in range(120):
        month = ("May", "June", "July", "August", "March")[n % 5]
        paying = (f"How do I pay my bill of {month}?", f"When comes my refund of {month}?")
        moving = (f"Where is my parcel sent in {month}?", f"Change my address in {month}")
        asked = paying if n % 2 else moving
        turns = [
            m for text in asked for m in ({"role": "customer", "text": text}, {"role": "agent", "text": "…"})
        ]
        lines.append(json.dumps({"conversation_id": str(n), "messages": turns}))
    (tmp_path / "conversations.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = evaluate_next_steps(tmp_path, HashingEmbedder().encode)
    assert found["task"] == "next_steps"
    assert found["settings"]["items"] == 4
    assert found["metrics"]["hit_rate_at_3"] == 1.0
    assert 10 <= found["n"] <= 40
    with pytest.raises(InputError):
        evaluate_next_steps(tmp_path / "nowhere", HashingEmbedder().encode)
