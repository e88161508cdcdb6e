"""Erasure reaches the store, the workspace, datasets, runs and adapters, and a later import."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.adapter_files import erasure_key
from chatbot.attachments import AttachmentStore
from chatbot.errors import InputError
from chatbot.messages import Message
from chatbot.privacy import PrivacyRules, Redactor
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from finetune import retraining
from finetune.evaluate import evaluate_adapter
from finetune.forget import Erasure, forget
from finetune.forgotten import Forgotten
from finetune.order import Order
from finetune.pseudonyms import load_salt, pseudonym
from finetune.redact import Redaction, load_redacted, redact_file
from finetune.registry import AdapterRegistry
from finetune.settings import DatasetSettings, FinetuneSettings, TrainSettings
from finetune.transcripts import (
    ImportReport,
    ReadOptions,
    import_transcripts,
    load_conversations,
    load_report,
)
from finetune.web.comparing import BlindDesk
from finetune.web.upload import Uploads
from finetune.workspace import Workspace, write_plan
from tests.chatbot.tiny_adapters import make_adapter
from tests.finetune.answering_model import ROWS, TableModel, good_model
from tests.finetune.test_pipeline import transcripts

ZOE = "zoe1@mail.example"
THEIRS = ["chat-1", "chat-8", "chat-15"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(data: Path) -> Workspace:
    made = Workspace(data / "finetune")
    imported(data)
    redact_file(made.imported(), made.redacted(), Redaction(Redactor(PrivacyRules()), load_salt(data)))
    return made


def imported(data: Path) -> ImportReport:
    out = Workspace(data / "finetune").imported()
    return import_transcripts([transcripts(data.parent)], out, leave_out=Forgotten(data))


def erase(identity: str, data: Path) -> Erasure:
    store = ConversationStore(f"sqlite:///{data / 'frontdesk.db'}")
    try:
        return forget(identity, data, store)
    finally:
        store.close()


def dataset(workspace: Workspace, name: str, *sources: str) -> None:
    folder = workspace.dataset(name)
    folder.mkdir(parents=True)
    rows = (json.dumps({"source": source, "answer": "x"}) + "\n" for source in sources)
    (folder / "train.jsonl").write_text("".join(rows))


def test_a_customer_leaves_every_file(workspace: Workspace, data: Path) -> None:
    erased = erase(ZOE.upper(), data)
    assert (erased.imported, erased.redacted) == (3, 3)
    for path in (workspace.imported(), workspace.redacted()):
        assert not {c.id for c in load_conversations(path)} & set(THEIRS)
    for path in workspace.folder.rglob("*.json*"):
        assert ZOE not in path.read_text()
    assert len(list(load_redacted(workspace.redacted()))) == 17  # still known as redacted
    report = load_report(workspace.imported())
    assert report is not None
    assert report.conversations == 17


def test_a_conversation_leaves_alone(workspace: Workspace, data: Path) -> None:
    assert (erase("chat-8", data).imported, erase("chat-8", data).found_anything) == (1, False)
    ids = {c.id for c in load_conversations(workspace.imported())}
    assert ids >= {"chat-1", "chat-15"}
    assert "chat-8" not in ids


def test_an_import_of_the_same_file_leaves_them_out(workspace: Workspace, data: Path) -> None:
    erase(ZOE, data)
    report = imported(data)
    assert (report.conversations, report.reasons["forgotten"]) == (17, 3)
    assert ZOE not in workspace.imported().read_text()
    assert ZOE not in (workspace.folder / "forgotten.json").read_text()


def test_what_was_made_of_them_goes_and_the_rest_stays(workspace: Workspace, data: Path) -> None:
    dataset(workspace, "theirs", "page-lamp#1", "chat-8#2")
    dataset(workspace, "others", "page-lamp#1", "chat-2#2")
    plan = {"settings": {}, "dataset_hash": "x"}
    write_plan(workspace.run("theirs-1"), {**plan, "name": "theirs"})
    write_plan(
        workspace.run("older-1"), {**plan, "name": "gone", "conversation_keys": [erasure_key("chat-15")]}
    )
    write_plan(workspace.run("others-1"), {**plan, "name": "others", "conversation_keys": []})
    (workspace.evaluations / "theirs-1").mkdir(parents=True)
    erased = erase(ZOE, data)
    assert (erased.datasets, erased.runs) == (("theirs",), ("older-1", "theirs-1"))
    assert not workspace.dataset("theirs").exists()
    assert not (workspace.evaluations / "theirs-1").exists()
    assert workspace.dataset("others").is_dir()
    assert workspace.run("others-1").is_dir()


def test_adapters_trained_on_them_are_marked(workspace: Workspace, data: Path, tmp_path: Path) -> None:
    registry = AdapterRegistry(data)
    customer = pseudonym(ZOE, load_salt(data))
    made = {
        "by-conversation": {"conversations": (erasure_key("chat-8"),)},
        "by-customer": {"customers": (erasure_key(customer),)},
        "of-others": {"conversations": (erasure_key("chat-2"),)},
    }
    for name, keys in made.items():
        registry.register(make_adapter(tmp_path / name, id=name, **keys), None)
    assert set(erase(ZOE, data).adapters) == {"by-conversation", "by-customer"}
    assert "forgotten" in registry.show("by-customer").objection
    assert "forgotten" not in registry.show("of-others").objection


def test_conversations_with_frontdesk_itself_leave_the_store(data: Path) -> None:
    store = ConversationStore(f"sqlite:///{data / 'frontdesk.db'}")
    first, second, other = (store.create(visitor) for visitor in ("zoe", "zoe", "ben"))
    store.close()
    assert erase(first.id, data).stored == 1
    assert erase("zoe", data).stored == 1
    store = ConversationStore(f"sqlite:///{data / 'frontdesk.db'}")
    assert (store.list("zoe"), [c.id for c in store.list("ben")]) == ((), [other.id])
    store.close()
    assert second.id != first.id


def test_somebody_has_to_be_named(data: Path) -> None:
    with pytest.raises(InputError):
        erase(" ", data)


def test_files_of_their_messages_leave_the_disk(data: Path) -> None:
    store = ConversationStore(f"sqlite:///{data / 'frontdesk.db'}", data / "attachments")
    attachments = AttachmentStore(data / "attachments", Settings(), store.claims)
    for visitor in ("zoe", "zoe", "ben"):
        message = Message("See here.", (attachments.add(f"of {visitor}".encode(), "note.txt"),))
        store.add_question(store.create(visitor).id, visitor, message)
    erased = forget("zoe", data, store)
    assert (erased.stored, erased.attachments) == (2, 1)
    assert [path.read_text() for path in (data / "attachments").glob("??/*")] == ["of ben"]
    store.close()


def test_uploads_that_wait_go_and_their_import_says_so(workspace: Workspace, data: Path) -> None:
    uploads = Uploads(workspace.uploads, workspace.imported())
    waiting = uploads.take([str(transcripts(data))])
    assert erase(ZOE, data).uploads == 1
    assert not list(workspace.uploads.iterdir())
    with pytest.raises(InputError, match="no files"):
        uploads.import_all(waiting, ReadOptions())


def blind_test(workspace: Workspace, candidate: str, current: str) -> str:
    pair = (replace(evaluate_adapter(ROWS, good_model(), "x", 0.5), name=candidate),
            replace(evaluate_adapter(ROWS, TableModel(otherwise="[1] No."), "y", 0.5), name=current))  # fmt: skip
    for run in pair:
        run.save(workspace.evaluations / candidate / f"{run.name}.json")
    return BlindDesk(workspace.blind).begin(*pair)


def test_blind_tests_of_what_was_trained_on_them_go_with_their_votes(
    workspace: Workspace, data: Path
) -> None:
    dataset(workspace, "theirs", "chat-8#2")
    dataset(workspace, "others", "chat-2#2")
    for name in ("theirs", "others"):
        plan = {"settings": {}, "dataset_hash": "x", "name": name, "conversation_keys": []}
        write_plan(workspace.run(f"{name}-1"), plan)
    about_them = blind_test(workspace, "theirs-1", "bare base")
    kept = blind_test(workspace, "others-1", "bare base")
    lost = blind_test(workspace, "older-1", "bare base")
    shutil.rmtree(workspace.evaluations / "older-1")
    desk = BlindDesk(workspace.blind)
    desk.vote(about_them, "ann", desk.place(about_them, "ann").question.id, "left")  # type: ignore[union-attr]
    assert set(erase(ZOE, data).blind_tests) == {about_them, lost}
    assert desk.sessions() == (kept,)
    assert erase(ZOE, data).blind_tests == ()


def test_training_again_uses_the_settings_of_before(workspace: Workspace, data: Path) -> None:
    dataset(workspace, "theirs", "chat-8#2")
    settings = DatasetSettings(examples=16, company_name="Lumen").model_dump(mode="json")
    (workspace.dataset("theirs") / "card.json").write_text(json.dumps({"settings": settings, "seed": 11}))
    for name, r in (("theirs-1", 4), ("theirs-2", 2)):
        train = TrainSettings(r=r, epochs=0.4).model_dump(mode="json")
        plan = {"name": "theirs", "settings": train, "dataset_hash": "x", "minutes": 9.0, "questions": 8}
        write_plan(workspace.run(name), plan)
        os.utime(workspace.run(name) / "run.json", ns=(r, 10 - r))
    erase(ZOE, data)
    (order,) = retraining.noted_orders(workspace)
    assert Order.of(order, "another").settings == FinetuneSettings(
        dataset=DatasetSettings(examples=16, company_name="Lumen"), train=TrainSettings(r=2, epochs=0.4)
    )
    assert (order["seed"], order["minutes"], order["questions"]) == (11, 9.0, 8)
    erase("somebody else", data)  # the note outlives an erasure that was killed before its job was queued
    assert retraining.noted_orders(workspace) == [order]


def test_settings_of_another_version_are_not_used_again(workspace: Workspace) -> None:
    dataset(workspace, "old", "page#1")
    (workspace.dataset("old") / "card.json").write_text(json.dumps({"settings": {"gone": 1}}))
    assert retraining.order_of(workspace, "old") == {"name": "old"}
