"""Customers' data over the API: handed over whole, erased down to the adapter, and only by whom it concerns."""

import io
import json
import zipfile
from pathlib import Path

from chatbot.adapter_files import erasure_key
from chatbot.api_keys import Scope
from chatbot.attachments import AttachmentStore
from chatbot.messages import Message
from finetune.registry import AdapterRegistry
from tests.chatbot.tiny_adapters import PASSED, make_adapter
from tests.finetune.web.api.conftest import Bureau


def asked(bureau: Bureau, visitor: str, note: bytes) -> str:
    services = bureau.services
    files: AttachmentStore = services.attachments
    conversation = services.store.create(visitor).id
    message = Message("Where is my order?", (files.add(note, "note.txt"),))
    services.store.add_question(conversation, visitor, message)
    return conversation


def test_a_customers_data_are_handed_over(bureau: Bureau) -> None:
    conversation = asked(bureau, "zoe", b"Order 4711.")
    asked(bureau, "ann", b"Ann's note.")
    answer = bureau.asked("GET", "/customers/zoe/export")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        data = json.loads(archive.read("conversations.json"))
        files = [archive.read(name) for name in archive.namelist() if name.startswith("attachments/")]
    assert [c["id"] for c in data["conversations"]] == [conversation]
    assert files == [b"Order 4711."]
    assert bureau.asked("GET", "/customers/nobody/export").status_code == 404
    assert bureau.actions() == [("customer-exported", "")]  # whose they were is not written down


def test_a_customer_is_erased_down_to_the_adapter(bureau: Bureau, tmp_path: Path) -> None:
    conversation = asked(bureau, "zoe", b"Order 4711.")
    kept = asked(bureau, "ann", b"Ann's note.")
    registry = AdapterRegistry(bureau.services.settings.data_dir)
    trained_on = (erasure_key(conversation),)
    registry.register(make_adapter(tmp_path / "shop-1", id="shop-1", conversations=trained_on), PASSED)
    erased = bureau.asked("DELETE", f"/customers/{conversation}").json()
    assert (erased["found"], erased["conversations"], erased["files"]) == (True, 1, 1)
    assert erased["adapters"] == ["shop-1"]
    assert bureau.services.store.list("zoe") == ()
    assert [c.id for c in bureau.services.store.list("ann")] == [kept]
    assert bureau.actions() == [("conversations-forgotten", "")]
    again = bureau.asked("DELETE", f"/customers/{conversation}").json()
    assert (again["conversations"], again["adapters"]) == (0, ["shop-1"])
    assert not bureau.asked("DELETE", "/customers/nobody").json()["found"]


def test_only_keys_for_it_may(bureau: Bureau) -> None:
    asked(bureau, "zoe", b"Order 4711.")
    for scope in set(Scope) - {Scope.PRIVACY}:
        refused = bureau.asked("DELETE", "/customers/zoe", headers=bureau.key(scope))
        assert refused.status_code == 403, scope
    assert len(bureau.services.store.list("zoe")) == 1
    assert bureau.asked("GET", "/customers/zoe/export", headers=bureau.key(Scope.PRIVACY)).status_code == 200
