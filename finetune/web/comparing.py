"""What the steps "Evaluation" and "Blind test" do: evaluations side by side, votes that are kept. Knows no page."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from chatbot.errors import InputError
from finetune.compare import BlindQuestion, BlindResult, BlindSession, Choice, ComparedQuestion, side_by_side
from finetune.evaluate import EvaluationRun

_NAME_CHARS = 24
_LONGEST_JUDGE = 80


@dataclass(frozen=True, slots=True)
class KeptRun:
    """An evaluation on the disk: `key` finds it again, `name` is what people call it."""

    key: str
    name: str


class Evaluations:
    """The evaluations below a folder, as `EvaluationRun.save` wrote them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kept(self) -> tuple[KeptRun, ...]:
        """All of them, newest first; files of another kind are left out."""
        paths = sorted(self._folder.glob("**/*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        found = [(path, _name_in(path)) for path in paths]
        keys = [(path.relative_to(self._folder).as_posix(), name) for path, name in found]
        return tuple(KeptRun(key, f"{name} ({key.removesuffix('.json')})") for key, name in keys if name)

    def load(self, key: str) -> EvaluationRun:
        """One of them.

        Raises:
            InputError: There is none of that key.
            EvaluationError: It was damaged.
        """
        if not key or key not in {run.key for run in self.kept()}:
            raise InputError("This evaluation is not there any more.", "Choose another one.")
        return EvaluationRun.load(self._folder / key)

    def pair(self, first: str, second: str) -> tuple[EvaluationRun, EvaluationRun, list[ComparedQuestion]]:
        """Two of them with their questions side by side.

        Raises:
            InputError: One of them is not there, or both are the same.
            EvaluationError: They have no question in common.
        """
        if first == second:
            raise InputError("These are the same evaluation.", "Choose two.")
        runs = self.load(first), self.load(second)
        return (*runs, side_by_side(runs))


def _name_in(path: Path) -> str:
    """The name of the evaluation in a file; empty when it holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return str(found["name"]) if found["answers"] and "scores" in found else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a judge is: the question to judge, which is None at the end, and how many of all are judged."""

    question: BlindQuestion | None
    judged: int
    total: int


class BlindDesk:
    """Blind tests, each in one file of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sessions(self) -> tuple[str, ...]:
        """Names of the tests, newest first."""
        paths = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return tuple(path.stem for path in paths)

    def begin(self, candidate: EvaluationRun, current: EvaluationRun) -> str:
        """Begins a test of two evaluations; returns its name.

        Raises:
            EvaluationError: They answered no common question differently.
        """
        stem = "-against-".join(_plain(run.name) for run in (candidate, current))
        number = 1 + sum(name.rpartition("-")[0] == stem for name in self.sessions())
        self._folder.mkdir(parents=True, exist_ok=True)
        BlindSession.create(self._folder / f"{stem}-{number}.json", candidate, current, seed=number)
        return f"{stem}-{number}"

    def place(self, name: str, judge: str) -> Place:
        """Where a judge is; errors as for `vote`."""
        session = self._session(name)
        total = len(session.questions())
        left = session.questions(_judge(judge))
        return Place(left[0] if left else None, total - len(left), total)

    def vote(self, name: str, judge: str, question_id: str, choice: Choice) -> Place:
        """Keeps a choice, which is on the disk when this returns.

        Raises:
            InputError: There is no such test or question, or the judge has no name.
        """
        self._session(name).vote(question_id, choice, _judge(judge))
        return self.place(name, judge)

    def result(self, name: str) -> BlindResult:
        """How all judges decided so far; errors as for `vote`."""
        return self._session(name).result()

    def _session(self, name: str) -> BlindSession:
        if name not in self.sessions():
            raise InputError("This test is not there any more.", "Choose another one, or begin one.")
        return BlindSession(self._folder / f"{name}.json")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_NAME_CHARS] or "base"


def _judge(name: str) -> str:
    found = " ".join((name or "").split()).casefold()[:_LONGEST_JUDGE]
    if not found:
        raise InputError("A judge needs a name.", "Say who you are, so that nobody votes twice.")
    return found
