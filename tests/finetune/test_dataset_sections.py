"""What of a document may become an answer."""

from finetune.dataset.sections import holds, sections, spoken
from knowledge_base.chunk import chunk
from knowledge_base.documents import Document

TEXT = (
    "# Returns\n\nYou can return a Dot within **45 days**. See [the terms](https://wren.example/terms) before that.\n\n"
    "## Label\n\n> [!NOTE]\n> Print the label and stick it on the box.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n"
    "```sh\nwren return --now please do it\n```\n\n"
    "## Steps\n\nTo return it, follow these steps:\n\n1. Open the page Orders in the app.\n2. Choose Return.\n"
)
DOCUMENT = Document("returns", "Returns", TEXT)


def _answers(heading: str) -> list[str]:
    found = next(section for section in sections(DOCUMENT) if section.heading == heading)
    return [sentence.text for sentence in found.sentences]


def test_sentences_are_said_without_markup() -> None:
    assert _answers("Returns") == ["You can return a Dot within 45 days.", "See the terms before that."]


def test_tables_code_and_sentences_that_lead_on_are_no_answers() -> None:
    assert _answers("Label") == ["Print the label and stick it on the box."]
    assert _answers("Steps") == ["Open the page Orders in the app."]


def test_a_section_knows_where_its_sentences_stand() -> None:
    for section in sections(DOCUMENT):
        for sentence in section.sentences:
            assert sentence.text.split()[0] in TEXT[sentence.start : sentence.end]


def test_the_opening_keeps_to_the_longest_answer() -> None:
    section = sections(DOCUMENT)[0]
    assert len(section.opening(60)) == 2
    assert len(section.opening(9)) == 1


def test_only_a_passage_with_the_whole_answer_holds_it() -> None:
    section = sections(DOCUMENT)[0]
    passages = chunk(DOCUMENT, lambda text: len(text.split()), 200, 0)
    held = [holds(passage, section, section.opening(60)) for passage in passages]
    assert held.count(True) == 1
    other = Document("other", "Returns", TEXT)
    assert not any(holds(p, section, section.opening(60)) for p in chunk(other, len, 10_000, 0))


def test_links_become_their_words() -> None:
    assert spoken("- Open [Orders](https://a.example/b) and **go on**") == "Open Orders and go on"
