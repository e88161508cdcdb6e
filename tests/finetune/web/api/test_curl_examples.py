"""The commands of docs/api.md that take documents in, as they stand there, against a real server."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from chatbot.api_keys import Scope
from tests.conftest import ROOT
from tests.finetune.web.api.conftest import Bureau
from tests.web.api.conftest import serve  # noqa: F401 - a fixture

EXAMPLE = re.search(r"```sh\n(KB=.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_commands_of_the_documentation_take_documents_in(
    bureau: Bureau,
    serve: Callable[[FastAPI], str],  # noqa: F811
    tmp_path: Path,
) -> None:
    if missing := [tool for tool in ("bash", "curl", "jq") if not shutil.which(tool)]:
        pytest.skip(f"no {missing[0]} on the path")
    assert EXAMPLE
    (tmp_path / "returns.pdf").write_bytes(b"%PDF-1.4 broken")
    (tmp_path / "faq.csv").write_text("question,answer\nDo you ship to Norway?,Not yet.\n", encoding="utf-8")
    commands = EXAMPLE[1].replace("http://127.0.0.1:7860", serve(bureau.app))
    key = bureau.key(Scope.KNOWLEDGE)["Authorization"].removeprefix("Bearer ")
    done = subprocess.run(
        ["bash", "-euc", f"KEY={key}\n{commands}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    job = json.loads(done.stdout)
    assert job["kind"] == "documents"
    report = bureau.ended(f"/knowledge/jobs/{job['id']}")["report"]
    assert (report["added"], [one["source"] for one in report["failed"]]) == (1, ["returns.pdf"])
