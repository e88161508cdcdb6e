"""What the API refuses when a day's share is used up, and new visitors who have to work first."""

from typing import Any

from chatbot.proof_of_work import solve
from chatbot.web.auth import customer_id
from chatbot.web_settings import SiteSettings
from tests.fakes import FakeGenerator
from tests.web.api.conftest import SAYS, Desk, MakeDesk, Visit
from tests.web.test_auth import SECRET, signed

FREE: dict[str, Any] = {kind: {} for kind in ("visitor", "customer", "address", "site", "key")}
URL = "/api/v1/conversations"


def refused(visit: Visit, text: str = "How long can I return a Dot?", **more: Any) -> str:
    answer = visit.request("POST", "/messages", **(more or {"json": {"text": text}}))
    assert answer.status_code == 429, answer.text
    assert answer.json()["type"].endswith("quota-exceeded")
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    return str(answer.json()["detail"])


def test_a_visitors_messages_end_and_another_visitors_do_not(make_desk: MakeDesk) -> None:
    desk = make_desk(daily={**FREE, "visitor": {"messages": 2}})
    visit = desk.visit()
    for number in range(2):
        visit.answered(f"Question {number}?")
    assert "This visitor" in refused(visit)
    assert refused(desk.visit(resume_token=visit.started["resume_token"]))
    assert desk.visit().answered("May I?")


def test_a_repeated_message_is_counted_once(make_desk: MakeDesk) -> None:
    desk = make_desk(daily={**FREE, "visitor": {"messages": 2}})
    visit = desk.visit()
    first = visit.ask("Hello?", **{"Idempotency-Key": "a"})
    visit.until("done", first)
    assert visit.ask("Hello?", **{"Idempotency-Key": "a"}) == first
    visit.answered("And again?")
    refused(visit)


def test_addresses_and_sites_end_whoever_asks(make_desk: MakeDesk) -> None:
    for kind in ("address", "site"):
        desk = make_desk(daily={**FREE, kind: {"messages": 1}})
        desk.visit().answered("Hello?")
        assert f"This {kind}" in refused(desk.visit())


def test_uploads_end(make_desk: MakeDesk) -> None:
    desk = make_desk(daily={**FREE, "visitor": {"uploads": 1}})
    visit = desk.visit()
    files = [("files", ("a.txt", b"WR-204", "text/plain")), ("files", ("b.txt", b"WR-205", "text/plain"))]
    detail = refused(visit, data={"text": "Two?"}, files=files)
    assert "uploads" in detail
    sent = visit.request("POST", "/messages", data={"text": "One?"}, files=files[:1])
    visit.until("done", sent.json()["turn_id"])
    assert visit.answered("None?")


def test_tokens_are_counted_and_end_the_day(make_desk: MakeDesk) -> None:
    desk = make_desk(FakeGenerator(SAYS), daily={**FREE, "visitor": {"tokens": 1}})
    visit = desk.visit()
    assert visit.answered("How long can I return a Dot?")["decision"] == "generate"
    assert "tokens" in refused(visit)


def test_customers_have_limits_of_their_own_on_every_device(make_desk: MakeDesk) -> None:
    site = SiteSettings(customer_secrets={"new": SECRET})
    desk = make_desk(daily={**FREE, "customer": {"messages": 1}}, sites={"shop": site})
    assert customer_id(signed(), "shop", site)
    desk.visit("shop", customer_token=signed()).answered("Hello?")
    assert "This customer" in refused(desk.visit("shop", customer_token=signed()))
    assert desk.visit("shop").answered("Hello?")


def test_keys_end(make_desk: MakeDesk) -> None:
    from chatbot.api_keys import Scope

    desk = make_desk(FakeGenerator(SAYS), daily={**FREE, "key": {"messages": 1}})
    _, key = desk.parts.keys.create("Shop", [Scope.CHAT])
    body = {"model": "frontdesk", "messages": [{"role": "user", "content": "How long can I return a Dot?"}]}
    sent = [
        desk.client.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [200, 429]
    assert sent[1].json()["error"]["code"] == "quota-exceeded"
    assert "retry-after" in sent[1].headers


def proven(desk: Desk, bits: int, **more: Any) -> int:
    challenge = desk.client.post(f"{URL}/challenges").json()["challenge"]
    proof = {"challenge": challenge, "nonce": solve(challenge, bits)}
    return int(desk.client.post(URL, json={"proof": proof, **more}).status_code)


def test_new_visitors_work_where_that_is_asked_and_known_ones_do_not(make_desk: MakeDesk) -> None:
    desk = make_desk(proof_of_work_bits=10)
    asked = desk.client.post(f"{URL}/challenges").json()
    assert asked["bits"] == 10
    without = desk.client.post(URL, json={})
    assert (without.status_code, without.json()["type"].rpartition(":")[2]) == (403, "proof-needed")
    proof = {"challenge": asked["challenge"], "nonce": solve(asked["challenge"], 10)}
    started = desk.client.post(URL, json={"proof": proof})
    assert started.status_code == 201
    assert desk.client.post(URL, json={"proof": proof}).status_code == 403
    resumed = {"resume_token": started.json()["resume_token"]}
    assert desk.client.post(URL, json=resumed).status_code == 201
    assert desk.client.post(URL, json={"resume_token": "forged"}).status_code == 401
    assert proven(desk, 10) == 201


def test_no_work_is_asked_by_default(desk: Desk) -> None:
    assert desk.client.post(f"{URL}/challenges").json()["bits"] == 0
    assert desk.client.post(URL, json={}).status_code == 201
