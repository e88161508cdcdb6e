"""Proof of work in a real browser: beside the page where its policy lets workers be, in slices where it does not."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chatbot.proof_of_work import leading_zero_bits
from chatbot.web.widget.files import FOLDER
from tests.web.widget.conftest import (
    CSP,
    PATIENCE_MS,
    Opens,
    WidgetDesk,
    answers,
    ask,
    box,
    opened,
    panel,
)
from tests.web.widget.test_page import HOSTILE_LATER, HOSTILE_SCRIPT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
ANSWER = "You can return a Dot within 45 days."
WORKERS = """window.workers = 0; const Kind = Worker;
Worker = class extends Kind { constructor(url) { super(url); workers += 1; } };"""
NOTICES = """() => {
  window.told = [];
  const region = document.querySelector('frontdesk-widget').shadowRoot.querySelector('.notice[role=status]');
  new MutationObserver(() => { if (!region.hidden) told.push(region.textContent); })
    .observe(region, { childList: true, attributes: true });
}"""
CHALLENGE = "1790000000.abcdefghijklmnopqrstuv." + "0123456789abcdef" * 4


@pytest.fixture
def proving(desk: WidgetDesk) -> Iterator[WidgetDesk]:
    """The desk, asking every new visitor for a proof."""
    settings = desk.parts.settings
    demanding = settings.model_copy(
        update={"web": settings.web.model_copy(update={"proof_of_work_bits": 14})}
    )
    object.__setattr__(desk.parts, "settings", demanding)
    yield desk
    object.__setattr__(desk.parts, "settings", settings)


def started(page: Page) -> list[dict[str, Any]]:
    """What the page has sent to begin a conversation, one by one."""
    sent: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda r: (
            sent.append(r.post_data_json) if r.method == "POST" and r.url.endswith("/conversations") else None
        ),
    )
    return sent


def test_a_new_visitor_proves_work_and_is_answered(proving: WidgetDesk, visit: Opens) -> None:
    page = visit(proving.page(head=f"<script>{WORKERS}</script>"))
    sent = started(page)
    opened(page)
    ask(page)
    expect(answers(page)).to_contain_text(ANSWER)
    refused, proved = sent
    assert "proof" not in refused
    assert leading_zero_bits(proved["proof"]["challenge"], proved["proof"]["nonce"]) >= 14
    assert page.evaluate("workers") == 1
    expect(panel(page).locator(".notice")).to_be_hidden()


def test_a_page_that_forbids_workers_proves_in_slices(proving: WidgetDesk, visit: Opens) -> None:
    page = visit(proving.page(), headers={"Content_Security_Policy": CSP.format(url=proving.url)})
    opened(page)
    ask(page)
    expect(answers(page)).to_contain_text(ANSWER)


def test_a_hostile_page_does_not_keep_anybody_from_proving(proving: WidgetDesk, visit: Opens) -> None:
    hostile = f"{HOSTILE_SCRIPT}{HOSTILE_LATER}; Worker = class {{ constructor() {{ throw new Error('hostile'); }} }};"
    page = opened(visit(proving.page(head=f"<script>{hostile}</script>")))
    ask(page)
    expect(answers(page)).to_contain_text(ANSWER)


def test_a_known_visitor_is_not_asked_again(proving: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(proving.page()))
    ask(page)
    sent = started(page)
    page.reload()
    expect(panel(page)).to_be_visible(timeout=PATIENCE_MS)  # it was open
    expect(answers(page)).to_contain_text(ANSWER)
    ask(page)
    assert sent
    assert all("proof" not in body and "resume_token" in body for body in sent)


def test_the_work_is_told_to_screen_readers(proving: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(proving.page()))
    page.evaluate(NOTICES)
    ask(page)
    told = page.evaluate("told")
    assert told
    assert "0%" in told[0]
    assert len(set(told)) <= 4  # in steps: a region that changed with each try would never fall silent


def test_the_search_agrees_with_sha256_for_every_length(visit: Opens) -> None:
    page = visit()
    code = (FOLDER / "parts" / "proof.js").read_text(encoding="utf-8")
    search = "searcher" + code.split("function searcher", 1)[1].split("\n}\n", 1)[0] + "\n}"
    for length in (*range(1, 12), 40, 41, 42, 43, 50, 51, 52, 53, 62, 63, 64, len(CHALLENGE), 127, 180):
        challenge = (CHALLENGE * 2)[:length]
        nonce = page.evaluate(
            f"(() => {{ function {search}; return searcher({challenge!r}, 8)(100000); }})()"
        )
        assert leading_zero_bits(challenge, nonce) >= 8, length


def test_a_refused_proof_is_told_and_tried_anew_by_the_next_message(
    proving: WidgetDesk, visit: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(visit(proving.page()))
    with monkeypatch.context() as forged:
        forged.setattr(type(proving.parts.proofs), "accepts", lambda *_: False)
        box(page).fill("How long can I return a Dot?")
        box(page).press("Enter")
        retry = page.locator("frontdesk-widget").get_by_role("button", name="Try again")
        expect(retry).to_be_visible(timeout=PATIENCE_MS)
    retry.click()
    expect(answers(page)).to_contain_text(ANSWER, timeout=PATIENCE_MS)
