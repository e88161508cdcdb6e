import pytest

from knowledge_base.errors import DocumentError
from knowledge_base.parse import parse

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"


def document(text: str | bytes, source: str = "folder/page.md"):
    data = text.encode() if isinstance(text, str) else text
    (found,) = parse(data, source).documents
    return found


def test_front_matter_describes_the_document_and_is_not_part_of_its_text():
    found = document(
        "---\nid: reset\ntitle: Reset it\nurl: https://help.example/reset\nproduct: [Wren One, Wren Pro]\n"
        "updated: 2026-01-31\n---\n\n# Reset\n\nHold the button.\n"
    )
    assert (found.id, found.title, found.url) == ("reset", "Reset it", "https://help.example/reset")
    assert found.metadata == {"product": "Wren One, Wren Pro", "updated": "2026-01-31"}
    assert found.text == "# Reset\n\nHold the button."


def test_without_front_matter_path_and_first_heading_name_the_document():
    found = document("Some words\n\n## The *first* heading ##\n", "guides/start.md")
    assert (found.id, found.title) == ("guides/start", "The *first* heading")
    assert found.source == "guides/start.md"


def test_a_document_without_heading_is_named_by_its_file():
    assert document("Only words.", "guides/start.txt").title == "start"


def test_images_and_admonitions_stay_in_the_text():
    text = "![The reset button](reset.png)\n\n> [!NOTE]\n> Back up first.\n\n!!! tip\n    Use a pin."
    assert document(text).text == text


@pytest.mark.parametrize(
    ("front_matter", "said"),
    [
        ("id: [unclosed\n---\n", "bad front matter in line"),
        ("just words\n---\n", "not `key: value` lines"),
        ("title: x\n", "not closed"),
        ("nested: {a: {b: c}}\n---\n", "`nested` is nested"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n", "nested"),
        ("url: javascript:alert(1)\n---\n", "no web address"),
        ("id: faq:1\n---\n", "id is not usable"),
        (f"id: {'x' * 300}\n---\n", "id is not usable"),
    ],
)
def test_bad_front_matter_is_explained(front_matter, said):
    with pytest.raises(DocumentError, match=said) as caught:
        document("---\n" + front_matter + "\nText\n")
    assert "page.md" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"---\nid: a\n---\n\n", "has no text"),
        (PDF, "not text but PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not text but PNG"),
        (b"words\0with\0nulls", "not text but binary data"),
        ("first line\nCafé".encode("latin-1"), "not UTF-8: unreadable byte in line 2"),
        ("快递多久能到，请问".encode("gb18030"), "not UTF-8"),
    ],
)
def test_what_is_not_text_is_refused_whatever_its_name(data, said):
    with pytest.raises(DocumentError, match=said):
        parse(data, "page.md")


def test_a_type_nobody_knows_is_refused_with_the_known_ones():
    with pytest.raises(DocumentError, match=r"\.html"):
        parse(b"words", "program.exe")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(encoding):
    assert document("# Grüße\r\n\r\nZeile\rEnde".encode(encoding)).text == "# Grüße\n\nZeile\nEnde"


def test_the_hash_is_that_of_the_bytes():
    assert document("Text").content_hash != document("Text ").content_hash


def test_the_language_is_guessed_by_script_unless_it_is_given():
    assert document("如何重置路由器？请按住按钮。").language == "zh"
    assert document("パスワードを忘れた場合").language == "ja"
    assert document("Hold the button.").language == "en"
    assert document("---\nlanguage: de-AT\n---\nHalten.").language == "de"


HTML = """<!doctype html><html lang="de"><head><title>Page - Help</title>
<link rel="canonical" href="https://help.example/p"><script>evil()</script></head><body>
<nav>Menu</nav><main><h1>Reset  the
router</h1><p>Hold <b>the</b> button.<br>Wait.</p><!-- secret -->
<h2>Then</h2><ul><li>Unplug<ul><li>the cable</li></ul></li><li>Plug in</li></ul>
<table><tr><th>Light</th><th>Meaning</th></tr><tr><td>red</td><td>fault</td></tr></table>
<pre>a  b
  c</pre><img src="x.png" alt="The button"><img src="deco.png"></main><footer>Imprint</footer></body></html>"""


def test_html_becomes_text_with_headings_lists_tables_and_image_texts():
    found = document(HTML, "reset.html")
    assert (found.title, found.language, found.url) == ("Reset the router", "de", "https://help.example/p")
    assert found.text == (
        "# Reset the router\n\nHold the button.\nWait.\n\n## Then\n\n- Unplug\n\n- the cable\n\n- Plug in\n\n"
        "| Light | Meaning |\n| --- | --- |\n| red | fault |\n\n```\na  b\n  c\n```\n\n![The button](x.png)"
    )


