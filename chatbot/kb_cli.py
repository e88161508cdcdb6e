"""`frontdesk kb`: documents in, what is there, passages out. Commands translate arguments and reports."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from chatbot.audit_cli import record_command
from chatbot.cli_errors import err, readable_errors
from chatbot.errors import FrontdeskError
from chatbot.logs import start_logging
from chatbot.settings import load_settings
from knowledge_base.documents import FAQ_PREFIX, RetrievalResult
from knowledge_base.errors import DocumentError
from knowledge_base.report import IngestReport, no_progress
from knowledge_base.report import Progress as Told
from knowledge_base.scope import CUSTOMERS, FIELDS, Filters

kb_app = typer.Typer(
    help="Take documents in, keep them in step with a folder, look at them.", no_args_is_help=True
)
out = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Adopt = Annotated[bool, typer.Option(help="Take over documents with the same ids that were added otherwise.")]
_SHOWN_CHARS = 240


@kb_app.command("add")
def add(
    places: Annotated[list[str], typer.Argument(metavar="PATH|URL…", help="Files, folders, single pages.")],
    as_json: AsJson = False,
) -> None:
    """Take documents and FAQ tables in; exit code 1 if any failed."""
    with _opened() as knowledge_base, progress(as_json) as told:
        reports = [
            knowledge_base.add_page(place) if _is_url(place) else knowledge_base.add_path(Path(place), told)
            for place in places
        ]
    _finish(sum(reports, IngestReport()), as_json, "knowledge-documents-added", ", ".join(places))


@kb_app.command("sync")
def sync(
    place: Annotated[str, typer.Argument(metavar="FOLDER|URL", help="A folder, a website or its sitemap.")],
    adopt: Adopt = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Remove everything if there is no document any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring what came from a folder or website in step with it: add, update, remove. What was added by hand stays."""
    with _opened() as knowledge_base, progress(as_json) as told:
        if _is_url(place):
            report = knowledge_base.sync_site(place, told, adopt=adopt, allow_empty=allow_empty)
        else:
            report = knowledge_base.sync_folder(Path(place), told, adopt=adopt, allow_empty=allow_empty)
    _finish(report, as_json, "knowledge-place-synced", place)


def _is_url(place: str) -> bool:
    return place.lower().startswith(("https://", "http://"))


@kb_app.command("watch")
def watch(
    folder: Annotated[Path, typer.Argument(help="A folder.")], adopt: Adopt = False, as_json: AsJson = False
) -> None:
    """Sync a folder now and after every change, until Ctrl-C; with --json one object a line."""
    from knowledge_base.watch import watch_folder

    def told(done: IngestReport | FrontdeskError) -> None:
        if isinstance(done, FrontdeskError):
            done = IngestReport(failed=((str(folder), str(done)),))
        _record(done, "knowledge-place-synced", str(folder))
        _print_report(done, as_json)

    with _opened() as knowledge_base:
        watch_folder(knowledge_base, folder, told, adopt=adopt)


@kb_app.command("list")
def list_entries(
    origin: Annotated[str, typer.Option(help="Only what came from here.")] = "", as_json: AsJson = False
) -> None:
    """List documents and FAQ entries with where they came from."""
    with _opened() as knowledge_base:
        entries = [e for e in knowledge_base.entries() if origin in ("", e.origin)]
    if as_json:
        return print_json({"entries": [dataclasses.asdict(entry) for entry in entries]})
    whole = Column("id", no_wrap=True)  # other commands want it: in a narrow terminal the others are wrapped
    table = Table(whole, "title", "language", "passages", "from", box=None, pad_edge=False)
    for e in entries:
        table.add_row(Text(e.id), Text(e.title), e.language, str(e.chunks), Text(e.origin or "?"))
    return out.print(table)


