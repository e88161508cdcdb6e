"""How a message sounds, as a table of cases, and by words alone."""

import pytest

from chatbot.insights.mood import Mood, MoodJudge
from chatbot.insights.mood_words import words_score
from chatbot.models import ModelStore
from chatbot.services import open_embedder
from chatbot.settings import Settings
from knowledge_base.embed import Embedder
from tests.conftest import ModelFiles


@pytest.fixture(scope="module")
def embedder(model_files: ModelFiles) -> Embedder:
    store = ModelStore(model_files.folder, offline=True)
    return open_embedder(Settings(models_dir=model_files.folder, offline=True), store)


@pytest.mark.models
@pytest.mark.parametrize(
    ("said", "mood"),
    [
        ("Thank you, that was very helpful!", "positive"),
        ("The new app is great and so easy", "positive"),
        ("When will my parcel arrive?", "neutral"),
        ("How do I change my password", "neutral"),
        ("This is the worst service ever", "negative"),
        ("The app is not good", "negative"),
        ("it works 👍", "positive"),
        ("I have told you already, you don't listen", "negative"),
        ("非常感谢，很好用", "positive"),
        ("太差了，我要投诉", "negative"),
        ("怎么退货？", "neutral"),
    ],
)
def test_likeness_and_words_decide_together(embedder: Embedder, said: str, mood: str) -> None:
    def encode(texts):  # type: ignore[no-untyped-def]
        return embedder.encode(texts, "query")

    (judged,) = MoodJudge(encode).judge([said], encode([said]))
    assert judged.mood == Mood(mood)


@pytest.mark.parametrize(
    ("said", "sign"),
    [
        ("very helpful, thank you", 1),
        ("That wasn't helpful", -1),
        ("not a problem at all", 1),
        ("my router :(", -1),
        ("it works 👍", 1),
        ("怎么退货？", 0),
        ("see https://help.example/a(b)", 0),
        ("", 0),
    ],
)
def test_words_signs_and_what_stands_before_them_count(said: str, sign: int) -> None:
    score = words_score(said)
    assert (score > 0) - (score < 0) == sign


def test_very_makes_it_stronger_and_twice_counts_twice() -> None:
    assert words_score("very good") > words_score("good")
    assert words_score("good, good") == 2 * words_score("good")
