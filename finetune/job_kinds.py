"""The kinds of background jobs, by the name under which they are started."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from chatbot.settings import load_settings
from finetune.job_files import JSON
from finetune.job_worker import JobContext, Work


def recipe(job: JobContext) -> Mapping[str, JSON]:
    """Makes an adapter from a recipe: `name`, and the folders `data`, `work` and `out`."""
    from finetune.make_adapter import make_adapter_from_settings

    stage = ""

    def tell(name: str, done: int, total: int) -> None:
        nonlocal stage
        if name != stage:
            job.stage(name)
            stage = name
        job.tell(done, total)

    given = job.arguments
    data, work, out = (Path(given[name]) for name in ("data", "work", "out"))
    settings = load_settings(data_dir=job.data_dir)
    manifest = make_adapter_from_settings(given["name"], data, work, out, settings, tell)
    return {"message": f"The adapter {manifest.id} is in {given['out']}.", "manifest": asdict(manifest)}


KINDS: Mapping[str, Work] = {"recipe": recipe}