@kb_app.command("show")
def show(
    document_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Print a document, or question and answer."""
    with _opened() as knowledge_base:
        document = knowledge_base.document(document_id)
        entry = next((e for e in knowledge_base.entries() if e.id == document_id), None)
        faq = (
            knowledge_base.faq(document_id.removeprefix(FAQ_PREFIX))
            if entry and entry.kind == "faq"
            else None
        )
    with readable_errors():
        if document is None or entry is None:
            raise DocumentError(f"There is no {document_id!r}.", "`frontdesk kb list` shows what there is.")
    phrasings = list(faq.all_phrasings) if faq else []
    if as_json:
        values = {**dataclasses.asdict(entry), "text": document.text, "all_phrasings": phrasings}
        return print_json(values)
    facts = {name: getattr(entry, name) for name in ("id", "title", "language", "url")}
    facts |= {name: value for name in FIELDS if (value := getattr(entry, name))}
    for name, value in {**facts, "from": f"{entry.origin} {entry.source}".strip()}.items():
        out.print(f"{name}: {value}", markup=False, highlight=False)
    for phrasing in phrasings[1:]:
        out.print(f"also: {phrasing}", markup=False, highlight=False)
    return out.print(f"\n{document.text}", markup=False, highlight=False)


@kb_app.command("remove")
def remove(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="As `list` shows them.")] = None,
    origin: Annotated[str, typer.Option(help="Everything that came from here.")] = "",
    as_json: AsJson = False,
) -> None:
    """Remove documents and FAQ entries, or all of one origin; exit code 1 if one was not there."""
    if not ids and not origin:
        raise typer.BadParameter("give ids or --origin")
    with _opened() as knowledge_base:
        missing = [i for i in ids or () if not knowledge_base.remove_document(i)]
        removed = len(ids or ()) - len(missing)
        if origin and not (of_origin := knowledge_base.remove_origin(origin)):
            missing.append(origin)
        elif origin:
            removed += of_origin
    report = IngestReport(removed=removed, failed=tuple((i, "There is none.") for i in missing))
    _finish(report, as_json, "document-removed", ", ".join([*(ids or ()), *([origin] if origin else ())]))


@kb_app.command("search")
def search(
    query: Annotated[str, typer.Argument(help="What a customer would ask.")] = "",
    image: Annotated[Path | None, typer.Option(help="A screenshot, alone or beside the question.")] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", "-k", min=1, help="Passages wanted.")] = None,
    language: Annotated[str, typer.Option(help="Only what is in this language, such as `en`.")] = "",
    product: Annotated[str, typer.Option(help="Only what is about it or names no product.")] = "",
    audience: Annotated[
        str, typer.Option(help="Who asks; what customers may read is always found.")
    ] = CUSTOMERS,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="What is valid on this day.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="For every audience, also what is not valid yet or no longer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find passages, FAQ entries and images for a question or a screenshot, with their scores."""
    if not query.strip() and image is None:
        raise typer.BadParameter("give a question or --image")
    day = on.date() if on else None
    filters = Filters(language, product, "" if everything else audience, day, any_time=everything)
    with _opened() as knowledge_base:
        result = _found(knowledge_base, query, image, top_k, filters)
    if as_json:
        return print_json(found_object(result))
    for match in result.faq:
        out.print(
            f"{match.similarity:5.2f}  FAQ {match.entry.id}: {match.phrasing}", markup=False, highlight=False
        )
    for place, found in enumerate(result.chunks, 1):
        scores = "  ".join(f"{name} {value:.2f}" for name, value in found.scores.items())
        page = f", page {found.chunk.page}" if found.chunk.page else ""
        path = " > ".join((found.chunk.title, *found.chunk.heading_path))
        out.print(
            f"\n{place}. {path}  ({found.chunk.document_id}{page})",
            style="bold",
            markup=False,
            highlight=False,
        )
        same = f"  as much as {', '.join(found.folded)}" if found.folded else ""
        out.print(f"   {found.score:.4f}  {scores}{same}", style="dim", markup=False, highlight=False)
        text = " ".join(found.chunk.text.split())
        shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
        out.print(f"   {shown}", markup=False, highlight=False)
    _print_images(result)
    return None


def _print_images(result: RetrievalResult) -> None:
    for match in result.images:
        scores = "  ".join(f"{name} {value:.2f}" for name, value in match.scores.items())
        title = f"image {match.source}: {match.alt}  ({match.document_id})"
        out.print(f"\n{title}", markup=False, highlight=False)
        out.print(f"   {match.score:.2f}  {scores}", style="dim", markup=False, highlight=False)


def _found(
    knowledge_base: Any, query: str, image: Path | None, top_k: int | None, filters: Filters
) -> RetrievalResult:
    if image is None:
        return knowledge_base.retrieve(query, top_k, filters=filters)  # type: ignore[no-any-return]
    try:
        data = image.read_bytes()
    except OSError as error:
        raise DocumentError(f"{image} cannot be read: {error.strerror}.") from error
    reading = knowledge_base.read_image(data, image.name)
    if reading is None:
        raise DocumentError(
            "Screenshots cannot be read here.",
            "Set FRONTDESK_KNOWLEDGE_BASE__IMAGES to true and run `frontdesk models fetch`.",
        )
    return knowledge_base.retrieve(query, top_k, reading.text, [reading], filters)  # type: ignore[no-any-return]


@kb_app.command("stats")
def stats(as_json: AsJson = False) -> None:
    """Count what there is to search."""
    with _opened() as knowledge_base:
        counts = dataclasses.asdict(knowledge_base.stats())
    if as_json:
        return print_json(counts)
    return out.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))


