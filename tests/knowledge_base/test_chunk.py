import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_base.chunk import chunk, windows
from knowledge_base.documents import Document

_HEADING_LINE = re.compile(r"^ {0,3}#{1,6}(?:[ \t].*)?$|^ {0,3}(?:=+|-+)[ \t]*$", re.MULTILINE)


def count_words(text: str) -> int:
    """Words, and each Chinese character by itself, as embedders count."""
    return len(re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", text))


def cut(text: str, max_tokens: int = 40, overlap: int = 0):
    return chunk(Document("doc", "Title", text), count_words, max_tokens, overlap)


PIECES = st.one_of(
    st.sampled_from(
        [
            "# One\n",
            "## Two ##\n",
            "### Three\n",
            "- item one\n- item two\n",
            "1. first\n2. second\n",
            "\n\n",
            "\n",
            "| a | b |\n| --- | --- |\n| 1 | 2 |\n",
            "```\ncode # no heading\n```\n",
            "> quoted\n",
            "    indented\n",
            "请按住重置按钮十二秒。然后等待指示灯变蓝！",
            "Hold the button. Then wait! ",
            "[ref]: https://x.example\n",
            "Under\n=====\n",
            "---\n",
            "![alt text](x.png)\n",
            "<div>html</div>\n",
            "a" * 90,
            "word " * 60,
            "\r\n",
        ]
    ),
    st.text(max_size=30),
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


@given(TEXTS, st.integers(4, 60), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_every_chunk_is_a_slice_of_its_document(text, max_tokens, overlap):
    for passage in cut(text, max_tokens, overlap):
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip()


@given(TEXTS, st.integers(4, 60), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_nothing_but_white_space_and_headings_is_lost(text, max_tokens, overlap):
    covered = [False] * len(text)
    for passage in cut(text, max_tokens, overlap):
        covered[passage.start : passage.end] = [True] * (passage.end - passage.start)
    headings = [False] * len(text)
    for passage in _headings(text):
        headings[slice(*passage)] = [True] * (passage[1] - passage[0])
    lost = [c for c, kept, heading in zip(text, covered, headings, strict=True) if not kept and not heading]
    assert not "".join(lost).strip()


def _headings(text: str) -> list[tuple[int, int]]:
    from markdown_it import MarkdownIt

    starts = [0, *(match.end() for match in re.finditer(r"\r\n?|\n", text)), len(text)]
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found = [t for t in tokens if t.type == "heading_open" and t.level == 0 and t.map]
    return [(starts[t.map[0]], starts[min(t.map[1], len(starts) - 1)]) for t in found]


@given(TEXTS, st.integers(6, 60), st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_chunks_come_in_reading_order_and_fit(text, max_tokens, overlap):
    passages = cut(text, max_tokens, overlap)
    assert [p.start for p in passages] == sorted({p.start for p in passages})
    for passage in passages:
        room = max(max_tokens - count_words(" > ".join(("Title", *passage.heading_path))), max_tokens // 2)
        assert count_words(passage.text) <= room or len(passage.text) == 1


def test_sections_are_cut_apart_and_carry_their_headings():
    text = "# Title\n\nIntro.\n\n## Reset\n\nHold it.\n\n### Hard\n\nLonger.\n\n## Return\n\nSend it.\n"
    assert [(p.heading_path, p.text) for p in cut(text)] == [
        ((), "Intro."),
        (("Reset",), "Hold it."),
        (("Reset", "Hard"), "Longer."),
        (("Return",), "Send it."),
    ]


def test_headings_are_shown_without_their_markup():
    (passage,) = cut("## The **reset** [button](x) and `code` ##\n\nText")
    assert passage.heading_path == ("The reset button and code",)


def test_a_code_comment_is_no_heading():
    (passage,) = cut("```\n# not a heading\n```")
    assert passage.heading_path == ()


def test_a_text_of_headings_only_is_still_found():
    assert [p.text for p in cut("# How do I reset?\n## Really")] == ["# How do I reset?\n## Really"]


def test_lists_tables_and_code_stay_whole_when_they_fit():
    block = "- one two three\n- four five six"
    assert block in [p.text for p in cut(f"{'word ' * 35}\n\n{block}")]


def test_a_long_list_is_cut_between_its_items():
    items = [f"- item {n} with a few words\n  and a second line" for n in range(12)]
    for passage in cut("\n".join(items)):
        assert passage.text.startswith("- item")
        assert passage.text.endswith("second line")


def test_a_long_paragraph_is_cut_at_sentence_ends():
    passages = cut(" ".join(f"This is sentence number {n}." for n in range(30)))
    assert len(passages) > 1
    assert all(p.text.endswith(".") for p in passages)


def test_chinese_without_spaces_is_cut_at_its_full_stops():
    passages = cut("请按住重置按钮十二秒。然后等待指示灯变蓝。" * 10)
    assert len(passages) > 1
    assert all(p.text.endswith("。") for p in passages)


def test_neighbours_overlap_by_whole_sentences():
    sentences = [f"Sentence number {n} here." for n in range(30)]
    passages = cut(" ".join(sentences), overlap=8)
    for before, after in pairwise(passages):
        assert after.start < before.end
        assert count_words(before.text[after.start - before.start :]) <= 8


def test_nothing_gives_no_chunks():
    assert cut("") == cut(" \n\n ") == []


def test_a_megabyte_without_a_space_is_cut_without_being_counted_whole():
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return -(-len(text) // 4)

    passages = chunk(Document("doc", "", "x" * 1_000_000 + "。" + "句" * 3_000), count, 60, 0)
    assert max(len(p.text) for p in passages) <= 240
    assert max(counted) <= 60 * 24


@pytest.mark.parametrize("text", ["# looks like a heading", "how?", "- a\n- b"])
def test_a_short_question_is_one_window(text):
    assert windows(text, count_words, 10) == [text]


def test_a_long_question_is_cut_into_windows_that_fit():
    pieces = windows("I have a problem. " * 40, count_words, 20)
    assert len(pieces) > 5
    assert all(count_words(piece) <= 20 for piece in pieces)
