"""Topics, their names and moods, and the sample that they are made of."""

from datetime import timedelta

import numpy as np
import pytest

from chatbot.insights.encoding import RememberedVectors
from chatbot.insights.kept import KeptMessage, MessageSample, texts_of
from chatbot.insights.mood import Mood, MoodJudge
from chatbot.insights.period import Period
from chatbot.insights.reading import ConversationFacts, QuestionFacts
from chatbot.insights.themes import Trend, themes_of
from chatbot.insights.topics import Grouped, group
from knowledge_base.embed import Embedder
from tests.chatbot.insights.made import START
from tests.conftest import ModelFiles
from tests.knowledge_base.conftest import HashingEmbedder

ROUTER = ("My router shows an amber light", "router amber light again", "amber light on the router")
REFUND = ("I want a refund for my order", "a refund for my order please", "is there a refund for my order")
WEEK = Period(START, START + timedelta(days=8))


def said(*texts: str, times: int = 4, hours: float = 1.0) -> list[KeptMessage]:
    """Each text by so many customers, one after the other."""
    return [
        KeptMessage(f"{text}-{n}", START + timedelta(hours=hours * n), text)
        for n in range(times)
        for text in texts
    ]


def grouped(messages: list[KeptMessage], known: Grouped | None = None) -> Grouped:
    vectors = HashingEmbedder().encode(texts_of(messages))
    return group(messages, vectors, known.topics if known else ())


def test_topics_are_named_by_their_telling_words_and_are_the_same_at_every_run() -> None:
    messages = [*said(*ROUTER), *said(*REFUND, times=3)]
    found = grouped(messages)
    assert [topic.size for topic in found.topics] == [12, 9]
    assert set(found.topics[0].words[:3]) == {"router", "amber", "light"}
    assert set(found.topics[1].words[:2]) == {"refund", "order"}
    assert found.labels.tolist() == [0] * 12 + [1] * 9
    assert [t.id for t in grouped(messages).topics] == [t.id for t in found.topics]


def test_a_topic_keeps_its_id_and_name_while_messages_come_and_go() -> None:
    before = grouped([*said(*ROUTER), *said(*REFUND, times=3)])
    after = grouped(
        [*said(*REFUND), *said(*ROUTER[:2], "the router has an amber light blinking", times=3)], before
    )
    assert {t.id for t in after.topics} == {t.id for t in before.topics}
    assert {t.name for t in after.topics} == {t.name for t in before.topics}


def test_what_few_say_names_no_topic_and_makes_none() -> None:
    found = grouped([*said(*ROUTER), *said("Call Ann Miller about the amber router light", times=1)])
    assert "miller" not in {word for topic in found.topics for word in topic.words}
    assert grouped(said(*ROUTER, times=1)).topics == ()
    one = [KeptMessage("the same", m.at, m.said) for m in said(*ROUTER)]
    assert grouped(one).topics == ()


def test_an_exclamation_belongs_to_what_was_said_before_it() -> None:
    messages = said(*ROUTER)
    angry = KeptMessage(messages[-1].conversation_id, messages[-1].at, "This is ridiculous!!")
    found = grouped([*messages, angry, KeptMessage("another", angry.at, "This is ridiculous!!")])
    assert found.labels[-2:].tolist() == [0, -1]


def test_chinese_topics_are_named_by_pairs_of_characters() -> None:
    found = grouped(said("怎么重置 路由器 密码", "路由器 密码 忘了"))
    assert "路由" in found.topics[0].words


def test_no_messages_are_no_topics() -> None:
    themes = themes_of((), 0, HashingEmbedder().encode, WEEK)
    assert themes.themes == ()
    assert themes.surging == ()


def test_trends_are_told_by_an_exact_test_of_the_halves() -> None:
    early = said(*ROUTER, times=8, hours=2)
    late = [
        KeptMessage(f"late {m.conversation_id}", m.at + timedelta(days=6), m.said)
        for m in said(*REFUND, times=8)
    ]
    themes = themes_of([*early, *late], 48, HashingEmbedder().encode, WEEK).themes
    assert {theme.topic.words[0] in ("refund", "order"): theme.trend for theme in themes} == {
        True: Trend.RISING,
        False: Trend.FALLING,
    }
    assert sum(theme.count for theme in themes) == 48
    assert all(sum(sum(by.values()) for by in theme.moods.values()) == theme.count for theme in themes)


def test_a_sample_keeps_whole_conversations_and_the_same_ones() -> None:
    def conversation(n: int) -> ConversationFacts:
        asked = tuple(
            QuestionFacts(f"{n}-{k}", START + timedelta(hours=k), f"question {k}") for k in range(3)
        )
        return ConversationFacts(str(n), "ann", asked)

    def kept(count: int) -> set[str]:
        sample = MessageSample(START, START + timedelta(days=1), most=300)
        for n in range(count):
            sample.add((conversation(n),))
        assert sample.offered == 3 * count
        assert len(sample.result()) == 300
        return {m.conversation_id for m in sample.result()}

    assert len(kept(1000) & kept(1050)) >= 85  # of a hundred; others came


def test_vectors_are_remembered() -> None:
    class Counting(HashingEmbedder):
        embedder_id = "hashing"
        asked = 0

        def encode(self, texts, role="document"):  # type: ignore[no-untyped-def]
            self.asked += len(texts)
            return super().encode(texts, role)

    embedder = Counting()
    vectors = RememberedVectors(lambda: embedder, most=3)
    first = vectors(["a b", "c d", "a b"])
    assert embedder.asked == 2
    assert np.allclose(vectors(["a b", "c d"]), first[:2])
    assert embedder.asked == 2
    vectors(["e", "f", "g"])
    vectors(["a b"])
    assert embedder.asked == 6


@pytest.mark.models
def test_moods_with_the_real_embedder(model_files: ModelFiles) -> None:
    embedder = Embedder(model_files.embedder, 1, model_files.folder / "onnx")
    texts = {
        "My parcel is two weeks late and nobody answers my e-mails": Mood.NEGATIVE,
        "This is ridiculous!! I am fed up": Mood.NEGATIVE,
        "我要投诉，太慢了": Mood.NEGATIVE,
        "How do I change my delivery address?": Mood.NEUTRAL,
        "可以寄到挪威吗？": Mood.NEUTRAL,
        "Thank you, you were a great help": Mood.POSITIVE,
    }
    judged = MoodJudge(embedder.encode).judge(list(texts), embedder.encode(list(texts)))
    assert [j.mood for j in judged] == list(texts.values())