def test_paragraphs_in_cells_stay_in_their_row_and_layout_tables_are_taken_apart():
    cells = (
        "<table><tr><th><p>Light</p></th><th><div>Meaning</div></th></tr>"
        "<tr><td><p>red</p><p>dark</p></td><td>x</td></tr></table>"
    )
    found = document(f"<html><body>{cells}</body></html>", "a.html")
    assert found.text == "| Light | Meaning |\n| --- | --- |\n| red dark | x |"
    layout = "<table><tr><td><h1>Reset</h1><p>Hold it.</p></td></tr></table>"
    assert "# Reset\n\nHold it." in document(f"<html><body>{layout}</body></html>", "a.html").text


def test_html_is_known_by_its_content():
    assert document(HTML, "reset.md").title == "Reset the router"


def test_absurdly_nested_html_is_read_without_a_crash():
    html = "<html><body><p>flat</p>" + "<div>" * 20_000 + "deep" + "</div>" * 20_000 + "</body></html>"
    assert document(html, "deep.html").text.startswith("flat")


def test_a_faq_table_gives_entries_with_their_phrasings():
    csv = (
        "\ufeffQuestion,Answer,ID,Phrasings,Article,URL\n"
        '"How, exactly?","Line one\nline two",how,how so | in which way |  | how so,manual,/how\n'
    )
    (entry,) = parse(csv.encode(), "faq.csv").faq
    assert (entry.id, entry.question, entry.answer) == ("how", "How, exactly?", "Line one\nline two")
    assert entry.all_phrasings == ("How, exactly?", "how so", "in which way")
    assert (entry.article_id, entry.url, entry.language, entry.source) == ("manual", "/how", "en", "faq.csv")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_found_in_the_header(delimiter):
    table = f"question{delimiter}answer\nWhy?{delimiter}Because, of that.\n"
    assert parse(table.encode(), "faq.csv").faq[0].answer == "Because, of that."


def test_an_entry_without_id_keeps_its_id_as_long_as_its_question():
    first = parse(b"question,answer\nWhy?,A\n", "faq.csv").faq[0]
    again = parse(b"question,answer\nWhat?,B\nWHY?,C\n", "faq.csv").faq[1]
    assert first.id == again.id


def test_bad_rows_are_reported_with_their_line_and_the_rest_is_used():
    csv = (
        "id,question,answer\n"
        "a,First?,Yes\n"
        'b,"Unbalanced?,No\n'
        "c,,Nothing asked\n"
        "d,Too,many,values\n"
        "a,Again?,Yes\n"
        'e,"Two\nlines?",Fine\n'
        "\n"
        "f,Last?,Yes\n"
    )
    parsed = parse(csv.encode(), "faq.csv")
    assert [entry.id for entry in parsed.faq] == ["a", "e", "f"]
    assert [problem.split(":")[0] for problem in parsed.problems] == ["line 3", "line 4", "line 5", "line 6"]
    assert "quotation mark" in parsed.problems[0]


@pytest.mark.parametrize("csv", [b"name,price\nx,1\n", b"question,answer,answer\nx,y,z\n", b"words\n"])
def test_a_table_without_the_columns_is_refused_with_what_is_needed(csv):
    with pytest.raises(DocumentError, match="column"):
        parse(csv, "prices.csv")


def test_a_table_of_rubbish_is_refused_as_a_whole():
    with pytest.raises(DocumentError, match="more than 200 bad rows"):
        parse(b"question,answer\n" + b"only a question,\n" * 300, "faq.csv")


def test_json_lines_hold_faq_entries_and_articles():
    lines = (
        '{"question": "Why?", "answer": "So.", "phrasings": ["how come", "what for"]}\n'
        "not json\n"
        '{"id": 7, "title": "Article", "text": "Words \\ud800"}\n'
        "[1]\n"
        '{"question": "Bad", "answer": "x", "phrasings": {"a": 1}}\n'
        '{"question": "Bad", "answer": "x", "url": "javascript:x"}\n'
    )
    parsed = parse(lines.encode(), "mixed.jsonl")
    assert parsed.faq[0].phrasings == ("how come", "what for")
    assert (parsed.documents[0].id, parsed.documents[0].text) == ("7", "Words ?")
    assert [problem.split(":")[0] for problem in parsed.problems] == ["line 2", "line 4", "line 5", "line 6"]
