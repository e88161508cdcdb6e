"""A server that ends finishes what it says, and the next one goes on with what it has left."""

import threading
import time
from collections.abc import Callable

import httpx

from chatbot.schema import TurnRow
from tests.web.api.conftest import PATIENCE_S, Desk, MakeDesk, SlowGenerator, Visit
from tests.web.api.test_conversations import RETURNS, names, read_until


def test_a_stream_is_finished_when_the_server_ends(make_desk: MakeDesk, serve: Callable[[Desk], str]) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator)
    visit, url = desk.visit(), serve(desk)
    visit.ask(RETURNS)
    visit.until("decided")
    with httpx.stream("GET", f"{url}{visit.url}/events", headers=visit.headers, timeout=30) as stream:
        closing = threading.Thread(target=desk.parts.close, args=(PATIENCE_S,))
        closing.start()
        generator.go_on.release(200)
        assert read_until(stream, "done")[-1]["data"]["stopped"] is False
        assert b"".join(stream.iter_raw()) == b"" if not stream.is_stream_consumed else True
    closing.join(PATIENCE_S)
    assert not closing.is_alive()


def test_a_server_that_ends_takes_no_new_message(desk: Desk) -> None:
    visit = desk.visit()
    desk.parts.close(PATIENCE_S)
    refused = visit.request("POST", "/messages", json={"text": RETURNS})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


def test_what_waited_when_a_server_ended_is_answered_by_the_next(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator, turn_workers=1)
    running, waiting = desk.visit(), desk.visit()
    running.ask(RETURNS)
    running.until("decided")
    turn_id = waiting.ask(RETURNS)
    generator.go_on.release(200)
    desk.parts.close(PATIENCE_S)
    assert names(running.events())[-1] == "done"
    if names(waiting.events())[-1] != "done":  # the worker may have taken it at the last moment
        after = Visit(make_desk(), waiting.started)
        assert "restarted" in names(after.until("done", turn_id))


def test_an_answer_that_waited_for_the_model_is_not_kept_half_but_made_by_the_next(
    make_desk: MakeDesk,
) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator, turn_workers=1)
    running, waiting = desk.visit(), desk.visit()
    running.ask(RETURNS)
    running.until("decided")
    turn_id = waiting.ask(RETURNS)
    waiting.until("status", turn_id)  # it has been looked at, and waits
    closing = threading.Thread(target=desk.parts.close, args=(PATIENCE_S,))
    closing.start()
    while not desk.parts.runner._closing:
        time.sleep(0.01)
    generator.go_on.release(200)
    closing.join(PATIENCE_S)
    assert names(running.events())[-1] == "done"
    after = Visit(make_desk(), waiting.started)
    done = after.until("done", turn_id)[-1]["data"]
    assert (done["stopped"], done["decision"]) == (False, "generate")
    told = names(after.events())
    assert told.count("done") == told.count("restarted") == 1
    assert [m["role"] for m in after.request("GET").json()["messages"]] == ["user", "assistant"]


def test_a_turn_of_a_killed_process_is_answered_once_by_the_next(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    before = make_desk(generator)
    visit = before.visit()
    turn_id = visit.ask(RETURNS)
    generator.go_on.release(11)
    visit.until("delta")
    before.parts.runner._closed.set()  # it looks after its turns no more, as if it were killed
    before.parts.runner._keeper.join(PATIENCE_S)
    before.parts.turns.leases.release([turn_id])
    after = Visit(make_desk(), visit.started)
    done = after.until("done", turn_id)[-1]["data"]
    assert done["text"] == "You can return a Dot within 45 days. [1]"
    told = names(after.events())
    assert told.count("restarted") == 1
    assert told.index("delta") < told.index("restarted") < told.index("done")
    roles = [m["role"] for m in after.request("GET").json()["messages"]]
    assert roles == ["user", "assistant"]
    generator.go_on.release(200)


def test_an_answer_that_was_stored_before_the_kill_is_told_and_not_made_again(make_desk: MakeDesk) -> None:
    visit = make_desk().visit()
    done = visit.answered(RETURNS)
    with visit.desk.parts.store.database.writing() as session:
        row = session.get_one(TurnRow, done["turn_id"])
        row.is_done, row.lease_until = False, None
    after = Visit(make_desk(), visit.started)
    after.until("restarted")
    events = [e for e in after.until("done") if e["event"] == "done"]
    assert events[-1]["data"] == done
    assert len(after.request("GET").json()["messages"]) == 2


def test_a_process_that_was_paused_does_not_begin_its_own_turn_again(make_desk: MakeDesk) -> None:
    generator = SlowGenerator()
    desk = make_desk(generator)
    visit = desk.visit()
    turn_id = visit.ask(RETURNS)
    visit.until("decided")
    desk.parts.turns.leases.release([turn_id])  # as its lease is after a long pause
    desk.parts.runner._take_over()
    generator.go_on.release(200)
    assert "restarted" not in names(visit.until("done", turn_id))
