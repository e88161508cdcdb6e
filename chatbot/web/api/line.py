"""The line of accepted turns. It knows nothing of how they are answered, and its callers hold one lock.

A turn is looked at first: one with a reviewed answer ends there, at once. One whose answer the language model composes
is parked and waits until one of the few places there is free, in the order in which the turns were accepted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from chatbot.messages import StreamEvent
from chatbot.turn_log import Turn


class Phase(Enum):
    """How far a turn is."""

    NEW = auto()
    LOOKED_AT = auto()
    PARKED = auto()
    COMPOSED = auto()


@dataclass(slots=True)
class Place:
    """A turn in the line; `events` is the rest of an answer that has been begun."""

    turn: Turn
    phase: Phase = Phase.NEW
    events: Iterator[StreamEvent] | None = None


class Line:
    """All turns of this process that are not answered yet, by acceptance.

    Args:
        slots: Answers that the language model composes at the same time.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._places: dict[str, Place] = {}

    def add(self, turn: Turn) -> None:
        """Puts an accepted turn at the end."""
        self._places[turn.id] = Place(turn)

    def turns(self) -> list[Turn]:
        """All of them, in order."""
        return [place.turn for place in self._places.values()]

    def of(self, conversation_id: str) -> list[Turn]:
        """The turns of one conversation."""
        return [turn for turn in self.turns() if turn.conversation_id == conversation_id]

    def behind(self, turn: Turn) -> set[str]:
        """Conversations whose places change when this turn moves on: those of the turns accepted later, and its own."""
        ids = list(self._places)
        later = ids[ids.index(turn.id) :] if turn.id in self._places else ids
        return {self._places[turn_id].turn.conversation_id for turn_id in later} | {turn.conversation_id}

    def count(self, *phases: Phase) -> int:
        """How many turns are that far."""
        return sum(place.phase in phases for place in self._places.values())

    def next_new(self, is_held: Callable[[Turn], bool]) -> Place | None:
        """The next turn to look at: one of each conversation at a time."""
        busy = {p.turn.conversation_id for p in self._places.values() if p.phase is not Phase.NEW}
        for place in self._places.values():
            if (
                place.phase is Phase.NEW
                and place.turn.conversation_id not in busy
                and not is_held(place.turn)
            ):
                place.phase = Phase.LOOKED_AT
                return place
        return None

    def next_parked(self, is_wanted: Callable[[Turn], bool] = lambda _: True) -> Place | None:
        """The next turn whose answer is composed."""
        parked = (p for p in self._places.values() if p.phase is Phase.PARKED and is_wanted(p.turn))
        if place := next(parked, None):
            place.phase = Phase.COMPOSED
        return place

    def park(self, turn: Turn, events: Iterator[StreamEvent]) -> None:
        """Lets a turn wait with the rest of its answer."""
        place = self._places[turn.id]
        place.phase, place.events = Phase.PARKED, events

    def put_back(self, turn: Turn) -> None:
        """Lets a turn wait as before, where it was."""
        self._places[turn.id].phase = Phase.NEW

    def remove(self, turn: Turn) -> None:
        """A turn is over."""
        self._places.pop(turn.id, None)

    def parked(self) -> list[Iterator[StreamEvent]]:
        """The answers that wait."""
        return [p.events for p in self._places.values() if p.phase is Phase.PARKED and p.events is not None]

    def positions(self, conversation_id: str) -> dict[str, int]:
        """The conversation's turns with their places, from 1; 0 for one that is answered, or would be at once."""
        ahead = -(self._slots - self.count(Phase.COMPOSED))
        found: dict[str, int] = {}
        for place in self._places.values():
            is_waiting = place.phase is not Phase.COMPOSED
            ahead += is_waiting
            if place.turn.conversation_id == conversation_id:
                first = 1 if found else 0  # the second of a conversation waits for the first
                found[place.turn.id] = max(first, ahead) if is_waiting else 0
        return found
