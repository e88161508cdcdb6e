"""Erasure that reaches adapters: a conversation or a customer leaves the store, the workspace and what was made of it.

It may be interrupted anywhere and run again. What is derived and can be made again without the forgotten data
(datasets, training runs, evaluations) is removed as a whole.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatbot.adapter_files import erasure_key
from chatbot.errors import InputError
from chatbot.store import ConversationStore
from finetune import retraining
from finetune.conversations import SupportConversation
from finetune.forgotten import Forgotten, plain_id
from finetune.job_files import JobState
from finetune.page_files import remove_blind_tests, remove_uploads
from finetune.pipeline import only_one
from finetune.pseudonyms import load_salt, pseudonym
from finetune.redaction_report import load_redaction_report, redaction_report_path
from finetune.registry import AdapterRegistry
from finetune.transcripts import (
    dump_conversation,
    load_conversations,
    load_report,
    report_path,
)
from finetune.workspace import Workspace
from knowledge_base.atomic import write_atomically


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was removed and marked.

    Attributes:
        imported: Conversations that left the imported files; `redacted` those that left the masked ones.
        stored: Conversations that left the store, and `attachments` the files that left with them.
        uploads: Files that waited on the page for their import and are removed, whatever they hold.
        blind_tests: Blind tests that are removed with their votes.
        datasets: Names of datasets that held one of them; they are removed, to be built again.
        runs: Training runs that are removed.
        adapters: Registered adapters that were trained on them and are marked.
        stopped_jobs: Jobs that were working and were cancelled.
    """

    imported: int
    redacted: int
    stored: int
    attachments: int
    uploads: int
    blind_tests: tuple[str, ...]
    datasets: tuple[str, ...]
    runs: tuple[str, ...]
    adapters: tuple[str, ...]
    stopped_jobs: tuple[str, ...]

    @property
    def found_anything(self) -> bool:
        """Whether there was anything of them."""
        conversations = self.imported or self.redacted or self.stored
        return bool(conversations or self.blind_tests or self.adapters or self.datasets or self.runs)


def forget(identity: str, data_dir: Path, store: ConversationStore) -> Erasure:
    """Removes a conversation, or all of a customer, by the id that the source of the transcripts gave it.

    Raises:
        InputError: No id was given.
        StorageError: The data folder cannot be written.
        AdapterError: The registry cannot be changed.
    """
    if not identity.strip():
        raise InputError("Nobody was named.", "Give the id of a conversation or of a customer.")
    return _Forgetting(identity.strip(), data_dir, store).go()


