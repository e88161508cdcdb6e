"""Fine-tuning over the API: a real job with a tiny base; adapters are promoted, tried, rolled back, removed."""

from collections.abc import Mapping
from typing import Any

import pytest

from chatbot.accounts import Role
from chatbot.api_keys import Scope
from finetune.registry import AdapterRegistry
from tests.chatbot.tiny_adapters import FAILED, PASSED, make_adapter
from tests.finetune.web.api.conftest import BASE, SHOP, Bureau, MakeBureau

JOBS, ADAPTERS = "/finetune/jobs", "/finetune/adapters"


@pytest.fixture
def stocked(bureau: Bureau, tmp_path: Any) -> Bureau:
    """With one adapter that passed its gate, and one that did not."""
    registry = AdapterRegistry(bureau.services.settings.data_dir)
    registry.register(make_adapter(tmp_path / "shop-1", id="shop-1"), PASSED)
    registry.register(make_adapter(tmp_path / "shop-2", id="shop-2", weights_seed=5), FAILED)
    return bureau


def promoted(bureau: Bureau, adapter_id: str, **body: Any) -> Any:
    return bureau.asked("POST", f"{ADAPTERS}/{adapter_id}/promote", json=body)


def test_training_is_started_once_followed_cancelled_and_resumed(bureau: Bureau) -> None:
    key = {**bureau.key(Scope.FINETUNE), "Idempotency-Key": "monday"}
    begun = bureau.asked("POST", JOBS, headers=key, json={"minutes": 1, "epochs": 1})
    assert (begun.status_code, begun.json()["kind"]) == (202, "run")
    job_id = begun.json()["id"]
    assert bureau.asked("POST", JOBS, headers=key, json={"minutes": 1, "epochs": 1}).json()["id"] == job_id
    second = bureau.asked("POST", JOBS, json={})
    assert (second.status_code, second.json()["detail"]) == (422, "Training is running already.")
    arguments = bureau.jobs._job(job_id).read().arguments
    assert (arguments["minutes"], arguments["train"]["epochs"]) == (1, 1)

    assert bureau.asked("POST", f"{JOBS}/{job_id}/cancel").status_code == 200
    cancelled = bureau.ended(f"{JOBS}/{job_id}")
    assert (cancelled["state"], cancelled["points"]) == ("cancelled", [])
    assert bureau.asked("GET", JOBS).json()["jobs"][0]["id"] == job_id
    resumed = bureau.asked("POST", f"{JOBS}/{job_id}/resume").json()
    assert resumed["state"] in ("queued", "running")
    bureau.asked("POST", f"{JOBS}/{job_id}/cancel")
    bureau.asked("POST", f"{JOBS}/{job_id}/cancel")
    assert bureau.ended(f"{JOBS}/{job_id}")["state"] == "cancelled"
    told = [action for action, _ in bureau.actions()]
    assert told[:3] == ["training-started", "training-cancelled", "training-resumed"]
    assert bureau.asked("GET", f"{JOBS}/none").status_code == 404


@pytest.mark.parametrize("body", [{"epochs": 0}, {"r": 1.5}, {"minutes": -1}, {"dataset": {}}, {"r": 513}])
def test_settings_out_of_their_range_start_nothing(bureau: Bureau, body: Mapping[str, Any]) -> None:
    refused = bureau.asked("POST", JOBS, json=body)
    assert (refused.status_code, len(refused.json()["errors"])) == (422, 1)
    assert bureau.asked("GET", JOBS).json() == {"jobs": []}


