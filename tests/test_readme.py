"""The README is true: settings, commands, files."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from chatbot.settings_table import settings_table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_is_the_real_one() -> None:
    assert f"<!-- settings -->\n{settings_table()}\n<!-- /settings -->" in README


def test_every_setting_says_what_it_means() -> None:
    assert not [row for row in settings_table().splitlines() if row.rstrip().endswith("|  |")]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`frontdesk ((?:\w+ )?\w+)", README))))
def test_every_command_in_the_readme_exists(command: str) -> None:
    words = [word for word in command.split() if word.islower()]
    done = CliRunner().invoke(cli, [*words, "--help"])
    assert done.exit_code == 0, done.output


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_makefile_has_the_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^run:", makefile, re.M)
    assert re.search(r"^test:", makefile, re.M)
