"""Erasure reaches the store, the workspace, datasets, runs and adapters, and a later import."""

import json
from pathlib import Path

import pytest

from chatbot.adapter_files import erasure_key
from chatbot.errors import InputError
from chatbot.privacy import PrivacyRules, Redactor
from chatbot.store import ConversationStore
from finetune.forget import Erasure, forget
from finetune.forgotten import Forgotten
from finetune.pseudonyms import load_salt, pseudonym
from finetune.redact import Redaction, load_redacted, redact_file
from finetune.registry import AdapterRegistry
from finetune.transcripts import ImportReport, import_transcripts, load_conversations, load_report
from finetune.workspace import Workspace, write_plan
from tests.chatbot.tiny_adapters import make_adapter
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
