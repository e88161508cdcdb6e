"""From a screenshot to its article, against `articles.jsonl` and `screens.jsonl` {image, relevant}.

*Unseen*: the articles are indexed without their pictures and without the texts that describe these, so that only what
is written on the screen and in the articles can bring them together. The screenshot is sent as a customer would, with
no word beside it. *Same screen again*, where there is a reader of images: see `same_screens`.
"""

import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from chatbot.errors import AttachmentError, InputError
from chatbot.evaluation.report import Evaluation, Miss, all_rows, intervals, means_over, worst
from chatbot.evaluation.retrieval import compared_with, row_of
from chatbot.evaluation.rows import Row, read_rows, spread
from chatbot.evaluation.same_screens import ArticleImage, SameScreens, told
from chatbot.evaluation.temporary import take_in_articles, temporary_knowledge_base
from chatbot.media import decode_image
from chatbot.screenshot import ScreenReader
from chatbot.settings import Settings
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import TextEmbedder
from knowledge_base.evaluate import Outcome, Query, outcomes, search_documents
from knowledge_base.image_reading import ImageReader
from knowledge_base.report import Progress, no_progress

_PICTURES = (
    re.compile(
        r"\[?!\[(?:[^\[\]]|\[[^\]]*\])*\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\]]*\])(?:\{[^}]*\})?"
    ),
    re.compile(r":::image\b.*?:::(?:\s*.*?:::image-end:::)?", re.DOTALL),
    re.compile(r"<img\b[^>]*>", re.IGNORECASE),
    re.compile(r"<figcaption\b.*?</figcaption>", re.IGNORECASE | re.DOTALL),
)
_SHOWN_TITLES = 3


def evaluate_screens(
    data: Path,
    settings: Settings,
    embedder: TextEmbedder,
    reader: ScreenReader,
    image_reader: ImageReader | None = None,
    *,
    compare: bool = False,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Evaluation:
    """Reads every screenshot and searches with what is on it.

    Args:
        image_reader: For *same screen again*; left out without one.
        compare: Also ask simpler searches for what is written on the screens, as `evaluate_retrieval` does; their
            figures are `unseen_bm25_…` and so on.
        limit: How many screens at most, evenly spread over the file; only their pictures are indexed then.
        progress: Called before each image that is read.

    Returns:
        `unseen_recall_at_1`, `_5`, `_10`, `unseen_mrr`, `unseen_ndcg_at_10`, `unseen_ms_per_query` (search alone),
        `unreadable_rate` (nothing could be read) and `ms_per_screen` (reading). With an image reader the same with
        `changed_` in front for changed copies, `changed_pictures_` for the search for images instead of passages,
        `changed_image_` for that by the image alone, `changed_ocr_` by what is written on it alone, and
        `changed_gain_over_image`, `changed_gain_over_ocr` in recall@1 of the first.

    Raises:
        FrontdeskError: A file is missing or a row is not as it should be.
    """
    found_rows = read_rows(data / "screens.jsonl", ("image", "relevant"))
    rows = spread([row for row in found_rows if row["relevant"]], limit)
    if not rows:
        raise InputError("No row of screens.jsonl names an article.", "Give rows with a `relevant` list.")
    started_s = time.perf_counter()
    seen = [_read(data / str(row["image"]), settings, reader) for row in told(rows, progress)]
    read_ms = (time.perf_counter() - started_s) * 1000 / len(rows)
    queries = [_query(row, text) for row, text in zip(rows, seen, strict=True)]
    with temporary_knowledge_base(settings, embedder) as knowledge_base:
        _take_in_without_pictures(knowledge_base, data)
        found = outcomes(lambda text: search_documents(knowledge_base, "", extra=text), queries)
        titles = {document.id: document.title for document in knowledge_base.documents()}
        snapshot = knowledge_base.snapshot()
        compared = compared_with(snapshot, embedder, queries) if compare else {}
    figures = [
        {f"unseen_{name}": value for name, value in row_of(i, found, compared).items()}
        for i in range(len(found))
    ]
    if image_reader:
        again = SameScreens(snapshot, embedder, settings.knowledge_base, image_reader)
        images = [
            ArticleImage(data / str(row["image"]), query) for row, query in zip(rows, queries, strict=True)
        ]
        figures = [
            {**row, **also} for row, also in zip(figures, again.figures(images, progress), strict=True)
        ]
    measure = means_over(figures)
    return Evaluation(
        "screens",
        data.name,
        len(rows),
        {
            **measure(all_rows(len(rows))),
            "unreadable_rate": sum(not text for text in seen) / len(seen),
            "ms_per_screen": read_ms,
        },
        intervals(measure, len(rows)),
        {
            "embedder": embedder.id,
            "articles": len(titles),
            "passages": len(snapshot.chunks),
            "compared": sorted(compared),
        },
        worst([_miss(row, one, titles) for row, one in zip(rows, found, strict=True) if _missed(one)]),
    )


def without_pictures(text: str) -> str:
    """Markdown or HTML without pictures, what describes them and where they lie."""
    for pattern in _PICTURES:
        text = pattern.sub("", text)
    return text


def _take_in_without_pictures(knowledge_base: KnowledgeBase, data: Path) -> None:
    rows = read_rows(data / "articles.jsonl", ("id", "title", "text"))
    with tempfile.TemporaryDirectory(prefix="frontdesk-articles-") as folder:
        path = Path(folder) / "articles.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for row in rows:
                plain = {
                    "id": str(row["id"]),
                    "title": row["title"],
                    "text": without_pictures(str(row["text"])),
                }
                file.write(json.dumps(plain, ensure_ascii=False) + "\n")
        take_in_articles(knowledge_base, path.parent)


def _read(image: Path, settings: Settings, reader: ScreenReader) -> str:
    """What is on the screen, through the same decoding as an upload; nothing when it cannot be read."""
    try:
        decoded = decode_image(image.read_bytes(), image.name, settings.max_image_pixels)
        with tempfile.NamedTemporaryFile(suffix=".image") as file:
            file.write(decoded.data)
            file.flush()
            return reader.read(Path(file.name), image.name, "").text.strip()
    except OSError as error:
        raise InputError(f"{image.name} is named in screens.jsonl and cannot be read: {error}.") from error
    except AttachmentError:
        return ""


def _query(row: Row, text: str) -> Query:
    relevant = row["relevant"] if isinstance(row["relevant"], list) else [row["relevant"]]
    return Query(text, frozenset(map(str, relevant)))


def _missed(outcome: Outcome) -> bool:
    return outcome.metrics["recall_at_5"] < 1


def _miss(row: Row, outcome: Outcome, titles: Mapping[str, str]) -> Miss:
    read = " / ".join(outcome.query.text.split("\n")) or "nothing could be read"
    return Miss(
        f"{row['image']}: {read}",
        _titles(sorted(outcome.query.relevant), titles),
        _titles(outcome.ranked, titles),
        1 - outcome.metrics["ndcg_at_10"],
    )


def _titles(identifiers: Sequence[str], titles: Mapping[str, str]) -> str:
    return "; ".join(titles.get(i, i) for i in identifiers[:_SHOWN_TITLES]) or "nothing"
