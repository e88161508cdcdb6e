"""Cleaning what people type, and cutting it into sentences while it is still arriving."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.text import clean_text, content_words, how_many, is_chinese, split_sentences, words

# The characters sentence ends depend on, so that random texts meet them often.
TEXTS = st.lists(
    st.sampled_from([*"ab1. !?\n。！[](*)\"'", "[1]", "[12] ", ". [2]", "e.g. ", "3. ", ".**", "好"]),
    max_size=30,
).map("".join)


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(p % (len(text) + 1) for p in places)})
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@given(TEXTS, st.lists(st.integers(0, 60)))
def test_all_sentences_joined_are_the_text_however_its_pieces_are_cut(text: str, places: list[int]) -> None:
    assert "".join(split_sentences(cut(text, places))) == text


@given(TEXTS, st.lists(st.integers(0, 60)))
def test_sentences_do_not_depend_on_how_the_pieces_are_cut(text: str, places: list[int]) -> None:
    whole = list(split_sentences([text]))
    assert list(split_sentences(cut(text, places))) == whole
    assert list(split_sentences(text)) == whole


def test_a_sentence_is_given_as_soon_as_the_next_one_begins() -> None:
    arrived = []

    def pieces() -> Iterator[str]:
        for piece in ("One", " day.", " [1]", " T", "wo"):
            arrived.append(piece)
            yield piece

    assert next(split_sentences(pieces())) == "One day. [1]"
    assert arrived[-1] == " T"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One day. Two days! Three?", ["One day.", " Two days!", " Three?"]),
        ("Within 45 days. [1] It is free. [2]", ["Within 45 days. [1]", " It is free. [2]"]),
        ("Within 45 days [1]. It is free.", ["Within 45 days [1].", " It is free."]),
        ("Both say so. [1] [2] Next.", ["Both say so. [1] [2]", " Next."]),
        ("It is so.[1][2] Next.", ["It is so.[1][2]", " Next."]),
        ("Press **Save.** Then wait.", ["Press **Save.**", " Then wait."]),
        ('She said "go." Then left.', ['She said "go."', " Then left."]),
        ("请在四十五天内退货。费用全免！好吗？好", ["请在四十五天内退货。", "费用全免！", "好吗？", "好"]),
        ("可以退货。[1]费用全免。[2]", ["可以退货。[1]", "费用全免。[2]"]),
        ("可以退货。 [1] 费用全免。 [2]", ["可以退货。 [1]", " 费用全免。 [2]"]),
        ("Steps:\nOpen it.\nClose it.", ["Steps:\n", "Open it.\n", "Close it."]),
        ("Do this: 1. Open it. 2. Close it.", ["Do this: 1. Open it.", " 2. Close it."]),
        ("1. Open it.\n2. Close it.", ["1. Open it.\n", "2. Close it."]),
        ("Use a cable, e.g. the grey one. Then wait.", ["Use a cable, e.g. the grey one.", " Then wait."]),
        ("Version 2.4.1 at wren.example. Next.", ["Version 2.4.1 at wren.example.", " Next."]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert list(split_sentences([text])) == sentences
    assert list(split_sentences(text)) == sentences


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\x00b\x07c\x1b[31md\x7f\x85e", "abc[31mde"),
        ("pay\u202egnp.exe\u202c to\u2066 me\u2069", "paygnp.exe to me"),
        ("half \ud83d pair", "half  pair"),
        ("line\r\nline\rline\tend ", "line\nline\nline\tend"),
        ("cafe\u0301", "café"),
        ("👩‍👩‍👧 مرحبا 你好", "👩‍👩‍👧 مرحبا 你好"),
    ],
)
def test_cleaning_removes_what_deceives_and_nothing_else(typed: str, kept: str) -> None:
    assert clean_text(typed) == kept


@given(st.text(st.characters()))
def test_clean_text_stays_clean_and_can_be_stored(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean
    clean.encode()


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("怎么退货？", True),
        ("我的 Wren One 路由器坏了", True),
        ("What does 退货 mean in English?", False),
        ("42", False),
    ],
)
def test_chinese_is_told_by_its_share_of_the_letters(text: str, chinese: bool) -> None:
    assert is_chinese(text) is chinese


def test_words_keep_codes_and_versions_whole_and_split_chinese() -> None:
    assert words("Error E-07, don't use v2.4!") == ["error", "e-07", "don't", "use", "v2.4"]
    assert words("退货") == ["退", "货"]


def test_content_words_meet_across_inflections() -> None:
    assert content_words("the returned parcels") == content_words("return a parcel")


@pytest.mark.parametrize(
    ("n", "forms", "told"),
    [
        (1, "{n} message|{n} messages", "1 message"),
        (0, "{n} message|{n} messages", "0 messages"),
        (1200, "{n} Nachricht|{n} Nachrichten", "1,200 Nachrichten"),
        (1, "{n} 条消息", "1 条消息"),
        (3, "{n} 条消息", "3 条消息"),
    ],
)
def test_one_is_not_told_as_several(n: int, forms: str, told: str) -> None:
    assert how_many(n, forms) == told
