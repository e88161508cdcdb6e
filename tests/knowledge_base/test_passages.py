"""Passages made when they are asked for are those that were cut, one by one and all together."""

from dataclasses import replace

import pytest

from knowledge_base.chunk import chunk
from knowledge_base.documents import Chunk, Document, FaqEntry
from knowledge_base.passages import AllPassages, Cut, Passages, cut_of
from knowledge_base.records import document_of

GUIDE = Document(
    id="guides/ärger #1",
    title="Réseau 🛜",
    text="# Réseau 🛜\n\nÇa marche.\n\n## Light\n\nSolid amber: no internet.\n\n路由器没有网络。\n\n"
    "## Light\n\nSolid red: hardware fault.\n",
    url="https://help.example/light",
    language="fr",
    pages=(0, 30),
)
SHIPPING = document_of(FaqEntry("ship", "When does it ship?", "Today."))


def cut(document: Document) -> list[Chunk]:
    return chunk(document, lambda text: len(text.split()), 6, 0)


@pytest.mark.parametrize("document", [GUIDE, SHIPPING])
def test_they_are_made_again_as_they_were_cut(document: Document) -> None:
    chunks = cut(document)
    assert chunks
    passages = Passages.of(document, chunks)
    assert list(passages) == chunks
    assert passages == tuple(chunks)
    assert passages != tuple(chunks[1:])
    assert all(isinstance(cut_of(document, i, one), Cut) for i, one in enumerate(chunks))
    assert [document.text[one.start : one.end] for one in passages] == [one.text for one in chunks]


def test_what_cannot_be_made_of_the_document_is_kept() -> None:
    first, *others = cut(GUIDE)
    bare = replace(first, title="", heading_path=())
    assert list(Passages.of(GUIDE, [bare, *others])) == [bare, *others]
    assert list(Passages.of(GUIDE, others)) == others  # their numbers are not those of their places


def test_places_are_counted_as_in_a_tuple() -> None:
    chunks = tuple(cut(GUIDE))
    passages = Passages.of(GUIDE, chunks)
    both = AllPassages([Passages.of(SHIPPING, cut(SHIPPING)), (), passages, ()])
    whole = (*cut(SHIPPING), *chunks)
    assert (len(passages), len(both)) == (len(chunks), len(whole))
    assert (passages[-1], both[-1], both[0], both[1]) == (chunks[-1], whole[-1], whole[0], whole[1])
    assert (passages[1:], both[::-2]) == (chunks[1:], whole[::-2])
    assert list(both) == list(whole)
    for wrong in (len(whole), -len(whole) - 1):
        with pytest.raises(IndexError):
            both[wrong]
    assert list(AllPassages([])) == []
