"""What the command line prints of log records."""

import logging

import pytest

from chatbot.logs import start_logging


@pytest.fixture(autouse=True)
def _loggers_as_before() -> object:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before


def test_a_library_that_sets_its_own_level_stays_quiet_until_something_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start_logging("info")
    library = logging.getLogger("some_library.part")
    library.setLevel("DEBUG")
    library.debug("chatter")
    library.warning("something is wrong")
    logging.getLogger("knowledge_base.index").info("ours")
    printed = capsys.readouterr().err
    assert "chatter" not in printed
    assert "something is wrong" in printed
    assert "ours" in printed
