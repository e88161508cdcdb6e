"""The line: reviewed answers end at once, composed ones wait in order, one of each conversation at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from chatbot.messages import Message
from chatbot.turn_leases import Turn
from chatbot.web.api.hub import Hub
from chatbot.web.api.line import Line, Phase


def turn(name: str, conversation: str = "") -> Turn:
    return Turn(name, conversation or f"of-{name}", "visitor", Message("Hello"))


def free(_turn: Turn) -> bool:
    return False


def line_of(slots: int, *turns: Turn) -> Line:
    line = Line(slots)
    for added in turns:
        line.add(added)
    return line


def looked_at(line: Line) -> list[str]:
    names = []
    while place := line.next_new(free):
        names.append(place.turn.id)
    return names


def test_turns_are_looked_at_in_order_and_one_of_each_conversation() -> None:
    first, second = turn("a", "one"), turn("b", "one")
    line = line_of(1, first, second, turn("c"))
    assert looked_at(line) == ["a", "c"]
    line.remove(first)
    assert looked_at(line) == ["b"]


def test_a_held_turn_is_passed_by() -> None:
    line = line_of(1, turn("a"), turn("b"))
    place = line.next_new(lambda it: it.id == "a")
    assert place is not None
    assert place.turn.id == "b"


def test_parked_turns_are_composed_in_the_order_of_acceptance_not_of_parking() -> None:
    turns = [turn(name) for name in "abc"]
    line = line_of(1, *turns)
    looked_at(line)
    for parked in reversed(turns):
        line.park(parked, iter(()))
    composed = [place.turn.id for _ in turns if (place := line.next_parked())]
    assert composed == ["a", "b", "c"]
    assert line.next_parked() is None


def test_places_count_who_comes_before_and_are_0_where_a_place_is_free() -> None:
    turns = [turn(name) for name in "abcd"]
    line = line_of(2, *turns)
    places = lambda: [line.positions(f"of-{name}")[name] for name in "abcd"]  # noqa: E731
    assert places() == [0, 0, 1, 2]
    looked_at(line)
    for parked in turns:
        line.park(parked, iter(()))
    line.next_parked()
    line.next_parked()
    assert places() == [0, 0, 1, 2]
    line.remove(turns[0])
    line.next_parked()
    assert [line.positions(f"of-{name}").get(name) for name in "abcd"] == [None, 0, 0, 1]
    assert line.count(Phase.PARKED) == 1


def test_the_second_of_a_conversation_waits_for_the_first() -> None:
    line = line_of(4, turn("a", "one"), turn("b", "one"))
    assert line.positions("one") == {"a": 0, "b": 1}
    assert line.positions("other") == {}


def test_who_stands_behind_moves_up() -> None:
    turns = [turn(name) for name in "abc"]
    line = line_of(1, *turns)
    assert line.behind(turns[1]) == {"of-b", "of-c"}
    line.remove(turns[1])
    assert line.behind(turns[1]) == {"of-a", "of-b", "of-c"}


def test_a_turn_that_is_put_back_keeps_its_place() -> None:
    turns = [turn(name) for name in "ab"]
    line = line_of(1, *turns)
    looked_at(line)
    line.put_back(turns[0])
    assert looked_at(line) == ["a"]
    assert line.turns() == turns


def test_a_stream_that_only_moves_up_is_woken_without_news() -> None:
    async def woken() -> list[bool]:
        hub = Hub(8)
        with hub.subscribe("one") as stream:
            hub.notify_moved(["one", "other"])
            told = [await stream.wait(5.0)]
            hub.notify("one")
            hub.notify_moved(["one"])
            told.append(await stream.wait(5.0))
            told.append(await stream.wait(0.01))  # over: something may have been missed
            return told

    with ThreadPoolExecutor(1) as thread:  # this one has Playwright's event loop, once a browser was started
        told = thread.submit(lambda: asyncio.run(woken())).result()
    assert told == [False, True, True]
