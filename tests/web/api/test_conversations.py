"""A conversation over HTTP: start, ask, follow, resume, export, erase."""

import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import jwt
import pytest
from PIL import Image
from sqlalchemy import select

from chatbot.schema import CsatRow
from chatbot.turn_log import Event, Turn
from tests.fakes import INVOICE, RECEIPT, UNSURE, VAGUE, FakeIntents, FakeKnowledgeBase
from tests.web.api.conftest import Desk, MakeDesk, SlowGenerator, Visit, parse

RETURNS = "How long can I return a Dot?"


def png(colour: str = "navy") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(data, "PNG")
    return data.getvalue()


def names(events: list[dict]) -> list[str]:
    return [e["event"] for e in events]


def test_a_question_is_answered_over_the_events_with_its_source(desk: Desk) -> None:
    visit = desk.visit()
    turn_id = visit.ask(RETURNS)
    events = visit.until("done", turn_id)
    assert names(events) == [
        *("question", "perceived", "status", "decided", "status", "delta", "citation", "done")
    ]
    done = events[-1]["data"]
    assert done["text"] == "".join(e["data"]["text"] for e in events if e["event"] == "delta")
    assert done["text"] == "You can return a Dot within 45 days. [1]"
    assert done["citations"][0]["quote"] == "You can return a Dot within 45 days of delivery."
    assert all(e["data"]["turn_id"] == turn_id for e in events)
    assert [e["id"] for e in events] == list(range(1, len(events) + 1))


def test_the_conversation_reads_back_as_it_was_and_says_where_its_events_go_on(desk: Desk) -> None:
    visit = desk.visit()
    done = visit.answered(RETURNS)
    read = visit.request("GET").json()
    question, answer = read["messages"]
    assert (question["role"], question["text"], question["id"]) == ("user", RETURNS, done["turn_id"])
    assert (answer["role"], answer["id"], answer["decision"]) == ("assistant", done["message_id"], "generate")
    assert read["unanswered"] == 0
    assert visit.events(after=read["last_event_id"]) == []


def test_a_client_that_reads_in_the_middle_of_an_answer_gets_all_of_its_events(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    visit = make_desk(generator).visit()
    turn_id = visit.ask(RETURNS)
    generator.go_on.release(11)
    visit.until("delta")
    read = visit.request("GET").json()
    assert read["unanswered"] == 1
    assert names(visit.events(after=read["last_event_id"]))[0] == "question"
    generator.go_on.release(100)
    assert visit.until("done", turn_id)[-1]["data"]["text"].startswith("You can return a Dot")


def test_files_are_taken_with_the_text_and_a_refused_one_is_told_beside_the_answer(desk: Desk) -> None:
    visit = desk.visit()
    files = [("files", ("screen.png", png())), ("files", ("evil.svg", b"<svg/>"))]
    sent = visit.request("POST", "/messages", data={"text": RETURNS}, files=files)
    assert sent.status_code == 202
    events = visit.until("done", sent.json()["turn_id"])
    question = events[0]["data"]
    assert [a["name"] for a in question["attachments"]] == ["screen.png"]
    assert "evil.svg" in question["problems"][0]
    assert any("evil.svg" in e["data"].get("message", "") for e in events if e["event"] == "warning")
    stored = visit.request("GET", f"/attachments/{question['attachments'][0]['id']}")
    assert stored.content.startswith(b"\x89PNG")
    assert stored.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"json": {"text": "  \u202e "}}, 422),
        ({"json": {"text": "hi", "more": 1}}, 422),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ({"content": b"hi", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"json": {"text": "x" * 300_000}}, 413),
    ],
)
def test_a_message_that_cannot_be_used_is_a_problem_that_says_why(
    desk: Desk, body: dict, status: int
) -> None:
    refused = desk.visit().request("POST", "/messages", **body)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == status
    assert refused.json()["detail"]


