"""Tunes the tiny model stage by stage in child processes that are killed at random moments; prints what came of it.

`python -m tests.finetune.random_kills FOLDER SEED`. A moment is a change of the data folder (a file opened for
writing, renamed, linked or removed, a folder made or removed) or a sign of progress; the child dies just before it.
Which moment is drawn from the seed, from as many as an uninterrupted run has; the first death of training is while a
checkpoint is written. The heavy imports are done once, before
the children are forked; nothing is computed in the parent.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch  # noqa: F401 (for the children)
import transformers  # noqa: F401

from chatbot.model_files import sha256_of
from chatbot.settings import Settings
from finetune import lora, model, pipeline, proving  # noqa: F401
from finetune.order import Order
from finetune.run import RESULT, TrainProgress
from finetune.workspace import Workspace
from tests.finetune.test_pipeline import DATASET, TRAIN, transcripts
from tests.finetune.tiny_tuning import TinyTools

STAGES = ("import", "redact", "build", "train", "evaluate")
CHECKPOINT = "step-"
_ATTEMPTS = 3
_PATIENCE_S = 120.0
_CHANGES = ("open", "os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Moments:
    """Counts the moments of one process and kills it at the chosen one of a kind; 0 lets it live.

    Args:
        kind: Counts only changes of what has this in its name; empty for every moment.
    """

    def __init__(self, folder: Path, kind: str, dies_at: int) -> None:
        self._folder, self._kind, self._dies_at = str(folder), kind, dies_at
        self.passed = {"": 0, CHECKPOINT: 0}

    def watch(self, event: str, given: tuple[Any, ...]) -> None:
        if event not in _CHANGES or not str(given[0]).startswith(self._folder):
            return
        if event != "open" or given[2] & _WRITING:
            self.step(str(given[0]))

    def step(self, name: str = "") -> None:
        for kind in self.passed:
            self.passed[kind] += kind in name
        if self._kind in name and self.passed[self._kind] == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Counting:
    """Told of progress, which counts as a moment."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments

    def stage(self, name: str, message: str = "") -> None:
        self._moments.step()

    def tell(self, done: int, total: int, message: str = "") -> None:
        self._moments.step()

    def trained(self, figures: TrainProgress) -> None:
        self._moments.step()

    def is_cancelled(self) -> bool:
        return False


def work(stage: str, data: Path, file: Path, teller: Counting) -> None:
    """One stage of tuning."""
    workspace, tools = Workspace(data / "finetune"), TinyTools(Settings(data_dir=data))
    given = {"files": [str(file)], "dataset": DATASET, "train": TRAIN, "questions": 8, "calibration": 8}
    order = Order.of(given, "Lumen")
    stages: dict[str, Callable[[], object]] = {
        "base": tools.base,
        "import": lambda: pipeline.import_stage(order, workspace, teller),
        "redact": lambda: pipeline.redact_stage(order, workspace, tools, teller),
        "build": lambda: pipeline.build_stage(order, workspace, tools, teller),
        "train": lambda: pipeline.train_stage(order, workspace, tools, teller),
        "evaluate": lambda: proving.evaluate_stage(
            order, workspace.newest_run(order.name), workspace, tools, teller
        ),
    }
    stages[stage]()


def attempt(stage: str, data: Path, file: Path, kind: str = "", dies_at: int = 0) -> dict[str, int]:
    """Lets a child do a stage; how many moments it had by kind, nothing when it was killed."""
    counted = data.parent / f"{data.name}.moments"
    child = os.fork()
    if not child:
        code = 1
        try:
            moments = Moments(data, kind, dies_at)
            sys.addaudithook(moments.watch)
            work(stage, data, file, Counting(moments))
            counted.write_text(json.dumps(moments.passed))
            code = 0
        except Exception:  # noqa: BLE001 (the child's edge: told to the parent by its exit code)
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    status = _awaited(child)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return {}
    if status:
        raise SystemExit(f"{stage} failed after a kill at another moment" if dies_at else f"{stage} failed")
    return dict(json.loads(counted.read_text()))


def _awaited(child: int) -> int:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    raise SystemExit("a child hangs")


def outcome(data: Path) -> dict[str, Any]:
    """What must not depend on where it was killed."""
    workspace = Workspace(data / "finetune")
    run = workspace.newest_run("conversations")
    result = json.loads((workspace.run(run) / RESULT).read_text())
    adapter = workspace.run(run) / "adapter"
    (base,) = (workspace.evaluations / run).glob("base.json")
    return {
        "imported": sha256_of(workspace.imported()),
        "redacted": sha256_of(workspace.redacted()),
        "dataset_hash": json.loads((workspace.dataset() / "card.json").read_text())["dataset_hash"],
        "run": run,
        **{name: result[name] for name in ("loss", "validation_loss", "steps", "best_step")},
        "weights": sha256_of(adapter / "adapter_model.safetensors"),
        "registered": sorted(path.name for path in (data / "adapters").iterdir() if path.name[0] != "."),
        "scores": json.loads(base.read_text())["scores"],
    }


def main(folder: Path, seed: int) -> dict[str, Any]:
    """An uninterrupted tuning and a killed one of the same transcripts."""
    rng = random.Random(seed)
    file = transcripts(folder)
    whole, killed = folder / "whole", folder / "killed"
    kills: dict[str, list[str]] = {}
    for data in (whole, killed):
        data.mkdir()
        attempt("base", data, file)
    for stage in STAGES:
        moments, kills[stage] = attempt(stage, whole, file), []
        for number in range(_ATTEMPTS):
            kind = CHECKPOINT if stage == "train" and not number else ""
            dies_at = rng.randint(1, moments[kind])
            if attempt(stage, killed, file, kind, dies_at):
                break  # what was left of the stage had fewer moments
            kills[stage].append(f"{dies_at} of {moments[kind]} {kind}".strip())
        attempt(stage, killed, file)
    return {"whole": outcome(whole), "killed": outcome(killed), "kills": kills}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
