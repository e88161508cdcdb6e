"""Small-to-big: the passage that was found, with its section around it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.chunk import chunk
from knowledge_base.documents import Document
from knowledge_base.sections import section_around


def words(text: str) -> int:
    return len(text.split())


STEPS = " ".join(f"Step {n} is done with the button of colour {n}." for n in range(1, 40))
GUIDE = f"# Guide\n\n## Before\n\nUnpack it.\n\n## Steps\n\n{STEPS}\n\n## After\n\nEnjoy it.\n"


@given(st.integers(0, 400), st.integers(0, 20), st.integers(0, 100))
def test_a_section_is_a_slice_of_its_document_that_holds_the_passage_and_fits(
    max_tokens: int, overlap: int, which: int
) -> None:
    document = Document("guide", "Guide", GUIDE)
    chunks = chunk(document, words, 40, overlap)
    place = which % len(chunks)
    section = section_around(chunks, place, document.text, words, max_tokens)
    if section is None:
        return
    found = chunks[place]
    assert document.text[section.start : section.end] == section.text
    assert section.start <= found.start < found.end <= section.end
    assert words(section.text) <= max_tokens
    assert "#" not in section.text


@pytest.mark.parametrize("place", [0, -1])
def test_what_was_cut_is_whole_again_and_what_was_not_stays_as_it_is(place: int) -> None:
    document = Document("guide", "Guide", GUIDE)
    chunks = chunk(document, words, 40, 8)
    steps = [i for i, one in enumerate(chunks) if one.heading_path == ("Steps",)]
    assert len(steps) > 3
    section = section_around(chunks, steps[place], document.text, words, 10_000)
    assert section is not None
    assert section.text == STEPS
    assert section_around(chunks, 0, document.text, words, 10_000) is None
    assert section_around(chunks, steps[place], document.text, words, 0) is None


def test_neighbours_are_taken_on_both_sides_as_far_as_they_fit() -> None:
    document = Document("guide", "Guide", GUIDE)
    chunks = chunk(document, words, 40, 0)
    middle = [i for i, one in enumerate(chunks) if one.heading_path == ("Steps",)][3]
    section = section_around(chunks, middle, document.text, words, 115)
    assert section is not None
    assert (section.start, section.end) == (chunks[middle - 1].start, chunks[middle + 1].end)


def test_a_search_gives_the_section_within_the_setting(open_knowledge_base, tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text(GUIDE, encoding="utf-8")
    knowledge_base = open_knowledge_base(chunk_tokens=40, chunk_overlap_tokens=0)
    knowledge_base.add_path(tmp_path / "guide.md")
    found = knowledge_base.retrieve("colour 20", top_k=1).chunks[0]
    assert found.whole == STEPS
    assert found.chunk.text in found.whole
    assert found.chunk.text != found.whole
    alone = open_knowledge_base(chunk_tokens=40, chunk_overlap_tokens=0, section_tokens=0)
    assert alone.retrieve("colour 20", top_k=1).chunks[0].whole == found.chunk.text
