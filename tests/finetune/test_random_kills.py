"""SIGKILL at random points of each stage, then going on: the same dataset, the same loss, the same adapter."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.finetune.random_kills import CHECKPOINT, STAGES

SEED = "3"
"""Of the moments; another one may be given as `TEST_KILL_SEED` to look for weak ones."""


def test_a_tuning_killed_at_random_moments_ends_like_one_that_was_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.finetune.random_kills", str(tmp_path), os.environ.get("TEST_KILL_SEED", SEED)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["killed"] == found["whole"], found["kills"]
    assert set(found["kills"]) == set(STAGES)
    assert all(found["kills"].values()), found["kills"]
    assert found["kills"]["train"][0].endswith(CHECKPOINT)
