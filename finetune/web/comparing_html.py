"""Evaluations and blind tests as HTML."""

from collections.abc import Sequence

from chatbot.templates import Language
from finetune.compare import BlindQuestion, BlindResult, ComparedQuestion
from finetune.evaluate import EvaluationRun
from finetune.web.comparing import Place
from finetune.web.render import escaped, heading, paragraph, table_html
from finetune.web.texts import TEXTS

_SHOWN = 40
_CLEAR_BELOW = 0.05


def figures_html(runs: Sequence[EvaluationRun], language: Language) -> str:
    """The figures of evaluations beside each other, with 95 % intervals where they were drawn."""
    words = TEXTS[language]
    intervals = [run.intervals() for run in runs]
    names = sorted({name for run in runs for name in run.metrics})
    rows = [
        [name, *(_figure(run, name, bounds.get(name)) for run, bounds in zip(runs, intervals, strict=True))]
        for name in names
    ]
    title = words["measured"]
    return heading(title) + table_html(title, ["", *(run.name for run in runs)], rows)


def _figure(run: EvaluationRun, name: str, interval: object) -> str:
    value = run.metrics.get(name)
    if value is None:
        return "–"
    shown = f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
    low, high = getattr(interval, "low", None), getattr(interval, "high", None)
    return shown if low is None or high is None else f"{shown} ({low:.3f} – {high:.3f})"


def side_by_side_html(questions: Sequence[ComparedQuestion], language: Language) -> str:
    """Questions with the answer of each evaluation."""
    words = TEXTS[language]
    shown = "".join(_compared(question, language) for question in questions[:_SHOWN])
    note = words["first_of"].format(shown=min(_SHOWN, len(questions)), n=len(questions))
    return shown + (paragraph(note, "quiet") if len(questions) > _SHOWN else "")


def _compared(question: ComparedQuestion, language: Language) -> str:
    words = TEXTS[language]
    answers = [_answer(words["reference"], " / ".join(question.references), "")]
    for name, text in question.answers.items():
        f1 = question.scores[name].get("answer_f1")
        answers.append(_answer(name, text, "" if f1 is None else f"F1 {f1:.2f}"))
    return (
        f'<section class="ft-question"><h4>{escaped(question.question)}</h4>'
        f'<div class="ft-cards">{"".join(answers)}</div>{_passages(question.passages, language)}</section>'
    )


def _answer(title: str, text: str, note: str) -> str:
    about = f"{escaped(title)} · {note}" if note else escaped(title)
    return f'<article class="ft-card"><h4>{about}</h4><p class="ft-answer">{escaped(text)}</p></article>'


def _passages(passages: Sequence[str], language: Language) -> str:
    if not passages:
        return ""
    items = "".join(f"<li>{escaped(passage)}</li>" for passage in passages)
    title = escaped(TEXTS[language]["passages"])
    return f'<details class="ft-details"><summary>{title}</summary><ol>{items}</ol></details>'


def blind_html(place: Place | None, language: Language) -> str:
    """The question that a judge is at, without a name of anybody."""
    words = TEXTS[language]
    if place is None:
        return ""
    if place.question is None:
        return paragraph(words["blind_done"].format(total=place.total), "good")
    told = words["blind_place"].format(n=place.judged + 1, total=place.total)
    return paragraph(told, "quiet") + _blind(place.question, language)


def _blind(question: BlindQuestion, language: Language) -> str:
    words = TEXTS[language]
    cards = _answer(words["left"], question.left, "") + _answer(words["right"], question.right, "")
    return (
        f'<section class="ft-question" aria-live="polite"><h4>{escaped(question.question)}</h4>'
        f'<div class="ft-cards ft-pair">{cards}</div>{_passages(question.passages, language)}</section>'
    )


def result_html(result: BlindResult | None, language: Language) -> str:
    """The tally with its sign test; None when it must not be seen yet."""
    words = TEXTS[language]
    if result is None:
        return paragraph(words["blind_hidden"], "quiet")
    told = words["blind_tally"].format(
        candidate=result.candidate,
        current=result.current,
        wins=result.candidate_wins,
        losses=result.current_wins,
        ties=result.ties,
        judged=result.judged,
        questions=result.questions,
    )
    verdict = words["blind_clear" if result.p_value < _CLEAR_BELOW else "blind_unclear"]
    p = "< 0.1 %" if result.p_value < 0.001 else f"{result.p_value:.1%}"
    return (
        heading(words["blind_result"])
        + paragraph(told)
        + paragraph(words["blind_sure"].format(p=p, verdict=verdict))
    )
