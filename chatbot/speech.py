"""Voice to text with Whisper. Silence and noise give no segments, never an invented sentence."""

import math
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chatbot.media import SAMPLE_RATE_HZ, decode_audio
from chatbot.messages import Segment, Transcript
from chatbot.settings import Settings

_MAX_COMPRESSION = 2.4  # text that compresses better repeats itself: Whisper's own mark of a hallucination
_TEMPERATURES = (0.0, 0.4, 0.8)  # later ones only where the first is stuck or unsure; each lengthens the wait
_VAD = {"threshold": 0.5, "min_speech_duration_ms": 200, "min_silence_duration_ms": 600, "speech_pad_ms": 200}
_MIN_CERTAINTY = 0.25
_MIN_CERTAINTY_OF_SUSPECTS = 0.5
_MIN_REPEAT_CHARS = 8
_MAX_VOCABULARY = 60
_PROMPTS = {"zh": "以下是简体中文普通话的句子。"}  # without it Mandarin comes in traditional characters
_CREDITS = re.compile(  # what Whisper learnt from subtitles and says over noise
    r"(thank(s| you)( so much| very much)?( for watching| for listening)?|please subscribe.*|bye( bye)?|you"
    r"|.*amara ?org.*|sous titrage.*|untertitel.*|字幕.*|请不吝点赞.*|謝謝觀看|谢谢观看|谢谢大家"
    r"|ご視聴ありがとうございました)"
)


class SpeechRecognizer:
    """faster-whisper in int8; the model loads once, at first use. Safe to use from several threads.

    Args:
        model_folder: A CTranslate2 Whisper model.
        settings: Threads and the thresholds below which a segment is left out.
    """

    def __init__(self, model_folder: Path, settings: Settings) -> None:
        self._model_folder = model_folder
        self._settings = settings
        self._loading = threading.Lock()
        self._model: Any = None

    def transcribe(
        self, path: Path, name: str, attachment_sha256: str, vocabulary: Sequence[str] = ()
    ) -> Transcript:
        """What is said in a recording; no segments when nobody speaks.

        Args:
            vocabulary: Names that are likelier than they sound, such as the company's products. They never
                appear where nothing was said.

        Raises:
            AttachmentError: The recording cannot be decoded.
        """
        samples = decode_audio(path, name)
        duration_s = len(samples) / SAMPLE_RATE_HZ
        if not _has_speech(samples):
            return Transcript(attachment_sha256, (), "", 0.0, duration_s)
        names = tuple(vocabulary)[:_MAX_VOCABULARY]
        heard, info = self._recognize(samples, names, hotwords=names)
        if names and not heard:  # names can derail the decoder, above all in numbers read out digit by digit
            heard, info = self._recognize(samples, names, hotwords=())
        return Transcript(attachment_sha256, heard, info.language, info.language_probability, duration_s)

    def warm_up(self) -> None:
        """Loads the model now rather than at the first recording."""
        self._whisper()

    def _recognize(
        self, samples: Any, names: Sequence[str], *, hotwords: Sequence[str]
    ) -> tuple[tuple[Segment, ...], Any]:
        options: dict[str, Any] = {
            "beam_size": 5,
            "temperature": _TEMPERATURES,
            "vad_filter": True,
            "vad_parameters": _VAD,
            "condition_on_previous_text": False,
            "hotwords": ", ".join(hotwords) or None,
            "no_speech_threshold": self._settings.speech_max_no_speech_prob,
            "log_prob_threshold": self._settings.speech_min_avg_logprob,
            "compression_ratio_threshold": _MAX_COMPRESSION,
        }
        found, info = self._whisper().transcribe(samples, **options)
        if prompt := _PROMPTS.get(info.language):  # nothing was decoded yet: the segments come lazily
            found, _ = self._whisper().transcribe(
                samples, language=info.language, initial_prompt=prompt, **options
            )
        return without_repeats(s for s in found if self._is_speech(s, names)), info

    def _whisper(self) -> Any:
        with self._loading:
            if self._model is None:
                from faster_whisper import WhisperModel

                self._model = WhisperModel(
                    str(self._model_folder),
                    device="cpu",
                    compute_type="int8",
                    cpu_threads=self._settings.threads,
                    local_files_only=True,
                )
            return self._model

    def _is_speech(self, segment: Any, names: Sequence[str]) -> bool:
        said = _letters(segment.text)
        if not said or segment.compression_ratio > _MAX_COMPRESSION:
            return False
        if segment.avg_logprob < self._settings.speech_min_avg_logprob:
            return False
        if segment.no_speech_prob > self._settings.speech_max_no_speech_prob and segment.avg_logprob < -0.5:
            return False
        suspect = is_echo(segment.text, names) or _CREDITS.fullmatch(said)
        return certainty(segment) >= (_MIN_CERTAINTY_OF_SUSPECTS if suspect else _MIN_CERTAINTY)


def certainty(segment: Any) -> float:
    """Probability in [0, 1] that somebody spoke and, token by token, that these were the words."""
    return math.exp(min(segment.avg_logprob, 0.0)) * (1 - float(segment.no_speech_prob))


def is_echo(text: str, names: Sequence[str]) -> bool:
    """Whether a text says nothing but what Whisper was primed with, as it does when nobody spoke."""
    said = set(_letters(text).split())
    primed = set(_letters(" ".join((*names, *_PROMPTS.values()))).split())
    return said <= primed


def without_repeats(found: Iterable[Any]) -> tuple[Segment, ...]:
    """Segments as plain values; one that says the same as the one before it is a stuck decoder."""
    kept: list[Segment] = []
    for s in found:
        segment = Segment(s.text.strip(), s.start, s.end, s.avg_logprob, s.no_speech_prob)
        if not kept or not _is_repeat(kept[-1].text, segment.text):
            kept.append(segment)
    return tuple(kept)


def _is_repeat(before: str, text: str) -> bool:
    """Numbers are read out digit by digit, so the same short word or figure twice is no repeat."""
    said = _letters(text)
    return said == _letters(before) and len(said) >= _MIN_REPEAT_CHARS and not re.search(r"\d", said)


def _letters(text: str) -> str:
    """Lower-case words with single spaces between."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def _has_speech(samples: Any) -> bool:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    return bool(len(samples)) and bool(get_speech_timestamps(samples, VadOptions(**_VAD)))
