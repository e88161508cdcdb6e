"""Near-duplicates are found, whatever their order, and strangers are not."""

from hypothesis import given
from hypothesis import strategies as st

from finetune.dataset.duplicates import near_duplicates

LONG = (
    "My router is red since this morning and I cannot reach the internet at all, what shall I do now please"
)


def test_the_same_text_with_a_word_changed_is_one_group() -> None:
    other = (
        "Where is my parcel? I ordered it a week ago and nobody has told me when it will arrive at my door"
    )
    assert near_duplicates([LONG, other, LONG.replace("red", "amber")], 0.6) == [0, 1, 0]


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    second = LONG.replace("please", "thanks")
    third = second.replace("My router", "Our router")
    assert near_duplicates([third, second, LONG], 0.7) == [0, 0, 0]


def test_a_hundred_copies_are_one_group() -> None:
    assert set(near_duplicates([LONG] * 100, 0.8)) == {0}


@given(st.lists(st.text(max_size=60), max_size=12), st.floats(0.1, 1.0))
def test_a_leader_leads_itself_and_comes_first(texts: list[str], similarity: float) -> None:
    leaders = near_duplicates(texts, similarity)
    assert all(leaders[leader] == leader <= place for place, leader in enumerate(leaders))
    assert leaders == near_duplicates(texts, similarity)


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=8))
def test_equal_texts_are_always_together(texts: list[str]) -> None:
    leaders = near_duplicates([*texts, *texts], 1.0)
    assert leaders[: len(texts)] == leaders[len(texts) :]
