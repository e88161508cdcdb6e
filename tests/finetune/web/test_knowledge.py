"""Documents on the page: taken in, listed, looked at, searched, removed, and answers written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.unanswered import UnansweredQuestion
from finetune.web.knowledge import Choices, KnowledgeDesk, filters_of, written_entry
from finetune.web.knowledge_html import (
    found_html,
    listing_html,
    open_questions_html,
    report_html,
    shown_html,
)
from finetune.web.knowledge_texts import KNOWLEDGE
from knowledge_base.base import KnowledgeBase
from knowledge_base.errors import DocumentError
from knowledge_base.report import IngestReport
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder, write_help_centre
from tests.knowledge_base.test_images import ColourReader, help_with_images, png


@pytest.fixture
def desk(tmp_path: Path):
    opened = KnowledgeBase(tmp_path / "chroma", HashingEmbedder(), KnowledgeBaseSettings())
    yield KnowledgeDesk(lambda: opened)
    opened.close()


def given(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / "uploads" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_uploads_are_taken_in_and_removed_and_bad_ones_say_why(desk, tmp_path: Path) -> None:
    good, bad = (
        given(tmp_path, "reset.md", "# Reset\n\nHold the button."),
        given(tmp_path, "bad.pdf", "words"),
    )
    told: list[str] = []
    report = desk.take([good, bad], lambda done, total, name: told.append(name))
    assert (report.added, [name for name, _ in report.failed]) == (1, ["bad.pdf"])
    assert told == ["reset.md", "bad.pdf", ""]
    assert not Path(good).exists()
    assert not Path(bad).exists()
    shown = report_html(report, "en")
    assert "1 added" in shown
    assert "bad.pdf is no PDF file" in shown
    again = desk.take([given(tmp_path, "reset.md", "# Reset\n\nPress twice.")])
    assert again == IngestReport(updated=1)
    with pytest.raises(InputError):
        desk.take([])


def test_a_folder_is_kept_in_step(desk, tmp_path: Path) -> None:
    folder = write_help_centre(tmp_path / "help")
    assert desk.sync(f" {folder} ").added == 9
    (folder / "errors.md").unlink()
    assert desk.sync(str(folder)).removed == 1
    with pytest.raises(InputError):
        desk.sync(" ")


def test_the_list_is_filtered_and_says_where_things_came_from(desk, tmp_path: Path) -> None:
    assert "Nothing is here" in listing_html(desk.listing(), "en")
    desk.sync(str(write_help_centre(tmp_path / "help")))
    desk.take([given(tmp_path, "a.md", "# <b>Bold</b>\n\nWords")])
    assert desk.listing().total == 10
    listing = desk.listing("STATUS light")
    assert [entry.id for entry in listing.entries] == ["status-light"]
    shown = listing_html(desk.listing("bold"), "en")
    assert "&lt;b&gt;Bold&lt;/b&gt;" in shown
    assert "uploaded" in shown
    assert "文件夹" in listing_html(listing, "zh")
    assert "没有文档" in listing_html(desk.listing("zebra"), "zh")


def test_a_document_is_shown_with_its_text_and_removed(desk, tmp_path: Path) -> None:
    desk.sync(str(write_help_centre(tmp_path / "help")))
    shown = shown_html(desk.show("faq:ship"), "en")
    assert "delivery time" in shown
    assert "Three to five days." in shown
    assert "comes back" in shown
    desk.remove("faq:ship")
    assert desk.show("faq:ship") is None
    assert shown_html(None, "en") == ""
    with pytest.raises(InputError, match="no faq:ship"):
        desk.remove("faq:ship")


def test_a_question_shows_what_it_finds_with_scores(desk, tmp_path: Path) -> None:
    assert "Nothing was found" in found_html(desk.find("amber"), "en")
    desk.sync(str(write_help_centre(tmp_path / "help")))
    shown = found_html(desk.find("what does solid amber mean"), "en")
    assert "The status light › Amber" in shown
    assert "meaning 0." in shown
    assert "similar by 1.00" in shown
    assert "nearly the same" not in shown
    twin = desk.show("status-light").document.text
    desk.take([given(tmp_path, "twin.md", f"---\ntitle: The status light\nproduct: Wren One\n---\n{twin}")])
    assert "nearly the same left out" in found_html(desk.find("what does solid amber mean"), "en")
    with pytest.raises(InputError):
        desk.find("  ")


def test_a_search_is_tried_as_somebody_else_and_on_another_day(desk, tmp_path: Path) -> None:
    facts = {
        "inside": "audience: internal\nproduct: Wren Dot, Wren Out",
        "later": "valid_from: 2100-01-01\nproduct: wren dot",
        "now": "language: de",
    }
    for name, fact in facts.items():
        desk.take([given(tmp_path, f"{name}.md", f"---\nid: {name}\n{fact}\n---\n# {name}\n\nGoodwill.")])

    def found(*chosen: str, any_time: bool = False) -> set[str]:
        result = desk.find("goodwill", filters=filters_of(*chosen, any_time=any_time))
        return {one.chunk.document_id for one in result.chunks}

    assert desk.choices() == Choices(("de", "en"), ("wren dot", "Wren Out"), ("internal",))
    assert found() == {"now"}
    assert found("", "", "internal") == {"inside", "now"}
    assert found("", "Wren One", "internal") == {"now"}
    assert found("de", "", "", any_time=True) == {"now"}
    assert found("", "", "customers", " 2100-06-01 ") == {"later", "now"}
    assert found("", "", "", any_time=True) == {"inside", "later", "now"}
    with pytest.raises(InputError, match="no date"):
        filters_of(on="tomorrow")


def test_a_written_answer_is_found_at_once_and_can_be_changed(desk) -> None:
    desk.write("Do you ship to Norway?", "Not yet.", "delivery to Norway\n\nNorwegian address\n")
    found = desk.find("delivery to Norway").faq[0]
    assert (found.entry.answer, found.similarity) == ("Not yet.", pytest.approx(1.0, abs=1e-3))
    desk.write("Do you ship to Norway?", "We do.", "")
    assert desk.find("Do you ship to Norway?").faq[0].entry.answer == "We do."
    assert desk.listing().total == 1
    with pytest.raises(InputError, match="both"):
        written_entry("Why?", " ", "")


def test_questions_that_nobody_could_answer_are_grouped_until_they_have_an_answer(tmp_path: Path) -> None:
    opened = KnowledgeBase(tmp_path / "chroma", HashingEmbedder(), KnowledgeBaseSettings())
    texts = [
        "Do you ship to Norway?",
        "Where is the shop?",
        "do you ship to norway",
        "Do you ship to Norway?",
    ]
    asked = [
        UnansweredQuestion(text, datetime(2026, 5, day + 1, tzinfo=UTC)) for day, text in enumerate(texts)
    ]
    try:
        desk = KnowledgeDesk(lambda: opened, lambda: asked[::-1], 0.92)
        norway, shop = desk.open_questions()
        assert (norway.question, norway.phrasings, norway.times) == (texts[3], (texts[2],), 3)
        assert (shop.question, shop.times, shop.last_asked.day) == (texts[1], 1, 2)
        shown = open_questions_html((norway, shop), "en")
        assert "2026-05-04" in shown
        desk.write(norway.question, "Not yet.", "\n".join(norway.phrasings))
        assert desk.open_questions() == (shop,)
        assert "answered" in open_questions_html((), "en")
    finally:
        opened.close()


def test_both_languages_have_all_words() -> None:
    assert KNOWLEDGE["en"].keys() == KNOWLEDGE["zh"].keys()
    assert all(text.strip() for words in KNOWLEDGE.values() for text in words.values())


def test_a_screenshot_shows_the_images_that_match(tmp_path: Path) -> None:
    folder = help_with_images(tmp_path / "help")
    opened = KnowledgeBase(tmp_path / "chroma", HashingEmbedder(), KnowledgeBaseSettings(), ColourReader())
    desk = KnowledgeDesk(lambda: opened)
    desk.sync(str(folder))
    upload = tmp_path / "upload.png"
    upload.write_bytes(png("guests"))
    result = desk.find("", str(upload))
    assert not upload.exists()
    shown = found_html(result, "en", desk.small_picture)
    assert "<h4>The guests page</h4>" in shown
    assert "features that agree" in shown
    assert '<img alt="The guests page" src="data:image/png;base64,' in shown
    assert "images/guests.png" in shown
    opened.image_file(result.images[0].sha256).unlink()
    assert desk.small_picture(result.images[0].sha256) is None
    upload.write_bytes(b"no image")
    with pytest.raises(DocumentError, match="damaged"):
        desk.find("", str(upload))
    opened.close()


def test_without_a_reader_a_screenshot_is_refused(desk, tmp_path: Path) -> None:
    upload = tmp_path / "upload.png"
    upload.write_bytes(png("guests"))
    with pytest.raises(InputError, match="cannot be read here"):
        desk.find("", str(upload))
