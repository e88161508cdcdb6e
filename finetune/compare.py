"""Answers of several models side by side, and blind A/B sessions in which people pick the better one.

A session knows which side is whose; what it shows does not say. Knows no model and no page.
"""

import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import filelock

from chatbot.errors import InputError
from finetune.evaluate import EvaluationRun, ReadableAnswer
from finetune.evaluation_rows import EvaluationError
from finetune.journal import write_atomically

Choice = Literal["left", "right", "tie"]
_LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class ComparedQuestion:
    """One question with the answer of each run by its name."""

    key: str
    question: str
    passages: tuple[str, ...]
    references: tuple[str, ...]
    answers: Mapping[str, str]
    scores: Mapping[str, Mapping[str, float | None]]


def side_by_side(runs: Sequence[EvaluationRun]) -> list[ComparedQuestion]:
    """Questions that all runs answered, those on which the answers' F1 differ most first.

    Raises:
        EvaluationError: The runs have no question in common or share a name.
    """
    names = [run.name for run in runs]
    if len(set(names)) != len(names) or not names:
        raise EvaluationError(
            f"Runs to compare need names of their own; these are {', '.join(names) or 'none'}."
        )
    answers = [{a.key: a for a in run.answers} for run in runs]
    common = [key for key in answers[0] if all(key in other for other in answers)]
    if not common:
        raise EvaluationError("The runs have no question in common.", "Evaluate them on the same data.")
    questions = [_compared(runs, [found[key] for found in answers]) for key in common]
    return sorted(questions, key=lambda question: (-_spread(question), question.key))


def _compared(runs: Sequence[EvaluationRun], answers: Sequence[ReadableAnswer]) -> ComparedQuestion:
    first = answers[0]
    return ComparedQuestion(
        first.key,
        first.question,
        first.passages,
        first.references,
        {run.name: answer.answer.text for run, answer in zip(runs, answers, strict=True)},
        {run.name: run.scores[first.key] for run in runs},
    )


def _spread(question: ComparedQuestion) -> float:
    """How far apart the runs are: in F1, else in refusing."""
    metrics = ("answer_f1", "refusal_recall", "free_f1")
    spreads = [[row.get(metric) or 0.0 for row in question.scores.values()] for metric in metrics]
    return max(max(values) - min(values) for values in spreads)


def write_side_by_side(folder: Path, runs: Sequence[EvaluationRun]) -> tuple[Path, Path]:
    """Writes `side-by-side.md` to read and `side-by-side.json` for programs; errors as for `side_by_side`.

    Raises:
        StorageError: The folder cannot be written.
    """
    questions = side_by_side(runs)
    markdown, data = folder / "side-by-side.md", folder / "side-by-side.json"
    write_atomically(markdown, _markdown(questions))
    write_atomically(data, json.dumps([asdict(q) for q in questions], ensure_ascii=False, indent=1))
    return markdown, data


def _markdown(questions: Sequence[ComparedQuestion]) -> str:
    return "# Answers side by side\n\n" + "\n".join(
        _section(number, question) for number, question in enumerate(questions, 1)
    )


def _section(number: int, question: ComparedQuestion) -> str:
    lines = [f"## {number}. {_one_line(question.question)}", ""]
    lines += [f"- **reference**: {_one_line(' / '.join(question.references))}"]
    for name, text in question.answers.items():
        f1 = question.scores[name].get("answer_f1")
        shown = f" (F1 {f1:.2f})" if f1 is not None else ""
        lines.append(f"- **{_one_line(name)}**{shown}: {_one_line(text)}")
    lines += ["", "<details><summary>Passages</summary>", ""]
    lines += [f"{n}. {_one_line(passage)}" for n, passage in enumerate(question.passages, 1)]
    return "\n".join([*lines, "", "</details>", ""])


def _one_line(text: str) -> str:
    """Text of a stranger as one harmless line of Markdown."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("`", "\\`")


@dataclass(frozen=True, slots=True)
class BlindQuestion:
    """What a judge sees: no names, and sides that mean something else for every question."""

    id: str
    question: str
    passages: tuple[str, ...]
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class BlindResult:
    """How the judges decided, each question once by the majority of its judges.

    Attributes:
        p_value: How likely so uneven a result is if both are equally good (two-sided sign test, ties left out).
    """

    candidate: str
    current: str
    candidate_wins: int
    current_wins: int
    ties: int
    judged: int
    questions: int
    p_value: float

    @property
    def candidate_share(self) -> float:
        """The candidate's share of the decided questions; NaN when there are none."""
        decided = self.candidate_wins + self.current_wins
        return self.candidate_wins / decided if decided else float("nan")


