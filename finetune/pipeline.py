"""The stages from transcripts to a trained adapter: import, redact, build, train. Each goes on after a kill.

A stage whose input and settings are those of what lies there already does nothing. `proving.py` is the stage after.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import filelock

from chatbot.errors import InputError
from finetune.budget import refuse_beforehand, within_minutes
from finetune.dataset.from_conversations import Progress, build_dataset
from finetune.dataset.from_knowledge_base import Searchable
from finetune.dataset.store import CARD, Dataset
from finetune.errors import DatasetError
from finetune.forgotten import Forgotten
from finetune.hearing import Transcribe
from finetune.lora import train
from finetune.order import Order
from finetune.redact import load_redacted, redact_file
from finetune.redaction_report import RedactionReport, load_redaction_report
from finetune.run import RESULT, TrainProgress
from finetune.settings import TrainSettings
from finetune.tools import Tools
from finetune.transcripts import ColumnMapping, ImportReport, ReadOptions, import_transcripts
from finetune.workspace import Workspace, read_plan, write_plan
from knowledge_base.scope import public_documents

_WAIT_S = 600.0
_MADE_OF = "made_of"


class Teller(Protocol):
    """Who is told how far a stage is; `finetune.job_worker.JobContext` is one. May raise to stop it."""

    def stage(self, name: str, message: str = "") -> None:
        """What is begun now."""
        ...

    def tell(self, done: int, total: int, message: str = "") -> None:
        """How much of it is done."""
        ...

    def trained(self, figures: TrainProgress) -> None:
        """A step of training."""
        ...

    def is_cancelled(self) -> bool:
        """Whether training shall stop."""
        ...


def check(order: Order, tools: Tools, teller: Teller) -> None:
    """Refuses beforehand what cannot be trained on this machine; errors as for `refuse_beforehand`."""
    teller.stage("check memory")
    refuse_beforehand(tools.base(), order.settings.train)


def estimate_stage(order: Order, workspace: Workspace, tools: Tools, teller: Teller) -> dict[str, Any]:
    """What training will need, before any of it is begun; errors as for `train_stage`.

    Memory is known from the base and the settings; time from the examples, and None while there are none.
    """
    teller.stage("check memory")
    folder, base = workspace.dataset(order.name), tools.base()
    needed = refuse_beforehand(base, order.settings.train)
    found = {"memory_bytes": needed.memory_bytes, "free_bytes": needed.free_bytes}
    if not _is_whole(folder):
        return {**found, "seconds": None, "epochs": order.settings.train.epochs}
    settings, whole = within_minutes(folder, order.settings.train, base, order.minutes)
    memory = max(needed.memory_bytes, whole.memory_bytes)
    return {**found, "memory_bytes": memory, "seconds": whole.seconds, "epochs": settings.epochs}


def import_stage(
    order: Order, workspace: Workspace, teller: Teller, transcribe: Transcribe | None = None
) -> ImportReport | None:
    """Reads the files of the order, without conversations that were forgotten; None when there are none.

    Args:
        transcribe: Writes recordings of calls down; without it they are left out.

    Raises:
        TranscriptError: No file can be used.
    """
    if not order.files:
        return None
    teller.stage("import")
    options = ReadOptions(
        mapping=ColumnMapping(**order.mapping) if order.mapping else None,
        roles=order.roles,
        company_domains=order.domains,
        transcribe=transcribe,
    )
    out = workspace.imported(order.name)
    with only_one(out):
        return import_transcripts(
            order.files,
            out,
            options,
            lambda label, count: teller.tell(0, 0, f"{label}: {count:,} conversations"),
            leave_out=Forgotten(workspace.folder.parent),
        )


def redact_stage(order: Order, workspace: Workspace, tools: Tools, teller: Teller) -> RedactionReport | None:
    """Masks what was imported; what was masked before stays when the original is not there any more.

    Raises:
        RedactionError: Nothing was imported.
        ModelError: The language model is needed and cannot be had.
    """
    source, out = workspace.imported(order.name), workspace.redacted(order.name)
    if not source.is_file() and out.is_file():
        return load_redaction_report(out)
    teller.stage("redact")
    total = _lines(source)
    terms = workspace.terms if workspace.terms.is_file() else None
    with only_one(out):
        return redact_file(source, out, tools.redaction(terms), lambda done: teller.tell(done, total))


def build_stage(order: Order, workspace: Workspace, tools: Tools, teller: Teller) -> dict[str, Any]:
    """Examples of the redacted conversations and of the knowledge base; the dataset's card.

    Raises:
        RedactionError: The conversations were not redacted, or changed since.
        DatasetError: There is nothing to learn from.
    """
    teller.stage("build")
    with tools.knowledge_base() as knowledge_base, only_one(workspace.dataset(order.name)):
        return build_examples_of(order, workspace, knowledge_base, teller.tell)


def build_examples_of(
    order: Order, workspace: Workspace, knowledge_base: Searchable, progress: Progress
) -> dict[str, Any]:
    """The same for whoever holds the dataset's lock and has the knowledge base open; errors as for `build_stage`.

    The card says what the examples were made of, by which they are known again, and with which settings.
    """
    folder, redacted = workspace.dataset(order.name), workspace.redacted(order.name)
    made_of = _made_of(redacted, knowledge_base, order)
    if (known := _card(folder)).get(_MADE_OF) == made_of and _is_whole(folder):
        return known
    # without conversations a company still tunes on its articles
    conversations = load_redacted(redacted) if redacted.is_file() else ()
    settings = order.settings.dataset
    dataset = build_dataset(conversations, knowledge_base, settings, order.seed, progress)
    about = {**dataset.about, "settings": settings.model_dump(mode="json"), _MADE_OF: made_of}
    dataset = replace(dataset, about=about)
    dataset.save(folder)
    return dataset.card()


def train_stage(order: Order, workspace: Workspace, tools: Tools, teller: Teller) -> dict[str, Any]:
    """Trains on the dataset of the order; what is decided of the run and how it ended, with its id.

    Raises:
        DatasetError: There is no whole dataset.
        TrainingError: It cannot fit, was stopped, or diverged.
    """
    teller.stage("plan training")
    folder, base = workspace.dataset(order.name), tools.base()
    dataset_hash = _card(folder).get("dataset_hash") or Dataset.load(folder).hash
    run_id = run_id_of(order, str(dataset_hash), tools.settings.llm)
    run = workspace.run(run_id)
    with only_one(run):
        plan = _planned(order, run, folder, base, str(dataset_hash), tools)
        settings = TrainSettings.model_validate(plan["settings"])
        if not (run / RESULT).is_file():
            teller.stage("train")
            train(
                folder,
                run,
                settings,
                base=base,
                progress=teller.trained,
                should_stop=teller.is_cancelled,
            )
    return {"run": run_id, **plan, "result": json.loads((run / RESULT).read_text(encoding="utf-8"))}


def run_id_of(order: Order, dataset_hash: str, llm: str) -> str:
    """The same id for the same dataset, settings and base; it is the adapter's id too."""
    settings = order.settings.train.model_dump(mode="json", exclude={"max_hours", "threads"})
    text = json.dumps([dataset_hash, settings, order.minutes, llm], sort_keys=True)
    return f"{order.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _planned(
    order: Order, run: Path, dataset: Path, base: Path, dataset_hash: str, tools: Tools
) -> dict[str, Any]:
    """The plan is made once: a run that goes on trains as many steps as it was begun with."""
    if (run / "run.json").is_file():
        return read_plan(run)
    settings, needed = within_minutes(dataset, order.settings.train, base, order.minutes)
    plan = {
        "name": order.name,
        "dataset_hash": dataset_hash,
        "base_model": tools.settings.llm,
        "seed": order.seed,
        "minutes": order.minutes,
        "questions": order.questions,
        "calibration": order.calibration,
        "estimated_s": round(needed.seconds, 1),
        "estimated_memory_bytes": needed.memory_bytes,
        "settings": settings.model_dump(mode="json"),
        **{keys: _card(dataset).get(keys, []) for keys in ("conversation_keys", "customer_keys")},
    }
    write_plan(run, plan)
    return plan