def test_an_adapter_is_promoted_tried_on_a_share_and_rolled_back(stocked: Bureau) -> None:
    shelf = stocked.asked("GET", ADAPTERS).json()
    assert (shelf["active"], [one["id"] for one in shelf["adapters"]]) == ("default", ["shop-2", "shop-1"])
    assert shelf["adapters"][0]["gate"] == {"passed": False, "reasons": ["It refuses too often."]}
    assert stocked.asked("GET", f"{ADAPTERS}/shop-1").json()["metrics"] == {"answer_f1": 0.9}
    assert promoted(stocked, "shop-1").json()["active"] == "shop-1"
    assert stocked.asked("GET", f"{ADAPTERS}/shop-1").json()["role"] == "active"

    refused = promoted(stocked, "shop-2", share_percent=10)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "adapter-refused")
    assert "It refuses too often" in refused.json()["detail"]
    tried = promoted(stocked, "shop-2", share_percent=10, because="The team wants to see it.").json()
    assert tried["canary"] == {"id": "shop-2", "share_percent": 10}
    assert tried["adapters"][0]["promotions"][0]["forced_because"] == "The team wants to see it."
    ended = stocked.asked("POST", f"{ADAPTERS}/rollback").json()
    assert (ended["canary"], ended["active"]) == (None, "shop-1")
    assert stocked.asked("POST", f"{ADAPTERS}/rollback").json()["active"] == "default"
    assert [action for action, _ in stocked.actions()] == [
        "adapter-promoted",
        "adapter-tried",
        "adapter-rolled-back",
        "adapter-rolled-back",
    ]


def test_a_rollback_that_is_sent_again_goes_back_only_once(stocked: Bureau) -> None:
    promoted(stocked, "shop-1")
    promoted(stocked, "shop-2", because="A test.")
    key = {**stocked.key(), "Idempotency-Key": "back"}
    answers = [stocked.asked("POST", f"{ADAPTERS}/rollback", headers=key).json() for _ in range(2)]
    assert [answer["active"] for answer in answers] == ["shop-1", "shop-1"]


def test_only_an_adapter_that_does_not_answer_is_removed(stocked: Bureau) -> None:
    promoted(stocked, "shop-1")
    assert stocked.asked("DELETE", f"{ADAPTERS}/shop-1").status_code == 409
    assert stocked.asked("DELETE", f"{ADAPTERS}/shop-2").status_code == 204
    assert stocked.asked("GET", f"{ADAPTERS}/shop-2").status_code == 404
    assert stocked.asked("DELETE", f"{ADAPTERS}/shop-2").status_code == 404
    assert promoted(stocked, "nobody").status_code == 409


def test_administrators_of_the_server_itself_need_no_key_and_pages_of_others_get_nothing(
    bureau: Bureau, make_bureau: MakeBureau
) -> None:
    plain = bureau.client
    assert plain.get(f"/api/v1{ADAPTERS}").status_code == 200  # this machine, and nobody has an account
    assert plain.post(f"/api/v1{ADAPTERS}/rollback").status_code == 409
    own = plain.post(f"/api/v1{ADAPTERS}/none/promote", json={}, headers={"Origin": BASE})
    assert own.status_code == 200
    for method, path in (("GET", ADAPTERS), ("POST", f"{ADAPTERS}/rollback")):
        foreign = plain.request(method, f"/api/v1{path}", headers={"Origin": SHOP})
        assert foreign.status_code == 403  # a page that may embed the widget may not do this
    assert ("adapter-promoted", "none") in bureau.actions()
    far = make_bureau("203.0.113.9")
    assert far.client.get(f"/api/v1{ADAPTERS}").status_code == 401


def test_with_accounts_a_session_of_an_administrator_is_needed_and_its_own_origin_for_changes(
    bureau: Bureau,
) -> None:
    ada, tom = bureau.account("ada", Role.ADMIN), bureau.account("tom", Role.AGENT)
    plain, path = bureau.client, f"/api/v1{ADAPTERS}/none/promote"
    assert plain.get(f"/api/v1{ADAPTERS}").status_code == 401
    assert plain.get(f"/api/v1{ADAPTERS}", headers=tom).status_code == 403
    assert plain.get(f"/api/v1{ADAPTERS}", headers=ada).status_code == 200
    assert plain.post(path, json={}, headers=ada).status_code == 403  # no browser leaves it out
    assert plain.post(path, json={}, headers={**ada, "Origin": SHOP}).status_code == 403
    assert plain.post(path, json={}, headers={**ada, "Origin": BASE}).status_code == 200
    assert [(e.actor, e.action) for e in bureau.parts.audit.entries() if e.target == "none"] == [
        ("ada", "adapter-promoted")
    ]
    assert plain.get(f"/api/v1{ADAPTERS}", headers=bureau.key(Scope.KNOWLEDGE)).status_code == 403
