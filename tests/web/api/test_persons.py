"""The handoff over the API: asked for, waited for, live with a person, and back with the assistant."""

from tests.web.api.conftest import Desk, MakeDesk, Visit


def names(visit: Visit) -> list[str]:
    return [e["event"] for e in visit.events()]


def claimed(desk: Desk, visit: Visit) -> str:
    ticket_id = str(visit.request("POST", "/person", json={}).json()["ticket_id"])
    desk.parts.handoff.claim(ticket_id, "Mia")
    return ticket_id


def test_a_person_is_asked_for_and_the_same_ticket_found_again(desk: Desk) -> None:
    visit = desk.visit()
    nobody = visit.request("GET", "/person").json()
    assert (nobody["status"], nobody["ticket_id"], nobody["available"], nobody["open"]) == (
        "none",
        "",
        False,
        None,
    )
    asked = visit.request("POST", "/person", json={"note": "Please call."})
    assert asked.status_code == 201
    first = asked.json()
    assert (first["status"], first["position"], first["available"]) == ("open", 1, False)
    again = visit.request("POST", "/person", json={"contact": "ann@example.com"}).json()
    assert (again["ticket_id"], again["contact"]) == (first["ticket_id"], "ann@example.com")
    requested = [e for e in visit.events() if e["event"] == "person_requested"]
    assert [e["data"]["ticket_id"] for e in requested] == [first["ticket_id"]]
    assert requested[0]["data"]["position"] == 1


def test_another_visitor_cannot_ask_for_it_or_read_it(desk: Desk) -> None:
    visit, other = desk.visit(), desk.visit()
    visit.request("POST", "/person", json={})
    for method in ("GET", "POST"):
        foreign = desk.client.request(method, f"{visit.url}/person", headers=other.headers, json={})
        assert foreign.status_code == 403


def test_the_words_of_a_message_bring_in_a_person_and_the_answer_says_so(desk: Desk) -> None:
    visit = desk.visit()
    desk.parts.handoff.seen("Mia")
    done = visit.answered("I want to talk to a human, I am ann@example.com")
    assert done["decision"] == "handoff"
    assert "Somebody is here now" in done["text"]
    assert "number 1 in the queue" in done["text"]
    standing = visit.request("GET", "/person").json()
    assert (standing["status"], standing["available"], standing["contact"]) == (
        "open",
        True,
        "ann@example.com",
    )
    events = visit.events()
    decided = next(e["data"] for e in events if e["event"] == "decided")
    assert decided["decision"] == "handoff"
    told = [e["event"] for e in events]
    assert told[-4:] == ["decided", "person_requested", "delta", "done"]
    assert told.count("person_requested") == 1


def test_nothing_found_twice_brings_in_a_person_and_a_yes_to_the_offer_does(desk: Desk) -> None:
    visit = desk.visit()
    assert visit.answered("Xylophone quartz?")["decision"] == "decline"
    twice = visit.answered("Zephyr glockenspiel?")
    assert twice["decision"] == "handoff"
    assert twice["text"].startswith("I could not find an answer")
    other = desk.visit()
    assert other.answered("Xylophone quartz?")["decision"] == "decline"
    assert other.answered("Yes, please")["decision"] == "handoff"


def test_while_a_person_has_the_conversation_the_assistant_is_silent_and_then_back(desk: Desk) -> None:
    visit = desk.visit()
    ticket_id = claimed(desk, visit)
    silent = visit.answered("Can I return a Dot?")
    assert (silent["decision"], silent["text"], silent["message_id"]) == ("person", "", "")
    message_id = desk.parts.handoff.reply(ticket_id, "Mia", "Yes, within **45 days**.")
    said = next(e["data"] for e in visit.events() if e["event"] == "message")
    assert (said["message_id"], said["role"], said["author"]) == (message_id, "person", "Mia")
    assert said["text"] == "Yes, within **45 days**."
    messages = visit.request("GET").json()["messages"]
    assert [(m["role"], m["author"]) for m in messages] == [("user", ""), ("person", "Mia")]
    desk.parts.handoff.give_back(ticket_id, "Mia")
    assert visit.answered("Can I return a Dot?")["decision"] == "generate"
    order = [n for n in names(visit) if n.startswith("person") or n == "message"]
    assert order == ["person_requested", "person_joined", "message", "person_left"]
    left = next(e["data"] for e in visit.events() if e["event"] == "person_left")
    assert (left["status"], left["agent"]) == ("returned", "Mia")


def test_what_a_person_said_is_history_for_the_model_and_stands_in_the_export(desk: Desk) -> None:
    visit = desk.visit()
    ticket_id = claimed(desk, visit)
    visit.answered("Is there a discount for schools?")
    desk.parts.handoff.reply(ticket_id, "Mia", "Ten per cent for schools.")
    desk.parts.handoff.close(ticket_id, "Mia")
    visit.answered("Can I return a Dot?")
    told = [(turn.role, turn.content) for turn in desk.generator.prompts[-1]]
    assert ("assistant", "Ten per cent for schools.") in told
    exported = visit.request("GET", "/export?form=markdown").text
    assert "**Mia**" in exported
    assert "Ten per cent for schools." in exported


def test_a_client_that_comes_back_misses_nothing_that_a_person_said(desk: Desk) -> None:
    visit = desk.visit()
    ticket_id = claimed(desk, visit)
    last = visit.events()[-1]["id"]
    desk.parts.handoff.reply(ticket_id, "Mia", "One.")
    desk.parts.handoff.reply(ticket_id, "Mia", "Two.")
    missed = visit.events(after=last)
    assert [e["data"]["text"] for e in missed if e["event"] == "message"] == ["One.", "Two."]
    assert [e["id"] for e in missed] == [last + 1, last + 2]


def test_another_process_sees_who_has_a_conversation(make_desk: MakeDesk) -> None:
    here, there = make_desk(), make_desk()
    visit = here.visit()
    claimed(there, visit)
    assert visit.answered("Can I return a Dot?")["decision"] == "person"
