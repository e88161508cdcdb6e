import numpy as np
import pytest

from knowledge_base.lexical import LexicalIndex, codes, tokenize
from knowledge_base.lexical_similarity import CharacterIndex

TEXTS = [
    "Error WR-501 means the card was declined",
    "Error WR-502 on page 12",
    "快递三到五天送达",
    "Routers restart",
]


@pytest.fixture
def index() -> LexicalIndex:
    return LexicalIndex(TEXTS)


@pytest.mark.parametrize(
    "spelling", ["WR-501", "wr501", "wr 501", "WR_501", "ＷＲ－501", "wr–501", "what is wr-501?"]
)
def test_a_code_is_found_however_it_is_written(index, spelling):
    assert int(np.argmax(index.scores(spelling))) == 0
    assert np.flatnonzero(index.code_scores(index.asked_codes(spelling))).tolist() == [0]


def test_a_number_beside_a_word_is_a_code_only_for_those_who_ask_carelessly():
    assert codes("see page 12 about WR 501 and 0x80070005") == ["page12", "wr501", "0x80070005"]
    assert codes("see page 12 about WR 501", as_written=True) == ["wr501"]


def test_a_code_that_nobody_wrote_scores_nothing(index):
    assert index.asked_codes("WR-999 in room 12") == {"wr999"}
    assert not index.code_scores({"wr999"}).any()


def test_plurals_and_case_do_not_matter(index):
    assert int(np.argmax(index.scores("ROUTER restarts"))) == 3


def test_chinese_is_found_by_character_pairs(index):
    assert int(np.argmax(index.scores("快递几天"))) == 2
    assert tokenize("快递三天") == ["快递", "递三", "三天"]


@pytest.mark.parametrize("query", ["", "zebra", "the of and", "!?"])
def test_unknown_words_score_zero_everywhere(index, query):
    assert index.scores(query).tolist() == [0.0] * len(TEXTS)


@pytest.mark.parametrize("texts", [[], [""], ["the of"]])
def test_an_index_of_nothing_finds_nothing(texts):
    assert LexicalIndex(texts).scores("router").tolist() == [0.0] * len(texts)


def test_rare_characters_tell_chinese_questions_apart():
    index = CharacterIndex(["快递多久能到", "退款多久能到", "保修期多久", "怎么重置路由器"])
    similarities = index.cosine("快递几天能到")
    assert int(np.argmax(similarities)) == 0
    assert similarities[0] > 2 * similarities[1]


def test_a_question_covers_and_equals_itself():
    index = CharacterIndex(["怎么重置 Wren One？按住按钮", "退款"])
    assert index.coverage("怎么重置")[0] == pytest.approx(1.0)
    assert index.cosine("退款")[1] == pytest.approx(1.0, abs=1e-4)
    assert index.coverage("")[0] == index.cosine("!")[0] == 0.0


PARTS = ["Power supply WP-4410-EU", "Wall mount WM_77X-2B", "Cable WC4418B", "Firmware of the guest network"]


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("WP4410EU", 0),
        ("wp-4410-eu", 0),
        ("WP 4410 EU", 0),
        ("wm77x2b", 1),
        ("WM–77X–2B", 1),
        ("WC-4418-B", 2),
    ],
)
def test_a_part_number_is_found_with_and_without_its_separators(asked, place):
    assert np.flatnonzero(LexicalIndex(PARTS).scores(asked)).tolist() == [place]


def test_part_numbers_that_were_asked_for_are_those_that_the_index_knows():
    index = LexicalIndex(PARTS)
    assert index.asked_parts("is WP4410EU or WP-9999-EU the right one for a wm-77x-2b") == [
        "wm77x2b",
        "wp4410eu",
    ]
    assert index.code_scores(["wm77x2b"]).argmax() == 1


@pytest.mark.parametrize("slip", ["guset", "geust", "gueest", "guesf", "netwrok", "firmwaer", "netwoks"])
def test_a_misspelt_word_counts_as_the_one_meant(slip):
    assert np.flatnonzero(LexicalIndex(PARTS).scores(slip)).tolist() == [3]


def test_a_slip_keeps_its_first_letter_and_known_words_are_left_alone():
    index = LexicalIndex(["the status light", "a night flight", "guests network", "guess the word"])
    assert np.flatnonzero(index.scores("netwrok")).tolist() == [2]
    assert np.flatnonzero(index.scores("lihgt")).tolist() == [0]
    assert np.flatnonzero(index.scores("slight")).tolist() == []  # not `light`, not `flight`
    assert np.flatnonzero(index.scores("flight")).tolist() == [1]


def test_words_of_a_keyword_index_are_not_held_twice_and_say_the_same() -> None:
    texts = [
        "怎么重置 Wren One？按住按钮",
        "退款 café",
        "The reset button of the router",
        "",
        "Refunds and the router",
    ]
    alone, beside = CharacterIndex(texts), CharacterIndex(texts, LexicalIndex(texts))
    for query in ("怎么重置", "reset the router", "café refund", "zzz", ""):
        np.testing.assert_allclose(beside.coverage(query), alone.coverage(query), atol=1e-6)
        np.testing.assert_allclose(beside.cosine(query), alone.cosine(query), atol=1e-6)


def test_places_are_those_of_the_texts_with_the_word() -> None:
    index = LexicalIndex(["the router", "a lamp", "routers and lamps"])
    assert sorted(index.places_of("router")) == [0, 2]
    assert list(index.places_of("garden")) == []
    assert list(LexicalIndex([]).places_of("router")) == []