def test_the_same_message_with_the_same_key_is_answered_once(desk: Desk) -> None:
    visit = desk.visit()
    first = visit.ask(RETURNS, **{"Idempotency-Key": "k1"})
    assert visit.ask(RETURNS, **{"Idempotency-Key": "k1"}) == first
    visit.until("done", first)
    assert visit.ask(RETURNS, **{"Idempotency-Key": "k1"}) == first
    assert len(visit.request("GET").json()["messages"]) == 2
    other = visit.request("POST", "/messages", json={"text": "Another"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:frontdesk:problem:idempotency-key-reused")


def test_a_stream_flows_and_resumes_after_the_last_event_without_loss_or_repeat(
    make_desk: MakeDesk, serve: Callable[[Desk], str]
) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator)
    visit, url = desk.visit(), serve(desk)
    turn_id = visit.ask(RETURNS)
    generator.go_on.release(11)
    with httpx.stream("GET", f"{url}{visit.url}/events", headers=visit.headers, timeout=30) as stream:
        first = read_until(stream, "delta")
    last = next(e["id"] for e in reversed(first) if e["id"])
    generator.go_on.release(100)
    headers = {**visit.headers, "Last-Event-ID": str(last)}
    with httpx.stream("GET", f"{url}{visit.url}/events", headers=headers, timeout=30) as stream:
        rest = read_until(stream, "done")
    numbered = [e for e in (*first, *rest) if e["id"]]
    assert [e["id"] for e in numbered] == list(range(1, len(numbered) + 1))
    assert numbered == visit.until("done", turn_id)[: len(numbered)]
    assert numbered[-1]["event"] == "done"


def read_until(stream: httpx.Response, name: str) -> list[dict]:
    text = ""
    for piece in stream.iter_text():
        text += piece
        events = parse(text[: text.rfind("\n\n") + 2])
        if any(e["event"] == name for e in events):
            return events
    raise AssertionError(f"the stream ended before {name}: {text}")


def test_another_process_reads_on_where_a_restart_broke_off(make_desk: MakeDesk) -> None:
    before = make_desk().visit()
    before.answered(RETURNS)
    after = Visit(make_desk(), before.started)
    assert after.events() == before.events()


def test_who_waits_is_told_the_place_in_the_line(make_desk: MakeDesk, serve: Callable[[Desk], str]) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator, turn_workers=1)
    url, first, second = serve(desk), desk.visit(), desk.visit()
    first.ask(RETURNS)
    first.until("decided")
    waiting = second.ask(RETURNS)
    with httpx.stream("GET", f"{url}{second.url}/events", headers=second.headers, timeout=30) as stream:
        threading.Timer(0.2, generator.go_on.release, (200,)).start()
        events = read_until(stream, "done")
    places = [e["data"] for e in events if e["event"] == "queue"]
    assert places[:2] == [{"turn_id": waiting, "position": 1}, {"turn_id": waiting, "position": 0}]


def test_a_reviewed_answer_does_not_wait_for_those_that_are_composed(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator, turn_workers=1)
    composed, waiting, reviewed = desk.visit(), desk.visit(), desk.visit()
    first, second = composed.ask(RETURNS), waiting.ask(RETURNS)
    composed.until("decided")
    assert reviewed.answered(INVOICE.question)["decision"] == "template"
    assert names(composed.events())[-1] != "done"
    assert "decided" not in names(waiting.events())
    generator.go_on.release(200)
    for visit, turn_id in ((composed, first), (waiting, second)):
        assert visit.until("done", turn_id)[-1]["data"]["decision"] == "generate"


def test_a_reviewed_answer_is_kept_in_one_change_with_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, changes = desk.parts.turns.finish, list[list[str]]()

    def finished(turn: Turn, name: str, data: Mapping[str, Any], after: Sequence[Event] = ()) -> None:
        changes.append([*(event for event, _ in after), name])
        finish(turn, name, data, after)

    monkeypatch.setattr(desk.parts.turns, "finish", finished)
    visit = desk.visit()
    assert visit.answered(INVOICE.question)["decision"] == "template"
    assert changes == [["decided", "delta", "citation", "done"]]
    assert names(visit.events()) == ["question", "perceived", "status", *changes[0]]


def test_an_answer_that_waits_for_the_model_is_stopped_at_once(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator, turn_workers=1)
    composed, waiting = desk.visit(), desk.visit()
    composed.ask(RETURNS)
    composed.until("decided")
    turn_id = waiting.ask(RETURNS)
    waiting.until("status", turn_id)
    waiting.request("POST", f"/turns/{turn_id}/stop")
    done = waiting.until("done", turn_id)[-1]["data"]
    assert (done["stopped"], done["text"]) == (True, "")
    generator.go_on.release(200)