def _is_whole(folder: Path) -> bool:
    try:
        Dataset.load(folder)
    except DatasetError:
        return False
    return True


def _card(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _made_of(redacted: Path, knowledge_base: Searchable, order: Order) -> str:
    """Hash of everything that the examples depend on."""
    documents = public_documents(knowledge_base.documents())
    if not redacted.is_file() and not documents:
        raise DatasetError(
            "There are neither conversations nor articles to make examples of.",
            "Import transcripts with `frontdesk finetune import FILE…`, or articles with `frontdesk kb add`.",
        )
    report = load_redaction_report(redacted)
    digest = hashlib.sha256((report.sha256 if report else "").encode())
    for document in documents:
        digest.update(f"{document.id}\0{document.title}\0{document.text}\0".encode())
    digest.update(f"{order.settings.dataset.model_dump_json()}{order.seed}".encode())
    return digest.hexdigest()


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Holds the lock of what is about to be written; whoever else writes it waits.

    Raises:
        InputError: Somebody else holds it for very long.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=_WAIT_S):
            yield
    except filelock.Timeout as error:
        raise InputError(f"{path.name} is being written by another process.", "Try again later.") from error


def short_report(report: ImportReport | RedactionReport | None) -> dict[str, Any] | None:
    """The counts of a report, without examples of conversations."""
    if report is None:
        return None
    record = report.as_record()
    return {name: value for name, value in record.items() if name not in ("first", "dropped", "sample")}
