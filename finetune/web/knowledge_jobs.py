"""Changes of the knowledge base that take long, done one after the other by a thread of the server.

Records, order and cancelling are those of `finetune.jobs`, but no process is started: the embedder is loaded here. What
was taken lies on the disk, and what a restart broke off is done by the next start; taking documents in twice changes
nothing.
"""

import logging
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from finetune.job_files import JSON, JobFolder, JobState, now, storage_errors
from finetune.job_worker import JobCancelledError, JobContext, Work, wait_for_turn, work_now
from finetune.jobs import Jobs
from finetune.web.knowledge import KnowledgeDesk
from knowledge_base.files import SourceFile
from knowledge_base.report import IngestReport, Progress

log = logging.getLogger(__name__)
DOCUMENTS, PAGE, SITE = "documents", "page", "site"
"""Kinds of jobs: `files` (path and name of each) of an upload; one page at `url`; the website at `url`."""
_KEPT_S = 30 * 24 * 3600
_SPOOLED_S = 24 * 3600
_PATIENCE_S = 20.0


class KnowledgeJobs(Jobs):
    """Jobs of the knowledge base.

    Args:
        folder: Of a data folder: has `jobs`, and `uploads` with the files that they take in.
        desk: Makes the changes; waits until the knowledge base is open.
    """

    def __init__(self, folder: Path, desk: KnowledgeDesk) -> None:
        super().__init__(folder / "jobs")
        self.uploads = folder / "uploads"
        self._desk = desk
        self._kinds: Mapping[str, Work] = {DOCUMENTS: self._documents, PAGE: self._page, SITE: self._site}
        self._waiting: queue.SimpleQueue[tuple[JobFolder, int] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take_up(self) -> None:
        """Goes on with what an earlier process left undone, and removes what is old."""
        for status in self.list():
            if status.state is JobState.INTERRUPTED:
                self.resume(status.id)
            elif not status.state.is_live and _age_s(status.folder) > _KEPT_S:
                shutil.rmtree(status.folder, ignore_errors=True)
        named = {place for status in self.list() for place in self.places(status.id)}
        for place in self.uploads.glob("*"):
            if place.absolute() not in named and _age_s(place) > _SPOOLED_S:
                shutil.rmtree(place, ignore_errors=True)  # taken by a request that was killed

    def places(self, job_id: str) -> frozenset[Path]:
        """The folders of the uploads that a job takes in; they are removed when it has ended.

        Raises:
            JobError: There is no such job.
        """
        files = self._job(job_id).read().arguments.get("files", ())
        return frozenset(Path(file["path"]).parent for file in files)

    def close(self) -> None:
        """Breaks off what is under way, so that the next start goes on with it."""
        self._closing.set()
        self._waiting.put(None)
        with self._lock:
            thread = self._thread
        if thread:
            thread.join(_PATIENCE_S)

    def _launch(self, job: JobFolder, claimed: int) -> None:
        self._waiting.put((job, os.dup(claimed)))  # the lock is held until the last copy is closed
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="knowledge-jobs", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while given := self._waiting.get():
            job, alive = given
            try:
                self._work_on(job)
            except Exception:
                log.exception("the job %s was left", job.path.name)
            finally:
                os.close(alive)

    def _work_on(self, job: JobFolder) -> None:
        ending: dict[str, JSON]
        try:
            turn = wait_for_turn(job, self._closing.is_set)
            try:
                ending = work_now(job, self._kinds)
            finally:
                os.close(turn)
        except JobCancelledError:
            if self._closing.is_set() and not job.wants_cancel:
                return  # it is interrupted now
            ending = {
                "state": JobState.CANCELLED,
                "message": "Cancelled; what was taken in until then stays.",
            }
        job.change(**ending, finished_at=now())
        for place in self.places(job.path.name):
            shutil.rmtree(place, ignore_errors=True)

    def _documents(self, job: JobContext) -> Mapping[str, JSON]:
        files = [SourceFile(Path(file["path"]), file["name"]) for file in job.arguments["files"]]
        job.stage("reading")
        return _result(self._desk.add(files, self._teller(job)))

    def _page(self, job: JobContext) -> Mapping[str, JSON]:
        job.stage("fetching")
        return _result(self._desk.add_page(job.arguments["url"]))

    def _site(self, job: JobContext) -> Mapping[str, JSON]:
        job.stage("fetching")
        return _result(self._desk.sync(job.arguments["url"], self._teller(job)))

    def _teller(self, job: JobContext) -> Progress:
        def told(done: int, total: int, name: str) -> None:
            if self._closing.is_set():
                raise JobCancelledError("The server is closing.")
            job.tell(done, total, name)

        return told


def spooled(place: Path, files: Sequence[tuple[str, Callable[[Path], object]]]) -> list[dict[str, JSON]]:
    """Keeps uploaded files for a job of the kind `documents`; returns its argument `files`.

    Args:
        place: A folder of its own below `uploads`.
        files: The name of each, and what writes it to a path.

    Raises:
        StorageError: The data folder cannot be written.
    """
    kept: list[dict[str, JSON]] = []
    with storage_errors("The uploaded document"):
        place.mkdir(parents=True, mode=0o700)
        for number, (name, write) in enumerate(files):
            path = place.absolute() / f"{number}{Path(name).suffix[:16]}"
            write(path)
            kept.append({"path": str(path), "name": name})
    return kept


def _result(report: IngestReport) -> dict[str, JSON]:
    told = f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, {report.removed} removed"
    left_out = f", {len(report.failed)} left out" if report.failed else ""
    return {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": [{"source": source, "reason": reason} for source, reason in report.failed],
        "message": f"{told}{left_out}.",
    }


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
