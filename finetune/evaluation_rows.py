"""What an adapter is asked when it is judged: a prompt as it is when answering, and what is right.

Knows no model. `protocols.py` makes such rows from articles and questions, `load_rows` reads those of a dataset.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.errors import FrontdeskError
from chatbot.generators.base import ChatTurn
from chatbot.prompt import REFUSAL
from finetune.journal import write_atomically

FREE = -1
"""`gold` of a row that is neither answered from a passage nor refused."""
_ROLES = frozenset({"system", "user", "assistant"})
_QUESTION = "Question: "
_SCREEN = "The customer's screenshot says:\n"


class EvaluationError(FrontdeskError):
    """Data to evaluate on is missing or malformed, or there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One question with its passages.

    Attributes:
        references: Right answers; the nearest counts. One is `REFUSAL` when nothing may be answered.
        gold: Numbers of the passages that hold the answer.
    """

    prompt: tuple[ChatTurn, ...]
    references: tuple[str, ...]
    gold: frozenset[int]
    kind: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        """A hash of what is asked and what is right; equal rows have equal keys."""
        asked = [[[t.role, t.content] for t in self.prompt], list(self.references), sorted(self.gold)]
        return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()[:20]

    @property
    def must_refuse(self) -> bool:
        """Whether the right answer is a refusal."""
        return not self.gold and REFUSAL in self.references

    @property
    def is_grounded(self) -> bool:
        """Whether it is answered or refused from passages; else it is free, as a clarifying question is."""
        return bool(self.gold) or self.must_refuse

    @property
    def passages(self) -> tuple[str, ...]:
        """The numbered passages of the last user turn, title and text."""
        return passages_in(self.prompt[-1].content)

    def with_one_passage(self, number: int) -> tuple[ChatTurn, ...]:
        """The prompt with this passage alone and its number, as in serving when it is chosen against the model."""
        *before, asked = self.prompt
        passages = self.passages
        shown = "\n\n".join(f"[{n}] {text}" for n, text in enumerate(passages, 1))
        rest = asked.content.removeprefix(shown)
        return (*before, ChatTurn(asked.role, f"[{number}] {passages[number - 1]}{rest}"))

    @property
    def question(self) -> str:
        """The customer's words of the last user turn."""
        return self.prompt[-1].content.rpartition(_QUESTION)[2].strip()


def passages_in(content: str) -> tuple[str, ...]:
    """Title and text of each passage of a rendered user turn, in order.

    Passages are numbered from 1, so a line that begins with another number in brackets is text of a passage.
    """
    before = content.rpartition(f"\n\n{_QUESTION}")[0].partition(f"\n\n{_SCREEN}")[0]
    found: list[str] = []
    rest = f"\n\n{before}"
    while (begin := re.search(rf"\n\n\[{len(found) + 1}\] ", rest)) is not None:
        if found:
            found[-1] = rest[: begin.start()]
        rest = rest[begin.end() :]
        found.append(rest)
    return tuple(found)


def load_rows(path: Path) -> list[EvaluationRow]:
    """The rows of one part of a dataset (`train.jsonl`, `validation.jsonl`, `test.jsonl`).

    Raises:
        EvaluationError: The file is missing, empty, or a row is not as it should be; the text names the line.
    """
    rows = [row_of(record, f"{path.name}, line {number}") for number, record in read_jsonl(path)]
    if not rows:
        raise EvaluationError(f"{path.name} has no rows.", "Build a dataset with more conversations.")
    return rows


def save_rows(path: Path, rows: Iterable[EvaluationRow]) -> None:
    """Writes rows so that `load_rows` reads the same again, as far as they have one reference and one passage."""
    lines = (
        {
            "prompt": [{"role": t.role, "content": t.content} for t in row.prompt],
            "answer": row.references[0],
            "kind": row.kind,
            "source": row.source,
            "gold": min(row.gold, default=0 if row.must_refuse else FREE),
        }
        for row in rows
    )
    write_atomically(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def row_of(record: Mapping[str, Any], where: str) -> EvaluationRow:
    """A row from its JSON form; `where` begins the message when it is not right.

    Raises:
        EvaluationError: A part is missing or of the wrong kind.
    """
    prompt, answer, gold = record.get("prompt"), record.get("answer"), record.get("gold", 0)
    if not isinstance(prompt, list) or not prompt or not all(map(_is_turn, prompt)):
        raise EvaluationError(f"{where}: `prompt` must be a list of turns with `role` and `content`.")
    if not isinstance(answer, str) or not answer.strip():
        raise EvaluationError(f"{where}: `answer` must be a text.")
    if not isinstance(gold, int) or isinstance(gold, bool) or gold < FREE:
        raise EvaluationError(f"{where}: `gold` must be a passage's number, 0 to refuse, or -1 for neither.")
    return EvaluationRow(
        prompt=tuple(ChatTurn(turn["role"], turn["content"]) for turn in prompt),
        references=(answer.strip(),),
        gold=frozenset({gold} if gold > 0 else ()),
        kind=str(record.get("kind", "")),
        source=str(record.get("source", "")),
    )


def _is_turn(turn: object) -> bool:
    return isinstance(turn, dict) and turn.get("role") in _ROLES and isinstance(turn.get("content"), str)


def read_jsonl(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a JSONL file, without its empty lines.

    Raises:
        EvaluationError: It cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path.name} cannot be read: {error}.") from error
    return [(number, _object(line, path, number)) for number, line in enumerate(lines, 1) if line.strip()]


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise EvaluationError(f"{path.name}, line {number} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise EvaluationError(f"{path.name}, line {number} is not a JSON object.")
    return found