@kb_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, for example `knowledge.jsonl`.")],
    as_json: AsJson = False,
) -> None:
    """Write every document and FAQ entry to a file that `import` reads, with any embedder."""
    with _opened() as knowledge_base:
        count = knowledge_base.export_to(file)
    if as_json:
        return print_json({"file": str(file), "exported": count})
    return out.print(f"{count} exported to {file}", markup=False, highlight=False)


@kb_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.")], as_json: AsJson = False
) -> None:
    """Take in what `export` wrote."""
    with _opened() as knowledge_base, progress(as_json) as told:
        report = knowledge_base.import_from(file, told)
    _finish(report, as_json, "knowledge-imported", str(file))


@kb_app.command("reindex")
def reindex(
    everything: Annotated[bool, typer.Option("--all", help="Also what is up to date.")] = False,
    source: Annotated[str, typer.Option("--from", help="Take over what this embedder had.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cut and embed anew from the stored texts, after a change of settings or of the embedder."""
    with _opened() as knowledge_base, progress(as_json) as told:
        report = knowledge_base.reindex(told, everything=everything, source=source)
    _finish(report, as_json, "knowledge-reindexed", source)


def found_object(result: RetrievalResult) -> dict[str, Any]:
    """A search's result as plain values."""
    return {
        "query": result.query,
        "chunks": [
            {
                "id": found.chunk.id,
                "document_id": found.chunk.document_id,
                "title": found.chunk.title,
                "heading_path": found.chunk.heading_path,
                "page": found.chunk.page,
                "url": found.chunk.url,
                "text": found.chunk.text,
                "section": found.whole,
                "folded": found.folded,
                "score": found.score,
                "scores": dict(found.scores),
            }
            for found in result.chunks
        ],
        "faq": [
            {"id": m.entry.id, "phrasing": m.phrasing, "answer": m.entry.answer, "similarity": m.similarity}
            for m in result.faq
        ],
        "images": [{**dataclasses.asdict(match), "scores": dict(match.scores)} for match in result.images],
    }


@contextmanager
def _opened() -> Iterator[Any]:
    """The knowledge base of the settings; errors become one red line."""
    with readable_errors():
        settings = load_settings()
        start_logging("warning", settings)
        from chatbot.services import Services

        services = Services(settings)
        try:
            yield services.knowledge_base()
        finally:
            services.close()


@contextmanager
def progress(as_json: bool) -> Iterator[Told]:
    """A bar with rate and remaining time, on a terminal."""
    if as_json or not err.is_terminal:
        yield no_progress
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)

        def told(done: int, total: int, source: str) -> None:
            bar.update(task, completed=done, total=total, description=Text(source).plain.replace("[", "\\["))

        yield told


class _Rate(TextColumn):
    """Files in a second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def _finish(report: IngestReport, as_json: bool, action: str, target: str) -> None:
    with readable_errors():
        _record(report, action, target)
    _print_report(report, as_json)
    if report.failed:
        raise typer.Exit(1)


def _record(report: IngestReport, action: str, target: str) -> None:
    """Into the audit log, where something has changed."""
    counts = {name: getattr(report, name) for name in ("added", "updated", "removed")}
    if any(counts.values()):
        record_command(load_settings(), action, target, **counts)


def _print_report(report: IngestReport, as_json: bool) -> None:
    if as_json:
        failed = [{"source": source, "reason": reason} for source, reason in report.failed]
        return print_json({**dataclasses.asdict(report), "failed": failed})
    names = ("added", "updated", "unchanged", "removed")
    counts = [f"{getattr(report, name)} {name}" for name in names]
    out.print(", ".join([*counts, f"{len(report.failed)} failed"]), highlight=False)
    for source, reason in report.failed:
        told = reason if reason.startswith(f"{source} ") else f"{source}: {reason}"
        err.print(told, style="red", markup=False, highlight=False)
    return None


def print_json(values: Any) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    sys.stdout.flush()
