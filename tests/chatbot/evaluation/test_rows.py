"""Lines of JSON, whatever stands in their strings."""

from pathlib import Path

from chatbot.evaluation.rows import read_rows


def test_only_a_line_feed_ends_a_row(tmp_path: Path) -> None:
    text = "a\u2028b\u2029c\x85d"
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"text": "{text}"}}\r\n\n{{"text": "e"}}', encoding="utf-8", newline="")
    assert [row["text"] for row in read_rows(path, ("text",))] == [text, "e"]
