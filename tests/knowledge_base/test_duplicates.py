"""What counts as nearly the same, and that a result spends one place on it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.documents import Chunk
from knowledge_base.duplicates import fold, say_the_same

WARRANTY = (
    "The warranty lasts two years from the day of delivery. It covers faults of material and of manufacture. "
    "Damage by water, by lightning or by a fall is left out, and so is what somebody else has opened. To make use of "
    "it, write to the support with the number of your order and a picture of the fault; the way back is paid."
)


def passage(text: str, title: str = "Warranty", *headings: str) -> Chunk:
    return Chunk(f"{title}#0", title, title, text, 0, len(text), headings)


@pytest.mark.parametrize(
    "other",
    [
        passage(WARRANTY),
        passage(WARRANTY.replace("; the way", ", the way").replace("write to", "please write to")),
        passage(WARRANTY.replace("picture of the fault", "[picture of the fault](../b/fault.md)")),
        passage(WARRANTY.replace("To make use", "to make use"), "warranty"),
    ],
)
def test_small_differences_of_wording_and_markup_are_none(other: Chunk) -> None:
    assert say_the_same(passage(WARRANTY), other)
    assert say_the_same(other, passage(WARRANTY))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (passage(WARRANTY, "Wren Dot", "Warranty"), passage(WARRANTY, "Wren Out", "Warranty")),
        (passage(WARRANTY, "Kestrel"), passage(WARRANTY, "Sparrow")),
        (passage(WARRANTY), passage(WARRANTY.replace("two years", "24 months"))),
        (passage(WARRANTY, "Error WR-104"), passage(WARRANTY, "Error WR-107")),
        (passage(WARRANTY), passage(WARRANTY.replace("is left out", "is not left out"))),
        (passage(WARRANTY), passage(WARRANTY.replace("your order", "your Kestrel"))),
        (passage(WARRANTY), passage(WARRANTY[: len(WARRANTY) // 2])),
        (
            passage(f"{WARRANTY} Deleted or Present.", "Mailbox", "When it is Present"),
            passage(f"{WARRANTY} Deleted or Present.", "Mailbox", "When it is Deleted"),
        ),
        (passage("No.", "Can I pay by card?"), passage("No.", "Can I pay in cash?")),
        (
            passage("保修期为两年，自送达之日起计算。", "保修"),
            passage("保修期为三年，自送达之日起计算。", "保修"),
        ),
    ],
)
def test_another_name_number_negation_or_question_is_another_passage(one: Chunk, other: Chunk) -> None:
    assert not say_the_same(one, other)
    assert not say_the_same(other, one)


@given(st.lists(st.integers(0, 30), unique=True), st.integers(1, 8), st.integers(1, 40))
def test_the_best_of_each_kind_is_kept_and_names_the_others(
    places: list[int], kinds: int, count: int
) -> None:
    ranked = [(place, 1 / rank) for rank, place in enumerate(places, 1)]
    kept = fold(ranked, lambda one, other: one % kinds == other % kinds, count)
    assert len(kept) == min(count, len({place % kinds for place in places}))
    assert [(one.place, one.score) for one in kept] == [
        pair for pair in ranked if pair[0] in {k.place for k in kept}
    ]
    for one in kept:
        assert all(place % kinds == one.place % kinds for place in one.folded)
        assert [one.place, *one.folded] == [p for p in places if p in {one.place, *one.folded}]


def test_a_passage_that_says_the_same_leaves_its_place_to_the_next(
    open_knowledge_base, tmp_path: Path
) -> None:
    folder = tmp_path / "twins"
    folder.mkdir()
    for name in ("page", "manual", "print"):
        (folder / f"{name}.md").write_text(f"# Warranty\n\n{WARRANTY}\n", encoding="utf-8")
    (folder / "returns.md").write_text("# Returns\n\nThe way back is paid.\n", encoding="utf-8")
    (folder / "sparrow.md").write_text(
        f"---\nproduct: Sparrow Two\n---\n# Warranty\n\n{WARRANTY}\n", encoding="utf-8"
    )
    knowledge_base = open_knowledge_base()
    knowledge_base.add_path(folder)
    found = knowledge_base.retrieve("warranty by lightning, is the way back paid", top_k=3).chunks
    kept = {one.chunk.document_id: one.folded for one in found}
    (first,) = {"page", "manual", "print"} & kept.keys()
    assert kept.keys() == {first, "sparrow", "returns"}
    assert {f"{name}#0" for name in ("page", "manual", "print") if name != first} == set(kept[first])
    assert kept["sparrow"] == kept["returns"] == ()
