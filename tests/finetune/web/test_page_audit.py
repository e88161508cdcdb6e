"""What an administrator does on the page is in the audit log, under the account's name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from chatbot.audit import AuditLog
from chatbot.database import Database
from chatbot.web.ui.page_audit import PageAudit
from finetune.job_files import JobState
from finetune.transcripts import import_transcripts
from finetune.web.privacy_tab import PrivacyTab
from finetune.web.training_tab import TrainingTab
from finetune.workspace import Workspace
from tests.finetune.transcripts_files import chat, write
from tests.finetune.web.test_privacy import desk_of
from tests.finetune.web.test_training import STATUS, Remembers
from tests.finetune.web.test_training import desk_of as desk_of_training

ANN = gr.Request(username="ann@shop.example", headers={"accept-language": "en"})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield AuditLog(database)
    database.close()


def test_training_that_is_started_cancelled_and_resumed(tmp_path: Path, log: AuditLog) -> None:
    jobs = Remembers()
    with gr.Blocks():
        tab = TrainingTab(desk_of_training(jobs, Workspace(tmp_path)), PageAudit(log))
    tab._cancel(ANN)
    tab._resume(ANN)  # there is nothing yet
    assert list(log.entries()) == []
    list(tab._start(1, 1, 8, 1e-4, False, ANN))
    *_, refused = tab._start(1, 1, 8, 1e-4, False, ANN)
    assert "running already" in refused[tab.needed]
    tab._resume(ANN)  # it is at work
    tab._cancel(ANN)
    jobs.found = [replace(STATUS, state=JobState.CANCELLED)]
    tab._cancel(ANN)
    tab._resume(ANN)
    jobs.found = [replace(STATUS, state=JobState.DONE)]
    tab._cancel(ANN)
    tab._resume(ANN)
    assert [(entry.actor, entry.action, entry.target) for entry in log.entries()] == [
        ("ann@shop.example", "training-started", STATUS.id),
        ("ann@shop.example", "training-cancelled", STATUS.id),
        ("ann@shop.example", "training-resumed", STATUS.id),
    ]


def test_masking_what_was_imported(tmp_path: Path, log: AuditLog) -> None:
    with gr.Blocks():
        tab = PrivacyTab(desk_of(tmp_path), PageAudit(log))
    with pytest.raises(gr.Error, match="Nothing was imported yet"):
        list(tab._redact("", "", ANN))
    assert list(log.entries()) == []
    said = chat("c1", "Mail me at anna@mail.example.", "Done.")
    import_transcripts([write(tmp_path / "a.jsonl", said)], tmp_path / "data" / "imported.jsonl")
    list(tab._redact("anna", "", ANN))
    (entry,) = log.entries()
    assert (entry.actor, entry.action, entry.target) == ("ann@shop.example", "transcripts-masked", "")
    assert entry.details == {"count": 1}
