"""The tab "Knowledge" in a real browser, with a real server and a tiny embedder."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

from chatbot.audit import THIS_MACHINE, AuditLog
from chatbot.messages import Decision, Message
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.store import Evidence
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder, write_help_centre
from tests.knowledge_base.office_files import pdf
from tests.knowledge_base.test_images import ColourReader, help_with_images, png
from tests.web.test_browser import violations
from tests.web.test_finetune_page import opened, served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("knowledge")
    services = Services(Settings(data_dir=folder / "data", engine="openai"))
    knowledge_base = KnowledgeBase(
        folder / "chroma", HashingEmbedder(), KnowledgeBaseSettings(), ColourReader()
    )
    conversation = services.store.create("visitor").id
    asked = services.store.add_question(
        conversation, "visitor", Message("Gibt es einen Laden? Call +49 30 1234567")
    )
    services.store.add_answer(conversation, "visitor", "…", Evidence(Decision.DECLINE), question_id=asked)
    services.loaded = lambda: SimpleNamespace(knowledge_base=knowledge_base)  # type: ignore[assignment, method-assign]
    yield services
    knowledge_base.close()
    services.close()


@pytest.fixture(scope="module")
def address(services: Services) -> Iterator[str]:
    with served(services) as address:
        yield address


def audited(services: Services) -> list[tuple[str, str, str]]:
    entries = AuditLog(services.store.database).entries()
    return [(entry.actor, entry.action, entry.target) for entry in entries]


def open_knowledge(page: Page, name: str) -> None:
    page.locator("#ft-tabs").get_by_role("tab", name=name, exact=True).click()
    expect(page.locator("#kb-table")).not_to_be_empty()


def test_documents_are_dropped_found_looked_at_and_removed_and_it_is_known_by_whom(
    chromium: Browser, address: str, services: Services, tmp_path: Path
) -> None:
    page = opened(chromium, address)
    open_knowledge(page, "Knowledge")
    expect(page.locator("#kb-table")).to_have_text("Nothing is here yet.")
    manual, broken = tmp_path / "manual.pdf", tmp_path / "broken.docx"
    manual.write_bytes(pdf([["Plug it in."], ["Solid amber means no internet."]], title="Wren manual"))
    broken.write_bytes(b"words")
    page.locator("#kb-files input[type=file]").first.set_input_files([manual, broken])
    expect(page.locator("#kb-report")).to_contain_text("1 added")
    expect(page.locator("#kb-report")).to_contain_text("broken.docx is no DOCX file")
    expect(page.locator("#kb-table")).to_contain_text("Wren manual")

    place = str(write_help_centre(tmp_path / "help"))
    page.locator("#kb-place textarea, #kb-place input").fill(place)
    page.locator("#kb-sync").click()
    expect(page.locator("#kb-report")).to_contain_text("9 added")
    expect(page.locator("#kb-table")).to_contain_text("4 documents")

    page.locator("#kb-question textarea, #kb-question input").fill("Solid red means a hardware fault")
    page.locator("#kb-find").click()
    expect(page.locator("#kb-found")).to_contain_text("The status light › Red")
    page.locator("#kb-question textarea, #kb-question input").fill("Wren manual: plug it in")
    page.locator("#kb-find").click()
    expect(page.locator("#kb-found")).to_contain_text("page 1")
    page.locator("#kb-filters button").first.click()
    page.locator("#kb-language input").click()
    page.get_by_role("option", name="zh", exact=True).click()
    page.locator("#kb-find").click()
    expect(page.locator("#kb-found")).to_contain_text("退款多久能到")
    expect(page.locator("#kb-found")).not_to_contain_text("Wren manual")
    page.locator("#kb-on textarea, #kb-on input").fill("tomorrow")
    page.locator("#kb-find").click()
    expect(page.get_by_text("is no date")).to_be_visible()
    assert violations(page) == []

    page.locator("#kb-chosen input").click()
    page.get_by_role("option", name="Wren manual (manual)", exact=True).click()
    expect(page.get_by_role("option")).to_have_count(0)
    expect(page.locator("#kb-preview")).to_contain_text("Plug it in.")
    page.locator("#kb-delete").click()
    expect(page.locator("#kb-sure")).to_be_visible()
    assert violations(page) == []
    page.locator("#kb-sure").click()
    expect(page.locator("#kb-removed")).to_have_text("manual is removed.")
    expect(page.locator("#kb-table")).to_contain_text("3 documents")
    assert audited(services) == [
        (THIS_MACHINE, "knowledge-documents-added", "manual.pdf, broken.docx"),
        (THIS_MACHINE, "knowledge-place-synced", place),
        (THIS_MACHINE, "document-removed", "manual"),
    ]
    page.context.close()


def test_an_answer_is_written_in_the_dark_on_a_phone_and_in_chinese(
    chromium: Browser, address: str, services: Services
) -> None:
    page = opened(
        chromium, address, color_scheme="dark", locale="zh-CN", viewport={"width": 360, "height": 740}
    )
    open_knowledge(page, "知识库")
    expect(page.locator("#kb-open")).to_contain_text("Gibt es einen Laden?")
    expect(page.locator("#kb-open")).not_to_contain_text("1234567")
    page.locator("#kb-asked input").click()
    page.get_by_role("option").first.click()
    question = page.locator("#kb-new-question textarea, #kb-new-question input")
    expect(question).to_have_value(re.compile("Gibt es einen Laden"))
    question.fill("可以寄到挪威吗？")
    page.locator("#kb-new-answer textarea").fill("暂时不可以。")
    page.locator("#kb-keep-answer").click()
    expect(page.locator("#kb-kept")).to_contain_text("已保存")
    (kept,) = (entry for entry in services.loaded().knowledge_base.entries() if "挪威" in entry.title)
    assert audited(services)[-1] == (THIS_MACHINE, "answer-written", kept.id)
    page.locator("#kb-question textarea, #kb-question input").fill("可以寄到挪威吗？")
    page.locator("#kb-find").click()
    expect(page.locator("#kb-found")).to_contain_text("暂时不可以。")
    assert page.evaluate(SIDEWAYS) == 0
    assert violations(page) == []
    page.context.close()


def test_a_screenshot_is_tried_and_shows_the_images_that_match(
    chromium: Browser, address: str, tmp_path: Path
) -> None:
    page = opened(chromium, address)
    open_knowledge(page, "Knowledge")
    page.locator("#kb-place textarea, #kb-place input").fill(str(help_with_images(tmp_path / "shots")))
    page.locator("#kb-sync").click()
    expect(page.locator("#kb-report")).to_contain_text("3 added")
    shot = tmp_path / "shot.png"
    shot.write_bytes(png("guests"))
    page.locator("#kb-screenshot input[type=file]").set_input_files(shot)
    expect(page.locator("#kb-found h4").first).to_have_text("The guests page")
    expect(page.locator("#kb-found img").first).to_be_visible()
    expect(page.locator("#kb-found")).to_contain_text("features that agree")
    assert violations(page) == []
    page.context.close()
