"""`frontdesk finetune list|show|promote|rollback|feedback|delete|export|load` as a person types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chatbot.messages import Decision
from chatbot.store import ConversationStore, Evidence
from finetune.registry_commands import registry_app
from tests.chatbot.tiny_adapters import make_adapter


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FRONTDESK_ENGINE", "openai")  # no local base to compare adapters with
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "made", id="first")


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(registry_app, [str(word) for word in words])
    return done.exit_code, done.output


def asked(*words: object) -> Any:
    code, printed = run(*words, "--json")
    assert code == 0, printed
    return json.loads(printed)


def test_an_adapter_is_taken_in_listed_and_shown(adapter: Path) -> None:
    assert asked("load", adapter)["id"] == "first"
    found = asked("list")
    assert [a["id"] for a in found["adapters"]] == ["first"]
    assert found["serving"]["active"] == "default"
    assert asked("show", "first")["objection"] == "it has not been evaluated"
    code, printed = run("show", "first")
    assert code == 0
    assert "does not serve" in printed


def test_what_was_not_evaluated_is_promoted_only_with_a_reason_and_rolled_back(adapter: Path) -> None:
    asked("load", adapter)
    code, told = run("promote", "first")
    assert code == 1
    assert "has not been evaluated" in " ".join(told.split())
    assert asked("promote", "first", "--force", "a demonstration")["active"] == "first"
    assert asked("show", "first")["registration"]["promotions"][0]["forced_because"] == "a demonstration"
    assert asked("rollback")["active"] == "default"


def test_a_canary_is_told_with_its_share(adapter: Path) -> None:
    asked("load", adapter)
    code, told = run("promote", "first", "--share", "10", "--force", "a trial")
    assert code == 0
    assert "10 % of conversations: first" in told


def test_an_exported_adapter_is_deleted_and_comes_back(adapter: Path, tmp_path: Path) -> None:
    asked("load", adapter)
    asked("export", "first", tmp_path / "first.tar")
    asked("delete", "first")
    assert asked("list")["adapters"] == []
    assert asked("load", tmp_path / "first.tar")["id"] == "first"


def test_an_unknown_adapter_is_an_error_that_says_where_to_look() -> None:
    code, told = run("show", "other")
    assert code == 1
    assert "frontdesk finetune list" in told


def answered(data: Path, adapter: str, rating: int) -> None:
    data.mkdir(parents=True, exist_ok=True)
    store = ConversationStore(f"sqlite:///{data / 'frontdesk.db'}")
    evidence = Evidence(Decision.GENERATE, adapter=adapter)
    store.add_feedback(store.add_answer(store.create("ann").id, "ann", "Yes.", evidence), "ann", rating)
    store.close()


def test_feedback_is_compared_since_the_canary_began(adapter: Path, data: Path) -> None:
    assert asked("feedback") == {"since": None, "adapters": []}
    answered(data, "none", -1)
    asked("load", adapter)
    asked("promote", "first", "--share", "20", "--force", "a trial")
    answered(data, "none", 1)
    answered(data, "first", 1)
    told = asked("feedback")
    assert told["since"]
    counted = {"answers": 1, "declined": 0, "thumbs_up": 1, "thumbs_down": 0}
    assert told["adapters"] == [{"adapter": "first", **counted}, {"adapter": "none", **counted}]
    assert asked("feedback", "--all")["adapters"][1]["thumbs_down"] == 1
    asked("rollback")
    assert asked("feedback")["since"] is None
    code, printed = run("feedback")
    assert code == 0
    assert "first" in printed
