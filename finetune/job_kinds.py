"""The kinds of background jobs, by the name under which they are started.

`recipe` makes an adapter from a recipe; `build`, `train`, `evaluate` are single stages of tuning, `run` is all of
them, and `estimate` tells beforehand what they need. Their arguments are the fields of `finetune.order.Order`, with
`dataset` and `train` for the settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatbot.settings import Settings, load_settings
from finetune.job_files import JSON
from finetune.job_worker import JobContext, Work
from finetune.tools import Tools


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


def tuning_kinds(open_tools: Callable[[Settings], Tools] = Tools) -> dict[str, Work]:
    """The stages of tuning, and all of them in a row.

    Args:
        open_tools: What the stages work with; tests put smaller models in place.
    """
    from finetune import pipeline
    from finetune.order import Order
    from finetune.workspace import Workspace

    def opened(job: JobContext) -> tuple[Any, Workspace, Tools, JobContext]:
        settings = load_settings(data_dir=job.data_dir)
        given = {name: value for name, value in job.arguments.items() if name != "adapter"}
        order = Order.of(given, settings.company_name)
        return order, Workspace(job.workspace), open_tools(settings), job

    def estimate(job: JobContext) -> Mapping[str, JSON]:
        return pipeline.estimate_stage(*opened(job))

    def build(job: JobContext) -> Mapping[str, JSON]:
        card = pipeline.build_stage(*opened(job))
        return {**_without_keys(card), "message": _built(card)}

    def train(job: JobContext) -> Mapping[str, JSON]:
        trained = pipeline.train_stage(*opened(job))
        return {**_without_keys(trained), "message": _trained(trained)}

    def evaluate(job: JobContext) -> Mapping[str, JSON]:
        from finetune.proving import evaluate_stage

        order, workspace, tools, teller = opened(job)
        run_id = job.arguments.get("adapter") or workspace.newest_run(order.name)
        return evaluate_stage(order, run_id, workspace, tools, teller)

    def run(job: JobContext) -> Mapping[str, JSON]:
        from finetune.proving import evaluate_stage

        order, workspace, tools, teller = opened(job)
        pipeline.check(order, tools, teller)
        imported = pipeline.import_stage(order, workspace, teller, tools.transcribe())
        redacted = pipeline.redact_stage(order, workspace, tools, teller)
        card = pipeline.build_stage(order, workspace, tools, teller)
        trained = pipeline.train_stage(order, workspace, tools, teller)
        proof = evaluate_stage(order, trained["run"], workspace, tools, teller)
        reports = {"import": pipeline.short_report(imported), "redact": pipeline.short_report(redacted)}
        return {**reports, "build": _without_keys(card), "train": _without_keys(trained), **proof}

    return {"estimate": estimate, "build": build, "train": train, "evaluate": evaluate, "run": run}


def _without_keys(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in card.items() if not name.endswith("_keys")}


def _built(card: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count:,} {part}" for part, count in card["examples"].items())
    return f"Examples: {counts}. Dataset {card['dataset_hash'][:12]}."


def _trained(trained: Mapping[str, Any]) -> str:
    result = trained["result"]
    return f"{trained['run']}: {result['steps']} steps, validation loss {result['validation_loss']:.4f}."


KINDS: Mapping[str, Work] = {"recipe": recipe, **tuning_kinds()}
