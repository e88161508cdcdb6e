"""From a message to everything that was perceived in it. One bad attachment never spoils the rest."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import TypeVar

from chatbot.attachments import AttachmentStore
from chatbot.errors import AttachmentError, FrontdeskError
from chatbot.media import key_frames
from chatbot.messages import Attachment, Kind, Message, Observation, ScreenReading, Stage, Transcript
from chatbot.screenshot import ScreenReader, corrected
from chatbot.settings import Settings
from chatbot.speech import SpeechRecognizer
from chatbot.text import clean_text

log = logging.getLogger(__name__)
_REMEMBERED = 128
_TEXT_FILE_CHARS = 4_000
_SHORTER = "Please send a smaller one, or type your question."
_FAILED = {
    (Kind.IMAGE, Stage.READING): "I could not read the image",
    (Kind.AUDIO, Stage.LISTENING): "I could not listen to the recording",
    (Kind.VIDEO, Stage.READING): "I could not watch the video",
    (Kind.VIDEO, Stage.LISTENING): "I could not listen to the video",
    (Kind.TEXT, Stage.READING): "I could not read the file",
}


@dataclass(frozen=True, slots=True)
class _Percept:
    """What one attachment gave. Holds no file name: the same content may come from several people."""

    transcript: Transcript | None = None
    screens: tuple[ScreenReading, ...] = ()
    document: str | None = None
    is_shortened: bool = False

    def __or__(self, other: "_Percept") -> "_Percept":
        return _Percept(
            self.transcript or other.transcript,
            self.screens + other.screens,
            other.document if self.document is None else self.document,
            self.is_shortened or other.is_shortened,
        )

    @property
    def is_silent(self) -> bool:
        """Whether there was something to listen to and nothing in it, not even pictures with words."""
        heard = self.transcript is not None and bool(self.transcript.text.strip())
        return self.transcript is not None and not heard and not any(s.text.strip() for s in self.screens)


Describe = Callable[[Path, str], str]
"""Says what a stored picture shows, beside what was read on it, in a sentence; empty when nothing can be said."""
_Step = tuple[Stage, Callable[[], _Percept]]
_Kept = TypeVar("_Kept")


def _ignore(_stage: Stage) -> None:
    """Tells nobody."""


class Perceiver:
    """Reads and hears attachments; the newest ones are remembered, so that asking again is quick."""

    def __init__(
        self,
        store: AttachmentStore,
        speech: SpeechRecognizer,
        screens: ScreenReader,
        settings: Settings,
        describe: Describe | None = None,
    ) -> None:
        self._store = store
        self._speech = speech
        self._screens = screens
        self._settings = settings
        self._describe = describe
        self._remembered: OrderedDict[str, _Percept] = OrderedDict()
        self._descriptions: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def perceive(
        self,
        message: Message,
        vocabulary: Sequence[str] = (),
        on_stage: Callable[[Stage], None] = _ignore,
    ) -> Observation:
        """Everything in a message but what its pictures show; what fails becomes a line in `Observation.problems`.

        Args:
            vocabulary: Names that speech recognition should expect.
            on_stage: Told before each attachment that is not remembered whether it is read or listened to.
        """
        percepts: list[_Percept] = []
        problems = list(message.problems)
        for attachment in message.attachments:
            percept, failures = self._percept(attachment, vocabulary, on_stage)
            corrected_percept = _corrected(percept, attachment, message.corrections)
            percepts.append(corrected_percept)
            if corrected_percept == percept:
                problems += failures or _remarks(percept, attachment.name)
        return Observation(
            text=message.text,
            transcripts=tuple(p.transcript for p in percepts if p.transcript and p.transcript.text.strip()),
            screens=tuple(s for p in percepts for s in p.screens),
            documents=tuple(p.document for p in percepts if p.document is not None),
            problems=tuple(problems),
        )

    def described(self, observation: Observation) -> Observation:
        """With a sentence on what each picture shows, where something has learned to look and none failed."""
        screens = [
            s if s.description else replace(s, description=self._description(s)) for s in observation.screens
        ]
        return replace(observation, screens=tuple(screens))

    def forget(self) -> None:
        """Reads and hears everything anew from here on."""
        with self._lock:
            self._remembered.clear()
            self._descriptions.clear()

    def visual_path(self, sha256: str) -> Path:
        """The stored image that visual tokens are made of."""
        return self._store.path(sha256)

    def _percept(
        self, attachment: Attachment, vocabulary: Sequence[str], on_stage: Callable[[Stage], None]
    ) -> tuple[_Percept, list[str]]:
        with self._lock:
            if known := self._remembered.get(attachment.sha256):
                self._remembered.move_to_end(attachment.sha256)
                return known, []
        percept, failures = _Percept(), []
        for stage, step in self._steps(attachment, vocabulary):
            on_stage(stage)
            found = self._in_time(attachment, stage, step)
            if isinstance(found, str):
                failures.append(found)
            else:
                percept |= found
        if not failures:  # the disk or memory may be free again next time
            self._remember(self._remembered, attachment.sha256, percept)
        return percept, failures

    def _in_time(self, attachment: Attachment, stage: Stage, step: Callable[[], _Percept]) -> _Percept | str:
        """`_attempt` with a limit. No thread can be stopped: one that is late ends by itself, and nobody waits."""
        limit_s = self._settings.perception_timeout_s
        made: Queue[_Percept | str] = Queue()
        run = partial(copy_context().run, lambda: made.put(_attempt(attachment, stage, step)))
        threading.Thread(target=run, name="perceiving", daemon=True).start()
        try:
            return made.get(timeout=limit_s)
        except Empty:
            log.warning("attachment %s was given up after %g s", attachment.sha256, limit_s)
            return _failure(attachment, stage, f"it takes longer than {limit_s:g} seconds. {_SHORTER}")

    def _remember(self, newest: OrderedDict[str, _Kept], sha256: str, kept: _Kept) -> None:
        with self._lock:
            newest[sha256] = kept
            while len(newest) > _REMEMBERED:
                newest.popitem(last=False)

    def _steps(self, attachment: Attachment, vocabulary: Sequence[str]) -> tuple[_Step, ...]:
        listen: _Step = (Stage.LISTENING, partial(self._listen, attachment, vocabulary))
        match attachment.kind:
            case Kind.IMAGE:
                return ((Stage.READING, partial(self._look, attachment)),)
            case Kind.TEXT:
                return ((Stage.READING, partial(self._read_text, attachment)),)
            case Kind.AUDIO:
                return (listen,)
            case Kind.VIDEO:
                return ((Stage.READING, partial(self._watch, attachment)), listen)

    def _stored(self, attachment: Attachment) -> Path:
        if attachment not in self._store:
            raise AttachmentError(f"{attachment.name} is no longer stored.", "Please attach it again.")
        return self._store.path(attachment)

    def _look(self, attachment: Attachment) -> _Percept:
        path = self._stored(attachment)
        return _Percept(screens=(self._screens.read(path, attachment.name, attachment.sha256),))

    def _description(self, reading: ScreenReading) -> str:
        """A description is worth having, but no turn fails for want of one."""
        with self._lock:
            known = self._descriptions.get(reading.visual_sha256)
        if known is not None or self._describe is None:
            return known or ""
        try:
            description = self._describe(self._store.path(reading.visual_sha256), reading.text)
        except FrontdeskError as error:
            log.warning("a picture could not be described: %s", error)
            return ""
        self._remember(self._descriptions, reading.visual_sha256, description)
        return description

    def _listen(self, attachment: Attachment, vocabulary: Sequence[str]) -> _Percept:
        path = self._stored(attachment)
        return _Percept(self._speech.transcribe(path, attachment.name, attachment.sha256, vocabulary))

    def _watch(self, attachment: Attachment) -> _Percept:
        path, name = self._stored(attachment), attachment.name
        screens = []
        for time_s, png in key_frames(path, name, self._settings.video_key_frames):
            sha256 = self._store.add(png, name).sha256
            frame = self._store.path(sha256)
            reading = self._screens.read(frame, name, attachment.sha256, visual_sha256=sha256)
            screens.append(replace(reading, time_s=time_s))
        return _Percept(screens=_distinct(screens))

    def _read_text(self, attachment: Attachment) -> _Percept:
        with self._stored(attachment).open(encoding="utf-8-sig") as file:
            text = file.read(_TEXT_FILE_CHARS + 1)
        return _Percept(
            document=clean_text(text[:_TEXT_FILE_CHARS]), is_shortened=len(text) > _TEXT_FILE_CHARS
        )


def _attempt(attachment: Attachment, stage: Stage, step: Callable[[], _Percept]) -> _Percept | str:
    """What a step perceives, or why it cannot, as a line for the customer."""
    try:
        return step()
    except FrontdeskError as error:
        reason = str(error)
        if reason.startswith(f"{attachment.name} "):
            reason = f"it {reason.removeprefix(attachment.name).lstrip()}"
    except Exception:
        log.exception("attachment %s could not be perceived", attachment.sha256)
        reason = "something went wrong on our side. Please try another file."
    return _failure(attachment, stage, reason)


def _failure(attachment: Attachment, stage: Stage, reason: str) -> str:
    return f"{_FAILED[attachment.kind, stage]} {attachment.name}: {reason}"


def _remarks(percept: _Percept, name: str) -> list[str]:
    remarks = []
    if percept.is_silent:
        remarks.append(f"No speech detected in {name}. Please record it again, or type your question.")
    if percept.is_shortened:
        remarks.append(f"Only the first {_TEXT_FILE_CHARS:,} characters of {name} were read.")
    return remarks


def _distinct(screens: Sequence[ScreenReading]) -> tuple[ScreenReading, ...]:
    """Key frames that show the same words are one screen: the first of them."""
    first: dict[str, ScreenReading] = {}
    for screen in screens:
        first.setdefault(screen.text, screen)
    return tuple(first.values())


def _corrected(percept: _Percept, attachment: Attachment, corrections: Mapping[str, str]) -> _Percept:
    """The customer's words in place of what was heard or read, also where nothing could be."""
    if attachment.sha256 not in corrections:
        return percept
    text = clean_text(corrections[attachment.sha256])
    heard, screens = percept.transcript, percept.screens
    known = [heard.text] if heard and heard.segments else []
    known = [clean_text(t) for t in (*known, *(s.text for s in screens))]
    if attachment.kind is Kind.TEXT or text in known:
        return percept
    if not known:
        return _invented(percept, attachment, text)
    nearest = max(range(len(known)), key=lambda i: SequenceMatcher(None, known[i], text).ratio())
    place = nearest - (len(known) - len(screens))
    if heard and place < 0:
        return replace(percept, transcript=replace(heard, corrected_text=text))
    mended = (corrected(s, text) if i == place else s for i, s in enumerate(screens))
    return replace(percept, screens=tuple(mended))


def _invented(percept: _Percept, attachment: Attachment, text: str) -> _Percept:
    """Nothing was heard or read, so that the correction is all there is."""
    sha256 = attachment.sha256
    if attachment.kind is Kind.IMAGE:
        empty = ScreenReading(sha256, (), attachment.width_px, attachment.height_px, visual_sha256=sha256)
        return replace(percept, screens=(corrected(empty, text),))
    heard = percept.transcript or Transcript(sha256, (), "", 0.0, attachment.duration_s)
    return replace(percept, transcript=replace(heard, corrected_text=text))