def test_an_answer_that_is_stopped_keeps_what_was_said(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    visit = make_desk(generator).visit()
    turn_id = visit.ask(RETURNS)
    generator.go_on.release(11)
    visit.until("delta")
    assert visit.request("POST", f"/turns/{turn_id}/stop").status_code == 204
    generator.go_on.release(100)
    done = visit.until("done", turn_id)[-1]["data"]
    assert done["stopped"] is True
    assert done["text"] == "You can return a Dot within 45 days. [1] Returns are free within Germany. [1]"


def test_a_turn_that_breaks_tells_so_and_the_next_one_is_answered(desk: Desk) -> None:
    visit = desk.visit()
    assistant = desk.parts.runner._assistant
    desk.parts.runner._assistant = lambda: (_ for _ in ()).throw(RuntimeError("secret detail"))
    turn_id = visit.ask(RETURNS)
    failed = visit.until("failed", turn_id)[-1]["data"]
    assert "secret" not in failed["message"]
    desk.parts.runner._assistant = assistant
    assert visit.answered(RETURNS)["decision"] == "generate"


def test_too_many_unanswered_messages_are_refused_until_one_is_answered(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    visit = make_desk(generator, max_waiting_per_conversation=2).visit()
    turns = [visit.ask(RETURNS), visit.ask(RETURNS)]
    refused = visit.request("POST", "/messages", json={"text": RETURNS})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    generator.go_on.release(200)
    visit.until("done", turns[1])
    roles = [m["role"] for m in visit.request("GET").json()["messages"]]
    assert roles == ["user", "assistant"] * 2


def test_an_answer_is_rated_and_its_passage_opened(desk: Desk) -> None:
    visit = desk.visit()
    done = visit.answered(RETURNS)
    path = f"/messages/{done['message_id']}"
    assert visit.request("POST", f"{path}/feedback", json={"rating": -1, "comment": "no"}).status_code == 204
    assert visit.request("GET").json()["messages"][1]["feedback"] == {"rating": -1, "comment": "no"}
    passage = visit.request("GET", f"{path}/citations/1").json()
    assert passage["quote"] in passage["passage"]
    assert visit.request("GET", f"{path}/citations/2").status_code == 404
    assert (
        visit.request("POST", f"/messages/{done['turn_id']}/feedback", json={"rating": 1}).status_code == 404
    )


def test_a_person_is_asked_for_once(desk: Desk) -> None:
    visit = desk.visit()
    first = visit.request("POST", "/person", json={"note": "Please call", "contact": "ann@example.com"})
    again = visit.request("POST", "/person", json={})
    assert first.status_code == 201
    assert first.json() == again.json()
    assert names(visit.events()) == ["person_requested"]


def test_satisfaction_is_kept_exported_and_erased_with_the_conversation(desk: Desk) -> None:
    visit, other = desk.visit(), desk.visit()
    assert visit.request("GET").json()["csat"] is None
    for score, comment in ((2, "slow"), (5, "a person\x00 helped")):
        assert visit.request("POST", "/csat", json={"score": score, "comment": comment}).status_code == 204
    assert visit.request("GET").json()["csat"] == {"score": 5, "comment": "a person helped"}
    assert visit.request("GET", "/export").json()["csat"] == {"score": 5, "comment": "a person helped"}
    assert "Satisfaction: 5 of 5. a person helped" in visit.request("GET", "/export?form=markdown").text
    for wrong in ({"score": 0}, {"score": 6}, {"score": 2.5}, {}, {"score": 3, "more": 1}):
        assert visit.request("POST", "/csat", json=wrong).status_code == 422
    foreign = f"/api/v1/conversations/{visit.id}/csat"
    assert desk.client.post(foreign, json={"score": 1}, headers=other.headers).status_code == 403
    assert desk.client.post(foreign, json={"score": 1}).status_code == 401
    visit.request("DELETE")
    with desk.parts.store.database.reading() as session:
        assert session.scalars(select(CsatRow)).all() == []


def test_export_and_erase(desk: Desk) -> None:
    visit = desk.visit()
    visit.answered(RETURNS)
    assert visit.request("GET", "/export").json()["messages"][0]["text"] == RETURNS
    assert visit.request("GET", "/export?form=markdown").text.startswith("# ")
    assert visit.request("DELETE").status_code == 204
    for path in ("", "/events?follow=false", "/export"):
        assert visit.request("GET", path).status_code == 404


def test_files_leave_the_disk_with_their_conversation(desk: Desk) -> None:
    visits = [desk.visit(), desk.visit()]
    folder = desk.settings.attachments_path
    for visit in visits:
        visit.request("POST", "/messages", data={"text": "See"}, files=[("files", ("a.txt", b"I am Zoe."))])
    assert len(list(folder.glob("??/*"))) == 1
    visits[0].request("DELETE")
    assert len(list(folder.glob("??/*"))) == 1
    visits[1].request("DELETE")
    assert not list(folder.glob("??/*"))


def test_files_of_a_message_that_is_refused_are_not_kept(desk: Desk) -> None:
    visit = desk.visit()
    key = {"Idempotency-Key": "one"}
    visit.ask("Hello", **key)
    files = [("files", ("a.txt", b"I am Zoe."))]
    refused = visit.request("POST", "/messages", data={"text": "Other"}, files=files, headers=key)
    assert refused.status_code == 422
    assert not list(desk.settings.attachments_path.glob("??/*"))


def test_a_stream_is_told_that_its_conversation_was_erased(desk: Desk, serve: Callable[[Desk], str]) -> None:
    url, visit = serve(desk), desk.visit()
    visit.answered(RETURNS)
    with httpx.stream("GET", f"{url}{visit.url}/events", headers=visit.headers, timeout=30) as stream:
        threading.Timer(0.2, visit.request, ("DELETE",)).start()
        assert read_until(stream, "erased")[-1]["event"] == "erased"


def test_a_visitor_comes_back_to_earlier_conversations(desk: Desk) -> None:
    visit = desk.visit()
    visit.answered(RETURNS)
    resume = visit.started["resume_token"]
    second = desk.start(resume_token=resume)
    assert [c["id"] for c in second["conversations"]] == [second["conversation"]["id"], visit.id]
    again = desk.visit(resume_token=resume, conversation_id=visit.id)
    assert [m["role"] for m in again.started["conversation"]["messages"]] == ["user", "assistant"]
    assert again.request("GET").status_code == 200


def test_what_does_not_exist_is_a_problem_too(desk: Desk) -> None:
    missing = desk.client.get("/api/v1/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    wrong = desk.client.put("/api/v1/conversations")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_a_customer_of_the_help_desk_finds_the_conversation_on_another_device(make_desk: MakeDesk) -> None:
    secret = "s" * 40
    desk = make_desk(sites={"shop": {"customer_secrets": {"k": secret}}})
    claims = {"sub": "ann", "exp": time.time() + 600}
    token = jwt.encode(claims, secret, "HS256", {"kid": "k"})
    visit = desk.visit("shop", customer_token=token)
    again = desk.visit("shop", customer_token=token, conversation_id=visit.id)
    assert again.request("GET").status_code == 200
    forged = jwt.encode(claims, "x" * 40, "HS256", {"kid": "k"})
    refused = desk.client.post("/api/v1/conversations", json={"site": "shop", "customer_token": forged})
    assert refused.status_code == 401


def test_asking_back_offers_questions_which_are_there_again_in_the_history(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = desk.assistant
    monkeypatch.setattr(assistant, "_intents", FakeIntents(UNSURE))
    monkeypatch.setattr(assistant, "_knowledge_base", FakeKnowledgeBase(faq=(INVOICE, RECEIPT)))
    settings = desk.settings.model_copy(update={"clarify_min_similarity": -1})
    monkeypatch.setattr(assistant, "_settings", settings)
    visit = desk.visit()
    done = visit.answered(VAGUE)
    options = [RECEIPT.question, INVOICE.question]
    assert (done["decision"], done["options"]) == ("clarify", options)
    told = [event["data"] for event in visit.events() if event["event"] == "options"]
    assert told == [{"turn_id": done["turn_id"], "options": options}]
    answer = visit.request("GET").json()["messages"][-1]
    assert (answer["decision"], answer["options"]) == ("clarify", options)
    assert "- Where is my invoice?" in visit.request("GET", "/export?form=markdown").text
    assert visit.answered(options[1])["options"] == []
