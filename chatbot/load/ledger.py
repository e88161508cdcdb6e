"""What one customer was told, checked event by event: nothing lost, repeated, or of somebody else.

It knows nothing of HTTP; the stream's bytes come from whoever reads it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatbot.load.questions import AskedQuestion

_WITHOUT_NUMBER = ("queue", "erased")
_ENDS = ("done", "failed")


@dataclass(frozen=True, slots=True)
class Told:
    """One server-sent event; `seq` is None for one that is not kept."""

    name: str
    data: Mapping[str, Any]
    seq: int | None = None


class Frames:
    """Cuts the bytes of a stream into events; half of one waits for its rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Told]:
        """The events that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        for block in whole:
            lines = [line for line in block.decode("utf-8").split("\n") if not line.startswith(":")]
            fields = dict(line.split(": ", 1) for line in lines if ": " in line)
            if "event" in fields:
                seq = int(fields["id"]) if "id" in fields else None
                yield Told(fields["event"], json.loads(fields["data"]), seq)


@dataclass(slots=True)
class AskedTurn:
    """A question and everything that was told of it, with the moments in seconds of one clock."""

    question: AskedQuestion
    asked_s: float
    turn_id: str = ""
    accepted_s: float = 0.0
    begun_s: float | None = None
    """When its place in the line was 0."""
    first_s: float | None = None
    """When the first text of the answer was there."""
    done_s: float | None = None
    places: list[int] = field(default_factory=list)
    question_told: str | None = None
    text: str = ""
    citations: list[Mapping[str, Any]] = field(default_factory=list)
    end: Told | None = None
    restarts: int = 0

    @property
    def decision(self) -> str:
        """How it was answered; empty before its end, and for a turn that failed."""
        return str(self.end.data["decision"]) if self.end and self.end.name == "done" else ""


class Ledger:
    """Everything one conversation's stream has told."""

    def __init__(self) -> None:
        self.last_seq = 0
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.places_rose = 0
        self._turns: dict[str, AskedTurn] = {}
        self._early: dict[str, AskedTurn] = {}

    @property
    def turns(self) -> list[AskedTurn]:
        """The accepted questions, in the order in which they were asked."""
        return list(self._turns.values())

    def accepted(self, turn: AskedTurn, turn_id: str, now_s: float) -> AskedTurn:
        """Notes that the server has taken a question; what the stream told of it before is joined to it."""
        early = self._early.pop(turn_id, None)
        kept = early or turn
        kept.question, kept.asked_s, kept.turn_id, kept.accepted_s = (
            turn.question,
            turn.asked_s,
            turn_id,
            now_s,
        )
        self._turns[turn_id] = kept
        return kept

    def take(self, told: Told, now_s: float) -> None:
        """Notes an event; what is wrong with it goes to `problems`."""
        self._count(told)
        turn_id = str(told.data.get("turn_id", ""))
        if not turn_id:
            return
        turn = self._turns.get(turn_id) or self._early.setdefault(
            turn_id, AskedTurn(AskedQuestion(""), now_s, turn_id)
        )
        if turn.end is not None and told.name != "queue":
            self.problems.append(f"{told.name} came after the end of turn {turn_id}")
        self._note(turn, told, now_s)

    def close(self) -> None:
        """Judges the whole, when everything is over."""
        self.problems += [f"events of the unknown turn {turn_id}" for turn_id in self._early]
        for turn in self._turns.values():
            self.problems += problems_of(turn)

    def compare(self, messages: list[Mapping[str, Any]]) -> None:
        """The conversation as the server keeps it must be what was told."""
        kept = [(m["id"], m["role"], m["text"]) for m in messages]
        told = [
            message
            for turn in self._turns.values()
            if turn.end is not None and turn.end.name == "done"
            for message in (
                (turn.turn_id, "user", turn.question.text),
                (turn.end.data["message_id"], "assistant", turn.end.data["text"]),
            )
        ]
        if kept != told:
            self.problems.append(
                f"{len(kept)} messages are kept, and they are not the {len(told)} that were told"
            )

    def _count(self, told: Told) -> None:
        if told.seq is None:
            if told.name not in _WITHOUT_NUMBER:
                self.problems.append(f"{told.name} has no number")
            return
        if told.seq <= self.last_seq:
            self.problems.append(f"event {told.seq} was repeated after {self.last_seq}")
        elif told.seq != self.last_seq + 1:
            self.problems.append(f"events between {self.last_seq} and {told.seq} were lost")
        self.last_seq = max(self.last_seq, told.seq)

    def _note(self, turn: AskedTurn, told: Told, now_s: float) -> None:
        data = told.data
        match told.name:
            case "question":
                turn.question_told = str(data["text"])
            case "queue":
                self._place(turn, int(data["position"]), now_s)
            case "delta":
                turn.first_s = turn.first_s or now_s
                turn.text += str(data["text"])
            case "citation":
                turn.citations.append({k: v for k, v in data.items() if k != "turn_id"})
            case "restarted":
                turn.text, turn.citations = "", []
                turn.restarts += 1
                turn.places.clear()  # it stands in a new line
            case "warning":
                self.warnings.append(str(data["message"]))
            case name if name in _ENDS:
                turn.end, turn.done_s = told, now_s

    def _place(self, turn: AskedTurn, place: int, now_s: float) -> None:
        if turn.places and place > turn.places[-1]:
            self.places_rose += 1
        turn.places.append(place)
        if place == 0:
            turn.begun_s = turn.begun_s or now_s


def problems_of(turn: AskedTurn) -> list[str]:
    """What is wrong with a turn when everything is over."""
    if turn.end is None:
        return [f"turn {turn.turn_id} has no end"]
    if turn.end.name == "failed":
        return [f"turn {turn.turn_id} failed: {turn.end.data['message']}"]
    problems = []
    done = turn.end.data
    if turn.question_told != turn.question.text:
        problems.append(f"turn {turn.turn_id} was told with another question")
    # An answer that was kept just before its server was killed is told anew all at once, with its end.
    is_told_at_once = turn.restarts and not turn.text
    if turn.text != done["text"] and not is_told_at_once:
        told = f"{len(turn.text)} of {len(done['text'])} characters, {turn.restarts} restarts"
        problems.append(f"the pieces of turn {turn.turn_id} are not its answer ({told})")
    if turn.citations != done["citations"] and not is_told_at_once:
        problems.append(f"the sources of turn {turn.turn_id} are not those of its answer")
    if done["stopped"]:
        problems.append(f"turn {turn.turn_id} was stopped, and nobody asked for that")
    return problems
