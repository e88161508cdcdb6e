"""What the tab "Knowledge" does: takes documents in, lists, shows, finds and removes them. Knows no page."""

import logging
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image

from chatbot.errors import InputError
from chatbot.unanswered import UnansweredQuestion
from knowledge_base.base import KnowledgeBase, Stats
from knowledge_base.documents import FAQ_PREFIX, Document, FaqEntry, RetrievalResult
from knowledge_base.entries import Entry
from knowledge_base.faq_table import entry_of_row
from knowledge_base.files import SourceFile
from knowledge_base.report import IngestReport, Progress, no_progress
from knowledge_base.scope import CUSTOMERS, FOR_CUSTOMERS, Filters, names_in

log = logging.getLogger(__name__)
_LISTED = 200
_OPEN = 50
_ALIKE = 0.75
_SMALL_PX = 320
_WEB = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is stored and fits a filter.

    Attributes:
        entries: The first of them.
        total: How many fit.
    """

    entries: tuple[Entry, ...]
    total: int
    stats: Stats


@dataclass(frozen=True, slots=True)
class Shown:
    """A document to be looked at; for a FAQ entry with its phrasings."""

    entry: Entry
    document: Document
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Questions that mean the same and that nobody could answer.

    Attributes:
        question: The one asked last.
        phrasings: How others asked it.
        times: How often it was asked.
    """

    question: str
    phrasings: tuple[str, ...]
    times: int
    last_asked: datetime


@dataclass(frozen=True, slots=True)
class Choices:
    """What documents say of whom they are for, each once, in order: what a search can be filtered by."""

    languages: tuple[str, ...]
    products: tuple[str, ...]
    audiences: tuple[str, ...]


