"""The commands at the top of docs/api.md, as they stand there, against a real server."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.web.api.conftest import Desk, parse

EXAMPLE = re.search(
    r"```sh\n(BASE=.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_the_commands_of_the_documentation_start_ask_and_follow(
    desk: Desk, serve: Callable[[Desk], str], tmp_path: Path
) -> None:
    if missing := [tool for tool in ("bash", "curl", "jq") if not shutil.which(tool)]:
        pytest.skip(f"no {missing[0]} on the path")
    assert EXAMPLE
    Image.new("RGB", (64, 48), "white").save(tmp_path / "screen.png")
    address = f"{serve(desk)}/api/v1"
    commands = EXAMPLE[1].replace("http://127.0.0.1:7860/api/v1", address)
    assert address in commands
    # The stream goes on as long as the reader likes: this one likes what there is once the answer is.
    until = "for _ in $(seq 100); do curl -sN $BASE/conversations/$ID/events?follow=false"
    loop = f'{until} -H "Authorization: Bearer $TOKEN" | grep -q "event: done" && break; sleep 0.2; done'
    follow = next(line for line in commands.splitlines() if "/events" in line)
    script = commands.replace(follow, f"{loop}\n{follow.replace('/events', '/events?follow=false')}")
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    events = parse(done.stdout[done.stdout.index("id: ") :])
    assert events[0]["event"] == "question"
    assert events[0]["data"]["attachments"][0]["name"] == "screen.png"
    assert events[-1]["event"] == "done"
