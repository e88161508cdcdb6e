"""A worker whose kinds of jobs wait for files, so that tests decide when they go on."""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from finetune import job_worker
from finetune.errors import TrainingError
from finetune.job_worker import JobContext

WORKER = (sys.executable, "-m", "tests.finetune.patient_worker")


def wait_for(job: JobContext) -> dict[str, object]:
    """Works until the file `until` is there."""
    job.stage("waiting")
    while not Path(job.arguments["until"]).exists():
        job.tell(1, 2)
        time.sleep(0.01)
    with Path(job.arguments["order"]).open("a") as file:
        file.write(f"{job.arguments['name']}\n")
    return {"message": "seen", "nice": os.getpriority(os.PRIO_PROCESS, 0)}


def train(job: JobContext) -> dict[str, object]:
    """Five steps from the last one on; dies after the step `dies_at` the first time."""
    job.stage("training")
    checkpoint = job.workspace / "step"
    for step in range(int(checkpoint.read_text()) if checkpoint.exists() else 0, 5):
        job.trained(
            SimpleNamespace(
                step=step + 1,
                steps=5,
                loss=1 / (step + 1),
                validation_loss=None,
                tokens_per_s=9.0,
                remaining_s=70.0,
            )
        )
        if step + 1 == job.arguments.get("dies_at") and not checkpoint.exists():
            checkpoint.write_text(str(step))  # the step itself is repeated
            os.kill(os.getpid(), signal.SIGKILL)
    return {"message": "trained"}


def fail(job: JobContext) -> dict[str, object]:
    raise TrainingError("There is nothing to learn.", "Add conversations.")


def break_down(job: JobContext) -> dict[str, object]:
    raise ZeroDivisionError("secret detail")


KINDS = {"wait": wait_for, "train": train, "fail": fail, "bug": break_down}

if __name__ == "__main__":
    sys.exit(job_worker.main(sys.argv[1:], KINDS))
