"""Nothing that a customer, a model or a document wrote becomes markup of the page."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image

from chatbot.messages import (
    Attachment,
    Citation,
    Decision,
    Kind,
    Observation,
    OcrLine,
    ScreenReading,
    Segment,
    Transcript,
)
from chatbot.store import Conversation, Evidence, StoredMessage
from chatbot.web.ui.render import (
    answer_markdown,
    answer_messages,
    attachment_html,
    chat_messages,
    citation_cards,
    conversation_choices,
    notice,
    reading_fields,
    safe_markdown,
    status_html,
)

SCRIPT = "<script>alert(1)</script>"
BROKEN_OUT = '"><img src=x onerror=alert(1)>'
NOW = datetime(2026, 1, 2, tzinfo=UTC)
OURS = {"section", "details", "summary", "span", "blockquote", "mark", "a", "img", "audio", "div"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.found


def rendered(markdown: str) -> list[tuple[str, dict[str, str | None]]]:
    """The tags a lenient Markdown renderer makes of it: raw HTML allowed, any address let through."""
    renderer = MarkdownIt("commonmark", {"html": True})
    renderer.validateLink = lambda _: True  # type: ignore[method-assign]
    return tags(renderer.render(markdown))


def addresses(markdown: str) -> list[str]:
    return [str(attributes["href"]) for tag, attributes in rendered(markdown) if tag == "a"]


def is_safe(markdown: str) -> bool:
    found = rendered(markdown)
    return not {tag for tag, _ in found} & {"img", "script", "iframe", "svg", "style"} and all(
        re.match(r"(?:https?://|mailto:)", address) for address in addresses(markdown)
    )


def a_citation(**changes: object) -> Citation:
    values = {
        "number": 1,
        "document_id": "returns",
        "title": "Returns",
        "url": "https://wren.example/returns",
        "quote": "within 45 days",
        "passage": "You can return it within 45 days. And within 45 days only.",
    }
    return Citation(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "hostile",
    [
        SCRIPT,
        BROKEN_OUT,
        "![x](https://tracker.example/x.png)",
        "![a[b]](https://tracker.example/x.png)",
        "![![a](b)](https://tracker.example/x.png)",
        "![x][1]\n\n[1]: https://tracker.example/x.png",
        "![x]\n\n[x]: https://tracker.example/x.png",
        "[x](javascript:alert(1))",
        "[[x](javascript:a)](javascript:b)",
        "[a[b]](javascript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,hello)",
        "[x](//evil.example)",
        "[x][1]\n\n[1]: javascript:alert(1)",
        "[x]\n\n[x]: javascript:alert(1)",
        "<javascript:alert(1)>",
        "[x](https://ok.example)](javascript:alert(1))",
        "[![x](https://tracker.example/x.png)](https://ok.example)",
        "!`x`[x](https://ok.example/x.png)![y](https://ok.example)",
    ],
)
def test_hostile_markdown_is_only_text(hostile: str) -> None:
    for shown in (safe_markdown(hostile), answer_markdown(hostile), notice(hostile)):
        assert is_safe(shown), shown


PIECES = [
    "!",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    ":",
    "\\",
    "`",
    "*",
    "\n",
    " ",
    "\n\n",
    "a",
    "[1]",
    "![",
    "](",
    "[a]: ",
]
ADDRESSES = [
    "https://w.example/x",
    "javascript:x",
    "mailto:a@w.example",
    "//e.example",
    "[b](https://w.example)",
]


@given(st.lists(st.sampled_from(PIECES + ADDRESSES), max_size=14).map("".join))
@example("![](https://w.example/x)")
def test_no_mix_of_signs_becomes_an_image_or_an_unsafe_link(text: str) -> None:
    assert is_safe(safe_markdown(text)), safe_markdown(text)
    assert is_safe(answer_markdown(text)), answer_markdown(text)


def test_ordinary_answers_keep_their_form() -> None:
    text = "Press **Save**, then see [the *article*](https://wren.example/a?b=1&c=2) or [us](mailto:a@wren.example)."
    assert ("strong", {}) in rendered(safe_markdown(text))
    assert addresses(safe_markdown(text)) == ["https://wren.example/a?b=1&c=2", "mailto:a@wren.example"]
    assert safe_markdown("1. Open it.\n2. Close [it].") == "1. Open it.\n2. Close [it]."
    assert safe_markdown("a < b & c") == "a &lt; b &amp; c"


def test_a_refused_link_or_image_leaves_its_words() -> None:
    assert safe_markdown("See [the article](ftp://x) ![a picture](x.png).") == "See the article a picture."


def test_citation_marks_are_set_apart() -> None:
    assert answer_markdown("Within 45 days. [1] Free. [2]") == "Within 45 days. **[1]** Free. **[2]**"


def test_a_warning_stays_in_its_quote() -> None:
    assert notice("one\ntwo") == "> ⚠️ one\n> two"


def test_a_card_marks_the_quote_once_inside_its_passage() -> None:
    card = citation_cards([a_citation()], "en")
    assert "You can return it <mark>within 45 days</mark>. And within 45 days only." in card
    assert card.count("<mark>") == 1
    assert '<a href="https://wren.example/returns" target="_blank" rel="noopener noreferrer">' in card


def test_a_quote_with_signs_of_its_own_is_marked_whole() -> None:
    card = citation_cards([a_citation(passage='Press "A & B" or amp.', quote="amp")], "en")
    assert "Press &quot;A &amp; B&quot; or <mark>amp</mark>." in card
    card = citation_cards([a_citation(passage='Press "A & B" now.', quote='"A & B"')], "en")
    assert "<mark>&quot;A &amp; B&quot;</mark>" in card


def test_a_quote_over_formatting_is_marked_without_its_signs() -> None:
    card = citation_cards(
        [a_citation(passage="Open **Account** and `Save`. Done.", quote="Open **Account** and `Save`.")], "en"
    )
    assert "<mark>Open Account and Save.</mark> Done." in card


def test_nothing_is_marked_where_the_quote_is_not() -> None:
    for quote in ("", "something else"):
        assert "<mark>" not in citation_cards([a_citation(quote=quote)], "en")


def test_without_sources_there_are_no_cards() -> None:
    assert citation_cards([], "en") == ""


@pytest.mark.parametrize("hostile", [SCRIPT, BROKEN_OUT, "' onmouseover='x"])
def test_hostile_words_in_a_card_are_only_text(hostile: str) -> None:
    card = citation_cards(
        [a_citation(title=hostile, passage=f"a {hostile} b", quote=hostile, url=f"https://x/{hostile}")], "zh"
    )
    found = tags(card)
    assert [tag for tag, _ in found] == [
        "section", "details", "summary", "span", "span", "blockquote", "mark", "a",
    ]  # fmt: skip
    assert found[-1][1]["href"] == f"https://x/{hostile}"
    assert set(found[-1][1]) == {"href", "target", "rel"}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//evil.example", ""]
)
def test_a_card_links_only_to_web_pages(url: str) -> None:
    assert "<a " not in citation_cards([a_citation(url=url)], "en")


@pytest.mark.parametrize("kind", list(Kind))
def test_a_hostile_file_name_is_only_text(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(b"bytes")
    html = attachment_html(Attachment("a" * 64, kind, f"audio/ogg{BROKEN_OUT}", BROKEN_OUT, 5), path)
    ((tag, attributes),) = tags(html)
    assert tag in OURS
    assert not {name for name in attributes if name.startswith("on")}


def test_a_picture_travels_small_and_inside_the_page(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    Image.effect_noise((1600, 1200), 90).save(path, "PNG")
    html = attachment_html(Attachment("a" * 64, Kind.IMAGE, "image/png", "screen.png", 9), path)
    assert 'alt="screen.png" src="data:image/jpeg;base64,' in html
    assert len(html) < path.stat().st_size / 5
    assert str(tmp_path) not in html


def test_a_file_that_is_gone_still_shows_its_name(tmp_path: Path) -> None:
    for kind in Kind:
        assert "a.bin" in attachment_html(Attachment("a" * 64, kind, "x/y", "a.bin", 5), tmp_path / "gone")


def test_the_status_line_is_text() -> None:
    assert [tag for tag, _ in tags(status_html(SCRIPT))] == ["div", "span"]


def test_what_was_read_is_offered_as_it_is_with_its_confidence() -> None:
    observation = Observation(
        "",
        (Transcript("v", (Segment("Hello", 0, 1, 0.0, 0.0),), "en", 0.9, 1.0),),
        (ScreenReading("p", (OcrLine(SCRIPT, 0.5, (0, 0, 1, 1)), OcrLine("b", 0.7, (0, 0, 1, 1))), 9, 9),),
    )
    heard, seen = reading_fields(observation, {"v": "v.ogg", "p": "{p}.png"}, "en")
    assert heard == ("v", "Heard in v.ogg (en, 100% sure)", "Hello")
    assert seen == ("p", "Read on {p}.png (60% sure)", f"{SCRIPT}\nb")


def test_a_corrected_reading_shows_the_correction() -> None:
    screen = ScreenReading("p", (OcrLine("O", 0.5, (0, 0, 1, 1)),), 9, 9, corrected_text="0")
    assert reading_fields(Observation("", screens=(screen,)), {}, "en")[0][2] == "0"


def a_message(role: str, text: str, **more: object) -> StoredMessage:
    return StoredMessage("m" + role, role, text, NOW, **more)  # type: ignore[arg-type]


def test_a_stored_conversation_is_shown_in_order_and_escaped(tmp_path: Path) -> None:
    note = Attachment("a" * 64, Kind.TEXT, "text/plain", f"{SCRIPT}.txt", 5)
    evidence = Evidence(Decision.GENERATE, citations=(a_citation(),), warnings=(f"bad {SCRIPT}",))
    messages = [
        a_message("user", f"Hi {SCRIPT}", attachments=(note,)),
        a_message("assistant", f"Within 45 days. [1] {SCRIPT}", evidence=evidence),
    ]
    shown = chat_messages(messages, lambda _: tmp_path, lambda html: ("html", html), "en")
    assert [m["role"] for m in shown] == ["user", "user", "assistant", "assistant", "assistant"]
    words = [m["content"] for m in shown if isinstance(m["content"], str)]
    assert all(is_safe(word) for word in words)
    ours = [m["content"][1] for m in shown if isinstance(m["content"], tuple)]
    assert all({tag for tag, _ in tags(html)} <= OURS for html in ours)
    assert shown[3]["metadata"] == {"id": "massistant"}


def test_a_question_without_an_answer_says_so(tmp_path: Path) -> None:
    messages = [a_message("user", "One?"), a_message("user", "Two?"), a_message("assistant", "Two.")]
    shown = [m["content"] for m in chat_messages(messages, lambda _: tmp_path, str, "en")]
    assert shown[0] == "One?"
    assert "not answered" in shown[1]
    assert shown[2:] == ["Two?", "Two."]


def test_a_stopped_answer_says_so() -> None:
    stopped = a_message("assistant", "Half", evidence=Evidence(Decision.GENERATE, stopped=True))
    (shown,) = answer_messages(stopped, str, "en")
    assert shown["content"] == "Half\n\n*Stopped.*"


def test_a_conversation_without_a_title_has_a_name() -> None:
    listed = [Conversation("a", "ann", "", NOW, NOW), Conversation("b", "ann", SCRIPT, NOW, NOW)]
    assert conversation_choices(listed, "en") == [("New conversation", "a"), (SCRIPT, "b")]
