"""A dataset whose building is killed while it is written is never taken for whole, and is the same when built again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from finetune.dataset.store import Dataset
from tests.conftest import ROOT

_WRITES = """
import os, random, signal, sys
import knowledge_base.atomic
rename, left = os.replace, int(sys.argv[1])
def dying(*names, **more):
    # a file is renamed when it is whole: half of the deaths are just before that, half just after
    global left
    left -= 1
    if left == 0 and random.Random(sys.argv[1]).random() < 0.5:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*names, **more)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = dying
"""
_BUILD = f"""{_WRITES}
from pathlib import Path
from finetune.dataset.from_conversations import build_dataset
from tests.finetune.test_dataset_from_conversations import SETTINGS, WordBase, _conversation, _redacted, documents
given = _redacted(_conversation(number) for number in range(12))
build_dataset(given, WordBase(documents()), SETTINGS, 7).save(Path(sys.argv[2]))
"""


def started(code: str, *words: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.timeout(1800)
def test_a_dataset_killed_while_it_was_written_is_never_taken_for_whole(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert started(_BUILD, "99", str(whole)) == 0
    for write in (1, 2, 4):  # of three parts and a card
        assert started(_BUILD, str(write), str(out)) == -signal.SIGKILL
        assert not (out / "card.json").exists() or write == 4
    assert started(_BUILD, "99", str(out)) == 0
    assert Dataset.load(out).hash == Dataset.load(whole).hash
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in whole.iterdir()
    }