class BlindSession:
    """A blind comparison in one JSON file. Safe to use from several processes at once.

    Args:
        path: A file made by `create`.

    Raises:
        EvaluationError: It is missing or something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read()

    @classmethod
    def create(
        cls, path: Path, candidate: EvaluationRun, current: EvaluationRun, *, n: int = 50, seed: int = 0
    ) -> "BlindSession":
        """Begins a session on questions that the two answered differently; which side is whose is drawn by the seed.

        Raises:
            EvaluationError: They answered no common question differently, or share a name.
            InputError: The file is there already; votes are never overwritten.
        """
        if path.exists():
            raise InputError(f"The session {path.name} exists already.", "Choose another name.")
        questions = [q for q in side_by_side([candidate, current]) if len(set(q.answers.values())) > 1]
        if not questions:
            raise EvaluationError("The two answered every question alike; there is nothing to judge.")
        randomness = random.Random(seed)  # noqa: S311 (a draw that must be repeatable, not a secret)
        drawn = randomness.sample(questions, min(n, len(questions)))
        names = (candidate.name, current.name)
        items = [_item(question, names, randomness.random() < 0.5) for question in drawn]
        state = {"candidate": names[0], "current": names[1], "seed": seed, "items": items, "votes": {}}
        write_atomically(path, json.dumps(state, ensure_ascii=False, indent=1))
        return cls(path)

    def questions(self, judge: str = "") -> list[BlindQuestion]:
        """What is to be judged; with a judge's name, only what this judge has not judged yet."""
        state = self._read()
        done = {question for question, votes in state["votes"].items() if judge and judge in votes}
        return [_shown(item) for item in state["items"] if item["id"] not in done]

    def vote(self, question_id: str, choice: Choice, judge: str = "judge") -> None:
        """Keeps a judge's choice; it is on the disk when this returns. A later choice replaces an earlier one.

        Raises:
            InputError: There is no such question or choice.
            StorageError: It cannot be written.
        """
        if choice not in get_args(Choice):
            raise InputError(f"{choice!r} is no choice.", f"Choose one of {', '.join(get_args(Choice))}.")
        with self._locked():
            state = self._read()
            if question_id not in {item["id"] for item in state["items"]}:
                raise InputError(f"The session has no question {question_id!r}.")
            state["votes"].setdefault(question_id, {})[judge] = choice
            write_atomically(self._path, json.dumps(state, ensure_ascii=False, indent=1))

    def result(self) -> BlindResult:
        """The result so far."""
        state = self._read()
        won: Counter[str] = Counter(
            _winner(item, list(state["votes"][item["id"]].values()))
            for item in state["items"]
            if state["votes"].get(item["id"])
        )
        wins, losses = won["candidate"], won["current"]
        return BlindResult(
            state["candidate"],
            state["current"],
            wins,
            losses,
            won["tie"],
            won.total(),
            len(state["items"]),
            sign_test(wins, losses),
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._path.with_name(f".{self._path.name}.lock")
        try:
            with filelock.FileLock(lock, timeout=_LOCK_TIMEOUT_S):
                yield
        except filelock.Timeout as error:
            raise EvaluationError(f"The session {self._path.name} is in use.", "Please try again.") from error

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{self._path.name} is no session that can be read: {error}.") from error
        if not isinstance(state, dict) or not {"candidate", "current", "items", "votes"} <= state.keys():
            raise EvaluationError(f"{self._path.name} is no blind session.")
        return state


def _item(question: ComparedQuestion, names: tuple[str, str], is_swapped: bool) -> dict[str, Any]:
    left, right = ("current", "candidate") if is_swapped else ("candidate", "current")
    texts = dict(zip(("candidate", "current"), (question.answers[name] for name in names), strict=True))
    return {
        "id": hashlib.sha256(question.key.encode()).hexdigest()[:12],
        "question": question.question,
        "passages": question.passages,
        "left": texts[left],
        "right": texts[right],
        "sides": {"left": left, "right": right},
    }


def _shown(item: Mapping[str, Any]) -> BlindQuestion:
    return BlindQuestion(item["id"], item["question"], tuple(item["passages"]), item["left"], item["right"])


def _winner(item: Mapping[str, Any], votes: Sequence[str]) -> str:
    """Whose answer most judges preferred; a tie when as many preferred either."""
    count = Counter(votes)
    if count["left"] == count["right"]:
        return "tie"
    return str(item["sides"]["left" if count["left"] > count["right"] else "right"])


def sign_test(wins: int, losses: int) -> float:
    """The two-sided exact binomial probability of a split at least as uneven as this one; 1 when there is none."""
    n, most = wins + losses, max(wins, losses)
    tail = sum(math.comb(n, k) for k in range(most, n + 1))
    return min(1.0, float(2 * tail / 2**n))
