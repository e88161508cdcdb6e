"""Log lines go out without personal data."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

import chatbot.logs
from chatbot.errors import SettingsError
from chatbot.privacy import PiiLogFilter, pattern_redactor
from chatbot.settings import Settings


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(PiiLogFilter(pattern_redactor()))
    logger = logging.getLogger("chatbot.test_privacy_logs")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, written
    logger.removeHandler(handler)
    logger.propagate = True


def test_the_message_and_its_arguments_are_masked(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.warning("answer to %s failed after %d tries", "jo.march@mail.example", 3)
    assert written.getvalue() == "answer to <EMAIL> failed after 3 tries\n"


def test_a_traceback_is_masked_and_still_there(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    try:
        raise ValueError("no order WF-20251103 of jo.march@mail.example")
    except ValueError:
        logger.exception("looking up failed")
    assert "Traceback" in written.getvalue()
    assert "no order <ORDER_ID> of <EMAIL>" in written.getvalue()
    assert "20251103" not in written.getvalue()


def test_a_wrong_format_string_stops_nobody(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.warning("%d of %s", "jo.march@mail.example")
    assert "<EMAIL>" in written.getvalue()
    assert "jo.march" not in written.getvalue()


def test_ordinary_lines_are_untouched(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    line = "Listening on 127.0.0.1:7860, 52 articles, 3 models loaded in 1.42 s"
    logger.warning(line)
    assert written.getvalue() == f"{line}\n"


def test_the_command_line_logs_by_the_companys_own_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:]
    monkeypatch.setattr(chatbot.logs, "err", Console(file=written, width=200))
    rules = tmp_path / "rules.toml"
    rules.write_text("[codes]\nORDER_ID = ['\\bAC\\d{3}\\b']\n", encoding="utf-8")
    try:
        chatbot.logs.start_logging("info", Settings(data_dir=tmp_path, privacy_rules=rules))
        logging.getLogger("chatbot.anything").info("refund of AC123 for jo.march@mail.example")
    finally:
        root.handlers[:] = before
    assert "refund of <ORDER_ID> for <EMAIL>" in written.getvalue()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("alowed = []", "alowed"),
        ("allowed = 'Acme'", "allowed"),
        ("codes = []", "codes"),
        ("[codes]\nORDER = ['x']", "ORDER"),
        ("[codes]\nORDER_ID = ['(']", "("),
        ("kept = ['(']", "("),
        ("[denied]\nHeron = 'BIRD'", "BIRD"),
        ("kept = [", "rules.toml"),
    ],
)
def test_wrong_rules_are_refused_with_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        chatbot.logs.start_logging("info", Settings(data_dir=tmp_path, privacy_rules=rules))
    assert named in caught.value.message
    assert caught.value.hint