class _Forgetting:
    def __init__(self, identity: str, data_dir: Path, store: ConversationStore) -> None:
        self._identity, self._store = identity, store
        self._workspace = Workspace(data_dir / "finetune")
        self._registry = AdapterRegistry(data_dir)
        self._salt = load_salt(data_dir)
        self._names = {identity.casefold(), pseudonym(identity, self._salt)}
        self._forgotten = Forgotten(data_dir)

    def go(self) -> Erasure:
        """What is made of the conversations first: it is found by them."""
        stopped = self._stop_jobs()
        self._forgotten.add([self._identity])
        self._wait_for_the_page()
        ids = {self._identity, *self._ids()}
        ids |= {pseudonym(one, self._salt) for one in ids}
        keys = {erasure_key(one) for one in ids}
        adapters = self._registry.mark_stale(sorted(ids), pseudonym(self._identity, self._salt))
        datasets = [path.name for path in self._folders("datasets") if _holds(path, ids)]
        runs = [path.name for path in self._folders("runs") if self._was_trained_on(path, keys, datasets)]
        retraining.note(self._workspace, datasets)
        for run in runs:
            shutil.rmtree(self._workspace.evaluations / run, ignore_errors=True)
            shutil.rmtree(self._workspace.run(run))
        for dataset in datasets:
            shutil.rmtree(self._workspace.dataset(dataset))
        if runs or datasets:
            shutil.rmtree(self._workspace.journals, ignore_errors=True)
        redacted = sum(self._filter(path, _keep_redaction_report) for path in self._files("redacted"))
        imported = sum(self._filter(path, _keep_import_report) for path in self._files("imported"))
        uploads = remove_uploads(self._workspace.uploads)
        blind = remove_blind_tests(
            self._workspace.blind, {*runs, *adapters}, evaluations=self._workspace.evaluations
        )
        stored, attachments = self._store.erase(self._identity)
        return Erasure(
            imported=imported,
            redacted=redacted,
            stored=len(stored),
            attachments=attachments,
            uploads=uploads,
            blind_tests=blind,
            datasets=tuple(datasets),
            runs=tuple(runs),
            adapters=adapters,
            stopped_jobs=tuple(stopped),
        )

    def _wait_for_the_page(self) -> None:
        """An import or a masking that began before writes its file first; one that begins now leaves them out."""
        for path in (self._workspace.imported(), self._workspace.redacted()):
            with only_one(path):
                for torn in path.parent.glob(".*.tmp"):  # of a process that was killed
                    torn.unlink(missing_ok=True)

    def _stop_jobs(self) -> list[str]:
        jobs = self._workspace.jobs
        live = [status.id for status in jobs.list() if status.state.is_live]
        for job_id in live:
            jobs.cancel(job_id)
            if jobs.cancel(job_id).state is not JobState.CANCELLED:
                jobs.wait(job_id)
        return live

    def _ids(self) -> Iterator[str]:
        for path in (*self._files("imported"), *self._files("redacted")):
            yield from (c.id for c in load_conversations(path) if self._is_wanted(c))

    def _is_wanted(self, conversation: SupportConversation) -> bool:
        ids = (conversation.id, plain_id(conversation.id), conversation.customer)
        return any(one.strip().casefold() in self._names for one in ids)

    def _files(self, part: str) -> list[Path]:
        return sorted((self._workspace.folder / part).glob("[!.]*.jsonl"))

    def _folders(self, part: str) -> list[Path]:
        return sorted(path for path in (self._workspace.folder / part).glob("[!.]*") if path.is_dir())

    @staticmethod
    def _was_trained_on(run: Path, keys: set[str], datasets: Sequence[str]) -> bool:
        """A plan that cannot be read may hide anything."""
        plan = _json_in(run / "run.json")
        trained = {*plan.get("conversation_keys", ()), *plan.get("customer_keys", ())}
        return not plan or plan["name"] in datasets or bool(trained & keys)

    def _filter(self, path: Path, keep_report: Callable[[Path, list[SupportConversation]], None]) -> int:
        """Rewrites a file without them; how many left it. Leftovers of an interrupted stage go as well."""
        with only_one(path):
            shutil.rmtree(path.with_name(f"{path.name}.parts"), ignore_errors=True)
            for leftover in path.parent.glob(f"{path.name}.partial*"):
                leftover.unlink()
            every = list(load_conversations(path))
            kept = [conversation for conversation in every if not self._is_wanted(conversation)]
            if len(kept) < len(every):
                text = "".join(f"{dump_conversation(one)}\n" for one in kept)
                write_atomically(path, text.encode())
                keep_report(path, kept)
        return len(every) - len(kept)


def _keep_import_report(path: Path, kept: list[SupportConversation]) -> None:
    """The report shows some conversations: those that are gone leave it too."""
    report = load_report(path)
    if report is None:
        report_path(path).unlink(missing_ok=True)
        return
    ids = {conversation.id for conversation in kept}
    first = tuple(conversation for conversation in report.first if conversation.id in ids)
    turns = sum(len(conversation.turns) for conversation in kept)
    changed = replace(
        report, conversations=len(kept), turns=turns, first=first, sha256=_sha256(path), fingerprint=""
    )
    write_atomically(
        report_path(path), json.dumps(changed.as_record(), ensure_ascii=False, indent=1).encode()
    )


def _keep_redaction_report(path: Path, kept: list[SupportConversation]) -> None:
    """A masked file without its report is not taken for masked."""
    report = load_redaction_report(path)
    if report is None:
        return
    turns = sum(len(conversation.turns) for conversation in kept)
    changed = replace(
        report, conversations=len(kept), turns=turns, sample=(), sha256=_sha256(path), fingerprint=""
    )
    text = json.dumps(changed.as_record(), ensure_ascii=False, indent=1)
    write_atomically(redaction_report_path(path), text.encode())


def _holds(dataset: Path, ids: set[str]) -> bool:
    """Whether an example was made of one of these; a damaged dataset may hold anything."""
    for path in sorted(dataset.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                if str(json.loads(line)["source"]).rpartition("#")[0] in ids:
                    return True
            except (ValueError, KeyError, TypeError):
                return True
    wanted = {erasure_key(one) for one in ids}
    card = _json_in(dataset / "card.json")
    return bool(wanted & {*card.get("conversation_keys", ()), *card.get("customer_keys", ())})


def _json_in(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