class KnowledgeDesk:
    """Documents of the knowledge base, for an operator.

    Args:
        opened: Waits until the knowledge base is open.
        unanswered: Reads the questions that were declined, newest first, without personal data.
        answered_from: Similarity to a FAQ phrasing from which a question is answered by now.
    """

    def __init__(
        self,
        opened: Callable[[], KnowledgeBase],
        unanswered: Callable[[], Sequence[UnansweredQuestion]] = tuple,
        answered_from: float = 1.0,
    ) -> None:
        self._opened = opened
        self._unanswered = unanswered
        self._answered_from = answered_from

    def add(self, files: Sequence[SourceFile], progress: Progress = no_progress) -> IngestReport:
        """Takes files in; a file of the same name replaces the one before.

        Raises:
            InputError: There is no file.
            IndexUnavailableError: The knowledge base cannot be changed now.
        """
        if not files:
            raise InputError("There are no files to take in.", "Add some first.")
        return self._opened().add_files(files, progress)

    def take(self, paths: Sequence[str], progress: Progress = no_progress) -> IngestReport:
        """Takes uploaded files in as `add` does, and removes the uploads."""
        files = [SourceFile(Path(path), unicodedata.normalize("NFC", Path(path).name)) for path in paths]
        try:
            return self.add(files, progress)
        finally:
            for file in files:
                file.path.unlink(missing_ok=True)

    def sync(self, place: str, progress: Progress = no_progress) -> IngestReport:
        """Brings what came from a folder of this machine or from a website in step with it.

        Raises:
            InputError: There is no place.
            DocumentError: It cannot be read.
            IndexUnavailableError: The knowledge base cannot be changed now.
        """
        place = place.strip()
        if not place:
            raise InputError(
                "No place is given.", "Give a folder of this machine or the address of a website."
            )
        if _WEB.match(place):
            return self._opened().sync_site(place, progress)
        return self._opened().sync_folder(Path(place).expanduser(), progress)

    def add_page(self, url: str) -> IngestReport:
        """Takes one page of a website in.

        Raises:
            InputError: It is no address of the web.
            DocumentError: It cannot be fetched.
            IndexUnavailableError: The knowledge base cannot be changed now.
        """
        return self._opened().add_page(web_address(url))

    def listing(self, words: str = "", begin: int = 0, count: int = _LISTED) -> Listing:
        """Entries whose title, id, source or origin holds all words; without words all.

        Args:
            begin: How many to leave out first.
            count: How many to list.
        """
        knowledge_base = self._opened()
        wanted = words.casefold().split()
        fitting = [entry for entry in knowledge_base.entries() if _fits(entry, wanted)]
        listed = fitting[begin : begin + count]
        return Listing(tuple(listed), len(fitting), knowledge_base.stats())

    def choices(self) -> Choices:
        """Languages, products and audiences that occur, the customers left out of these."""
        entries = self._opened().entries()
        scopes = [
            (e.language, names_in(e.product), {name.lower() for name in names_in(e.audience)})
            for e in entries
        ]
        languages = {language for language, _, _ in scopes}
        products = {name.casefold(): name for _, names, _ in scopes for name in names}
        audiences = {name for _, _, names in scopes for name in names} - {CUSTOMERS}
        return Choices(
            tuple(sorted(languages)),
            tuple(sorted(products.values(), key=str.casefold)),
            tuple(sorted(audiences)),
        )

    def show(self, document_id: str) -> Shown | None:
        """One document; None when it is not there any more."""
        knowledge_base = self._opened()
        document = knowledge_base.document(document_id)
        entry = next((entry for entry in knowledge_base.entries() if entry.id == document_id), None)
        if document is None or entry is None:
            return None
        faq = knowledge_base.faq(document_id.removeprefix(FAQ_PREFIX)) if entry.kind == "faq" else None
        return Shown(entry, document, faq.all_phrasings if faq else ())

    def remove(self, document_id: str) -> None:
        """Removes a document or FAQ entry.

        Raises:
            InputError: It is not there.
            IndexUnavailableError: The knowledge base cannot be changed now.
        """
        if not self._opened().remove_document(document_id):
            raise InputError(f"There is no {document_id}.", "Look at the list again.")

    def open_questions(self) -> tuple[OpenQuestion, ...]:
        """What customers asked in vain, the most frequent first; what has an answer by now is left out."""
        knowledge_base, asked = self._opened(), self._unanswered()
        found = []
        for group in knowledge_base.grouped([one.text for one in asked], _ALIKE)[:_OPEN]:
            first = asked[group[0]]
            nearest = knowledge_base.retrieve(first.text, 1).faq
            if not nearest or nearest[0].similarity < self._answered_from:
                others = dict.fromkeys(asked[place].text for place in group)
                others.pop(first.text)
                found.append(OpenQuestion(first.text, tuple(others), len(group), first.asked_at))
        return tuple(found)

    def find(
        self,
        question: str,
        screenshot: str = "",
        top_k: int | None = None,
        filters: Filters = FOR_CUSTOMERS,
    ) -> RetrievalResult:
        """What a customer's question or screenshot would find.

        Args:
            screenshot: An uploaded image, which is removed.
            top_k: Passages wanted; the setting when None.
            filters: What may be found.

        Raises:
            InputError: There is neither, or screenshots cannot be read here.
            DocumentError: The screenshot is no image or damaged.
        """
        if not screenshot:
            if not question.strip():
                raise InputError("The question is empty.", "Type what a customer would ask.")
            return self._opened().retrieve(question.strip(), top_k, filters=filters)
        path, knowledge_base = Path(screenshot), self._opened()
        try:
            reading = knowledge_base.read_image(path.read_bytes(), path.name)
        finally:
            path.unlink(missing_ok=True)
        if reading is None:
            raise InputError(
                "Screenshots cannot be read here.",
                "Turn the setting `images` on and fetch the vision tower.",
            )
        return knowledge_base.retrieve(question.strip(), top_k, reading.text, [reading], filters)

    def small_picture(self, sha256: str) -> bytes | None:
        """A document's image as a small PNG; None when it is not there any more."""
        path = self._opened().image_file(sha256)
        if path is None:
            return None
        file = BytesIO()
        try:
            with Image.open(path) as image:
                image.thumbnail((_SMALL_PX, _SMALL_PX))
                image.convert("RGB").save(file, "PNG")
        except (OSError, ValueError):
            log.info("the image %s cannot be shown", sha256, exc_info=True)
            return None
        return file.getvalue()

    def write(self, question: str, answer: str, phrasings: str) -> FaqEntry:
        """Keeps a question with its answer; phrasings are lines. It answers from now on.

        Raises:
            InputError: One of them is empty.
            IndexUnavailableError: The knowledge base cannot be changed now.
        """
        entry = written_entry(question, answer, phrasings)
        report = self._opened().add_entry(entry)
        if report.failed:
            raise InputError(report.failed[0][1])
        return entry


def filters_of(
    language: str = "", product: str = "", audience: str = CUSTOMERS, on: str = "", *, any_time: bool = False
) -> Filters:
    """Filters as they were typed or chosen; empty ones leave nothing out.

    Raises:
        InputError: The day is none.
    """
    try:
        day = date.fromisoformat(on.strip()) if on.strip() else None
    except ValueError as error:
        raise InputError(f"{on.strip()[:40]!r} is no date.", "Write it like 2026-12-31.") from error
    return Filters(language, product, audience, day, any_time)


def web_address(place: str) -> str:
    """An address of the web, as it was given.

    Raises:
        InputError: It is none: a folder of this machine is not for whoever asks over the network.
    """
    place = place.strip()
    if not _WEB.match(place):
        raise InputError(f"{place!r} is no address of the web.", "Begin it with https:// or http://.")
    return place


def written_entry(question: str, answer: str, phrasings: str) -> FaqEntry:
    """A FAQ entry of what was typed; the same question makes the same id.

    Raises:
        InputError: Question or answer is empty.
    """
    question, answer = question.strip(), answer.strip()
    if not question or not answer:
        raise InputError("Question and answer must both be there.", "Fill in what is missing.")
    lines = [line.strip() for line in phrasings.splitlines()]
    return entry_of_row(
        {"question": question, "answer": answer, "phrasings": [line for line in lines if line]}
    )


def _fits(entry: Entry, wanted: Sequence[str]) -> bool:
    text = f"{entry.title}\n{entry.id}\n{entry.source}\n{entry.origin}".casefold()
    return all(word in text for word in wanted)
