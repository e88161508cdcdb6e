"""From a message to everything that was perceived in it. One bad attachment never spoils the rest."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chatbot.attachments import AttachmentStore
from chatbot.errors import FrontdeskError
from chatbot.media import key_frames
from chatbot.messages import Attachment, Kind, Message, Observation, ScreenReading, Transcript
from chatbot.screenshot import ScreenReader
from chatbot.settings import Settings
from chatbot.speech import SpeechRecognizer
from chatbot.text import clean_text

log = logging.getLogger(__name__)
_REMEMBERED = 128
_TEXT_FILE_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class _Percept:
    """What one attachment gave."""

    transcripts: tuple[Transcript, ...] = ()
    screens: tuple[ScreenReading, ...] = ()
    documents: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Perceiver:
    """Reads and hears attachments; the newest ones are remembered, so that asking again is quick."""

    def __init__(
        self, store: AttachmentStore, speech: SpeechRecognizer, screens: ScreenReader, settings: Settings
    ) -> None:
        self._store = store
        self._speech = speech
        self._screens = screens
        self._settings = settings
        self._remembered: OrderedDict[str, _Percept] = OrderedDict()
        self._lock = threading.Lock()

    def perceive(self, message: Message, vocabulary: Sequence[str] = ()) -> Observation:
        """Everything in a message; what fails becomes a line in `Observation.problems`."""
        percepts = [
            _corrected(self._percept(a, vocabulary), message.corrections.get(a.sha256))
            for a in message.attachments
        ]
        return Observation(
            text=message.text,
            transcripts=tuple(t for p in percepts for t in p.transcripts if t.text.strip()),
            screens=tuple(s for p in percepts for s in p.screens),
            documents=tuple(d for p in percepts for d in p.documents),
            problems=(*message.problems, *(problem for p in percepts for problem in p.problems)),
        )

    def forget(self) -> None:
        """Reads and hears everything anew from here on."""
        with self._lock:
            self._remembered.clear()

    def visual_path(self, sha256: str) -> Path:
        """The stored image that visual tokens are made of."""
        return self._store.path(sha256)

    def _percept(self, attachment: Attachment, vocabulary: Sequence[str]) -> _Percept:
        with self._lock:
            if known := self._remembered.get(attachment.sha256):
                self._remembered.move_to_end(attachment.sha256)
                return known
        percept = self._attempt(attachment, vocabulary)
        with self._lock:
            self._remembered[attachment.sha256] = percept
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return percept

    def _attempt(self, attachment: Attachment, vocabulary: Sequence[str]) -> _Percept:
        readers: dict[Kind, Callable[[], _Percept]] = {
            Kind.IMAGE: lambda: self._image(attachment),
            Kind.AUDIO: lambda: self._audio(attachment, vocabulary),
            Kind.VIDEO: lambda: self._video(attachment, vocabulary),
            Kind.TEXT: lambda: self._text(attachment),
        }
        try:
            return readers[attachment.kind]()
        except FrontdeskError as error:
            return _Percept(problems=(str(error),))
        except Exception:
            log.exception("attachment %s could not be perceived", attachment.sha256)
            return _Percept(problems=(f"I could not read {attachment.name}. Please try another file.",))

    def _image(self, attachment: Attachment) -> _Percept:
        path = self._store.path(attachment)
        return _Percept(screens=(self._screens.read(path, attachment.name, attachment.sha256),))

    def _audio(self, attachment: Attachment, vocabulary: Sequence[str]) -> _Percept:
        path = self._store.path(attachment)
        transcript = self._speech.transcribe(path, attachment.name, attachment.sha256, vocabulary)
        if transcript.segments:
            return _Percept(transcripts=(transcript,))
        return _Percept(
            transcripts=(transcript,),
            problems=(
                f"No speech detected in {attachment.name}. Please record it again, or type your question.",
            ),
        )

    def _video(self, attachment: Attachment, vocabulary: Sequence[str]) -> _Percept:
        path = self._store.path(attachment)
        frames = key_frames(path, attachment.name, self._settings.video_key_frames)
        screens = []
        for time_s, png in frames:
            frame = self._store.add(png, attachment.name)
            stored = self._store.path(frame)
            reading = self._screens.read(
                stored, attachment.name, attachment.sha256, visual_sha256=frame.sha256
            )
            screens.append(replace(reading, time_s=time_s))
        transcript = self._speech.transcribe(path, attachment.name, attachment.sha256, vocabulary)
        return _Percept((transcript,) if transcript.segments else (), _distinct(screens))

    def _text(self, attachment: Attachment) -> _Percept:
        text = clean_text(self._store.path(attachment).read_text(encoding="utf-8-sig"))
        if len(text) <= _TEXT_FILE_CHARS:
            return _Percept(documents=(text,))
        problem = f"Only the first {_TEXT_FILE_CHARS:,} characters of {attachment.name} were read."
        return _Percept(documents=(text[:_TEXT_FILE_CHARS],), problems=(problem,))


def _distinct(screens: Sequence[ScreenReading]) -> tuple[ScreenReading, ...]:
    """Key frames that show the same words are one screen."""
    return tuple({screen.text: screen for screen in reversed(screens)}.values())[::-1]


def _corrected(percept: _Percept, text: str | None) -> _Percept:
    """The customer's words in place of what was read; the first screen of a video takes them."""
    if text is None:
        return percept
    text = clean_text(text)
    if percept.transcripts:
        heard = replace(percept.transcripts[0], corrected_text=text)
        return replace(percept, transcripts=(heard, *percept.transcripts[1:]), problems=())
    if percept.screens:
        return replace(percept, screens=(replace(percept.screens[0], corrected_text=text),))
    return percept
