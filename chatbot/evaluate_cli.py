"""`frontdesk evaluate …`: quality measured on annotated data, one JSON object or a small table."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chatbot.cli_errors import err, readable_errors
from chatbot.evaluation.rows import Questions
from chatbot.settings import Settings, load_settings

if TYPE_CHECKING:
    from chatbot.evaluation.report import Evaluation, Miss
    from knowledge_base.embed import Embedder

evaluate_app = typer.Typer(help="Measure quality on annotated data.", no_args_is_help=True)
out = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_SHOWN_CHARS = 160


@evaluate_app.command("privacy")
def evaluate_privacy(
    data: Annotated[Path, typer.Option(help="Folder with sentences.jsonl or turns.jsonl.")],
    first: Annotated[int, typer.Option(min=0, help="Row to begin with.")] = 0,
    last: Annotated[int | None, typer.Option(min=0, help="Row to stop before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recall and precision of masking personal data."""
    from chatbot.privacy import redactor_from_settings
    from chatbot.privacy.evaluate import evaluate_privacy as measure

    with readable_errors():
        result = measure(data, redactor_from_settings(load_settings()), first=first, last=last)
    _print(result, as_json)


@evaluate_app.command("retrieval")
def evaluate_retrieval(
    data: Annotated[Path, typer.Option(help="Folder with articles.jsonl and queries.jsonl.")],
    compare: Annotated[
        bool, typer.Option("--compare", help="Also BM25 alone, the embedder alone, and both fused plainly.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recall, MRR and nDCG of the search for passages."""
    from chatbot.evaluation.retrieval import evaluate_retrieval as measure

    with readable_errors(), err.status("Searching…"):
        settings = load_settings()
        result = measure(data, settings, _embedder(settings), compare=compare)
    _show(result, as_json)


@evaluate_app.command("refusal")
def evaluate_refusal(
    data: Annotated[Path, typer.Option(help="Folder with train.csv and test.csv (sentence,label).")],
    refusal_cost: Annotated[
        float, typer.Option(min=0, help="How many wrong answers a wrong refusal is as bad as.")
    ] = 1.0,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Fit a copy of the embedder to train.csv first: minutes for thousands."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Intent and refusal of questions that no FAQ entry answers, fitted on train.csv alone."""
    from chatbot.evaluation.fitted_embedder import fitted_embedder
    from chatbot.evaluation.refusal import evaluate_refusal as measure
    from chatbot.evaluation.refusal import phrasings_inside
    from chatbot.models import ModelStore, Purpose

    asking = "Embedding, fitting, asking…"
    with readable_errors(), err.status(asking) as status:

        def told(done: int, total: int, what: str) -> None:
            status.update(f"Fitting the embedder: {done:,} of {total:,} {what}")

        settings = load_settings()
        chosen: AbstractContextManager[Embedder]
        if tune:
            models = ModelStore(settings.models_path, offline=settings.offline)
            base = models.resolve(settings.embedder, Purpose.EMBEDDER)
            chosen = fitted_embedder(base, phrasings_inside(data), settings.threads, told)
        else:
            chosen = nullcontext(_embedder(settings))
        with chosen as embedder:
            status.update(asking)
            result = measure(data, embedder, refusal_cost)
    _show(result, as_json)


@evaluate_app.command("sentiment")
def evaluate_sentiment(
    data: Annotated[Path, typer.Option(help="Folder with messages.jsonl.")], as_json: AsJson = False
) -> None:
    """Negative, neutral or positive, message by message."""
    from chatbot.evaluation.sentiment import evaluate_sentiment as measure

    with readable_errors(), err.status("Judging…"):
        embedder = _embedder(load_settings())
        result = measure(data, lambda texts: embedder.encode(texts, "query"))
    _show(result, as_json)


@evaluate_app.command("speech")
def evaluate_speech(
    data: Annotated[Path, typer.Option(help="Folder with clips.jsonl.")], as_json: AsJson = False
) -> None:
    """Error rates of voice to text, its speed, and text invented where nobody speaks."""
    from chatbot.evaluation.speech import evaluate_speech as measure
    from chatbot.models import ModelStore, Purpose
    from chatbot.speech import SpeechRecognizer

    with readable_errors(), err.status("Listening…"):
        settings = load_settings()
        models = ModelStore(settings.models_path, offline=settings.offline)
        recognizer = SpeechRecognizer(models.resolve(settings.whisper, Purpose.SPEECH), settings)
        recognizer.warm_up()
        result = measure(data, lambda path: recognizer.transcribe(path, path.name, ""))
    _show(result, as_json)


@evaluate_app.command("screens")
def evaluate_screens(
    data: Annotated[Path, typer.Option(help="Folder with articles.jsonl, screens.jsonl and images.")],
    compare: Annotated[
        bool, typer.Option("--compare", help="Also simpler searches for what is written on the screens.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Screens at most, evenly spread.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="JSONL file for what was read: a run that is killed or repeated goes on from there."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """From a screenshot to its article: with no picture of the articles indexed, and with all, from changed copies."""
    from chatbot.evaluation.read_once import KeptLines
    from chatbot.evaluation.screens import evaluate_screens as measure
    from chatbot.models import ModelStore
    from chatbot.screenshot import ScreenReader
    from chatbot.services import open_image_reader
    from chatbot.vision.ocr import Ocr

    with readable_errors(), err.status("Reading screens, searching…") as status:

        def told(done: int, total: int, what: str) -> None:
            status.update(f"{what}: {done:,} of {total:,}")

        settings = load_settings()
        plain = Ocr(threads=settings.threads)
        ocr = KeptLines(plain, keep) if keep else plain
        models = ModelStore(settings.models_path, offline=settings.offline)
        result = measure(
            data,
            settings,
            _embedder(settings),
            ScreenReader(ocr),
            open_image_reader(settings, models, ocr),
            compare=compare,
            limit=limit,
            progress=told,
        )
    _show(result, as_json)


@evaluate_app.command("vision")
def evaluate_vision(
    data: Annotated[Path, typer.Option(help="Folder with screens.jsonl and images.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Screens at most, evenly spread.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="JSON of image paths in the folder and their screen types: only these are asked for."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the model makes of screens with no picture, its text, the picture, and both."""
    from rich.progress import Progress

    from chatbot.evaluation.read_once import KeptLines, screen_text
    from chatbot.evaluation.vision import evaluate_vision as measure
    from chatbot.evaluation.vision import read_labelled, read_screens
    from chatbot.generators.factory import make_looking_generator
    from chatbot.models import ModelStore
    from chatbot.vision.ocr import Ocr

    with readable_errors(), Progress(console=err) as shown:
        settings = load_settings()
        screens = read_labelled(data, labels, limit) if labels else read_screens(data, limit)
        kept = settings.data_dir / "evaluation" / "screen_lines.jsonl"
        read = partial(screen_text, KeptLines(Ocr(threads=settings.threads), kept), settings.max_image_pixels)
        generator = make_looking_generator(
            settings, ModelStore(settings.models_path, offline=settings.offline)
        )
        bar = shown.add_task("Asking", total=len(screens))
        try:
            result = measure(
                screens,
                data,
                generator,
                read,
                at_once=settings.parallel_turns,
                tell=lambda done, _: shown.update(bar, completed=done),
            )
        finally:
            generator.close()
    _show(result, as_json)


@evaluate_app.command("grounding")
def evaluate_grounding(
    data: Annotated[Path, typer.Option(help="Folder with questions.jsonl.")],
    sample: Annotated[int, typer.Option(min=0, help="Questions asked, evenly spread; 0: all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Answers from evidence, and none without it: whole turns over the passages of the questions."""
    from chatbot.evaluation.grounding import evaluate_grounding as measure

    with readable_errors(), err.status("Asking, with and without the evidence…"):
        result = measure(data, load_settings(), sample)
    _show(result, as_json)


@evaluate_app.command("company")
def evaluate_company(
    data: Annotated[Path, typer.Option(help="Folder with articles, FAQ tables and questions.jsonl.")],
    questions: Annotated[
        Questions,
        typer.Option(help="Those of questions.jsonl, or headings and FAQ phrasings with the articles alone."),
    ] = Questions.WRITTEN,
    first: Annotated[int, typer.Option(min=0, help="Question to begin with.")] = 0,
    last: Annotated[int | None, typer.Option(min=0, help="Question to stop before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Whole turns of a help centre: answered, from the right article, and nothing that no passage holds."""
    from chatbot.evaluation.company import evaluate_company as measure

    with readable_errors(), err.status("Asking…"):
        result = measure(data, load_settings(), questions, first=first, last=last)
    _show(result, as_json)


@evaluate_app.command("injection")
def evaluate_injection(
    data: Annotated[Path, typer.Option(help="Folder with prompts.jsonl.")],
    sample: Annotated[int, typer.Option(min=0, help="Prompts of each kind, evenly spread; 0: all.")] = 0,
    decisions: Annotated[
        bool,
        typer.Option("--decisions", help="Stop each turn once it is decided: quick, no answer is looked at."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Instructions in messages, articles, screenshots and voice notes; harmless ones that must pass."""
    from chatbot.bench import EXAMPLES
    from chatbot.evaluation.injection import evaluate_injection as measure

    with readable_errors(), err.status("Attacking…"):
        result = measure(data, load_settings(), EXAMPLES, sample, decisions_only=decisions)
    _show(result, as_json)


def _embedder(settings: Settings) -> "Embedder":
    from chatbot.models import ModelStore
    from chatbot.services import open_embedder

    return open_embedder(settings, ModelStore(settings.models_path, offline=settings.offline))


def _show(evaluation: "Evaluation", as_json: bool) -> None:
    _print(evaluation.as_object(), as_json)
    if evaluation.misses and not as_json:
        _print_misses(evaluation.misses)


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    title = f"{result['task']} on {result['data']}, {result['n']} rows"
    ranges: Mapping[str, Sequence[float]] = result.get("intervals", {})
    table = Table("measure", "value", *(["95% interval"] if ranges else []), title=title, box=None)
    for name, value in result["metrics"].items():
        ends = [f"{ranges[name][0]:.4g} to {ranges[name][1]:.4g}"] if name in ranges else []
        table.add_row(name, f"{value:.4g}", *ends)
    out.print(table)


def _print_misses(misses: "Sequence[Miss]") -> None:
    table = Table("given", "expected", "got", title="worst misses", show_lines=True)
    for miss in misses:
        table.add_row(*(Text(part[:_SHOWN_CHARS]) for part in (miss.given, miss.expected, miss.got)))
    out.print(table)
