"""The books of a load: they notice what is lost, repeated, mixed up or left without an end."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from chatbot.load.figures import evenness, growth, percentile
from chatbot.load.ledger import AskedTurn, Frames, Ledger, Told
from chatbot.load.questions import AskedQuestion

TURN = "turn-1"
RETURNS = AskedQuestion("How long can I return a Dot?")
SAYS = "You can return a Dot within 45 days. [1]"
DONE = {"message_id": "m-1", "text": SAYS, "decision": "generate", "citations": [], "stopped": False}
Events = list[tuple[str, Mapping[str, Any]]]
TOLD: Events = [("question", {"text": RETURNS.text}), ("delta", {"text": SAYS}), ("done", DONE)]


def booked(events: Events, numbers: list[int] | None = None) -> Ledger:
    ledger = Ledger()
    ledger.accepted(AskedTurn(RETURNS, 0.0), TURN, 0.1)
    for seq, (name, data) in zip(numbers or range(1, len(events) + 1), events, strict=True):
        ledger.take(Told(name, {"turn_id": TURN, **data}, seq), float(seq))
    ledger.close()
    return ledger


def test_a_whole_answer_is_no_problem() -> None:
    ledger = booked(TOLD)
    assert ledger.problems == []
    assert (ledger.turns[0].first_s, ledger.turns[0].done_s) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("events", "numbers", "problem"),
    [
        (TOLD, [1, 3, 4], "events between 1 and 3 were lost"),
        (TOLD, [1, 1, 2], "event 1 was repeated after 1"),
        ([("question", {"text": "Another question"}), *TOLD[1:]], None, "was told with another question"),
        ([TOLD[0], ("delta", {"text": "Half"}), TOLD[2]], None, "pieces of turn turn-1 are not its answer"),
        ([TOLD[0], ("citation", {"number": 1}), *TOLD[1:]], None, "sources of turn turn-1"),
        ([*TOLD, ("delta", {"text": "more"})], None, "delta came after the end"),
        ([*TOLD[:2], ("done", {**DONE, "stopped": True})], None, "was stopped"),
        ([TOLD[0], ("failed", {"message": "It broke."})], None, "failed: It broke."),
        (TOLD[:2], None, "has no end"),
    ],
)
def test_what_is_wrong_is_noticed(events: Events, numbers: list[int] | None, problem: str) -> None:
    assert any(problem in found for found in booked(events, numbers).problems)


def test_an_event_of_somebody_elses_turn_is_noticed() -> None:
    ledger = Ledger()
    ledger.take(Told("delta", {"turn_id": "foreign", "text": "Hello"}, 1), 1.0)
    ledger.close()
    assert ledger.problems == ["events of the unknown turn foreign"]


def test_events_that_come_before_the_answer_to_the_question_belong_to_it() -> None:
    ledger = Ledger()
    for seq, (name, data) in enumerate(TOLD, 1):
        ledger.take(Told(name, {"turn_id": TURN, **data}, seq), float(seq))
    turn = ledger.accepted(AskedTurn(RETURNS, 0.5), TURN, 9.0)
    ledger.close()
    assert ledger.problems == []
    assert (turn.asked_s, turn.text) == (0.5, SAYS)


def test_after_a_restart_the_pieces_come_anew() -> None:
    again: Events = [TOLD[0], ("delta", {"text": "You can"}), ("restarted", {}), *TOLD[1:]]
    ledger = booked(again)
    assert ledger.problems == []
    assert ledger.turns[0].restarts == 1


def test_after_a_restart_an_answer_that_was_kept_already_comes_at_once() -> None:
    cited = ("done", {**DONE, "citations": [{"number": 1}]})
    assert booked([TOLD[0], TOLD[1], ("restarted", {}), cited]).problems == []
    assert booked([TOLD[0], cited]).problems != []


def test_a_conversation_that_is_kept_otherwise_is_noticed() -> None:
    ledger = booked(TOLD)
    kept = [
        {"id": TURN, "role": "user", "text": RETURNS.text},
        {"id": "m-1", "role": "assistant", "text": SAYS},
    ]
    ledger.compare(kept)
    assert ledger.problems == []
    ledger.compare(kept[:1])
    assert ledger.problems == ["1 messages are kept, and they are not the 2 that were told"]


def test_a_place_that_rises_is_counted() -> None:
    ledger = Ledger()
    ledger.accepted(AskedTurn(RETURNS, 0.0), TURN, 0.1)
    for place in (3, 2, 4, 0):
        ledger.take(Told("queue", {"turn_id": TURN, "position": place}), 1.0)
    assert ledger.places_rose == 1
    assert ledger.turns[0].places == [3, 2, 4, 0]


def test_events_are_cut_from_bytes_wherever_they_are_broken() -> None:
    text = "It\u2028is “so”.\n\nReally: yes"
    frame = f"id: 7\nevent: delta\ndata: {json.dumps({'text': text}, ensure_ascii=False)}\n\n".encode()
    stream = b"retry: 1000\n\n: still here\n\n" + frame
    for cut in range(len(stream)):
        frames = Frames()
        events = [*frames.feed(stream[:cut]), *frames.feed(stream[cut:])]
        assert events == [Told("delta", {"text": text}, 7)]


def test_figures_of_known_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95), percentile([7.0], 95)) == (50.0, 95.0, 7.0)
    assert evenness([2.0, 2.0, 2.0]) == pytest.approx(1.0)
    assert evenness([1.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)
    flat = [(float(n), 100.0 if n > 20 else 50.0) for n in range(60)]
    assert growth(flat) == pytest.approx(0.0)
    assert growth([(float(n), 100.0 + n) for n in range(90)]) > 0.3
