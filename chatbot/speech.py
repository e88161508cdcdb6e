"""Voice to text with Whisper. Silence and noise give no segments, never an invented sentence."""

import logging
import re
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from chatbot.media import SAMPLE_RATE_HZ, decode_audio
from chatbot.messages import Segment, Transcript
from chatbot.settings import Settings

log = logging.getLogger(__name__)
_MAX_COMPRESSION = 2.4  # text that compresses better repeats itself: Whisper's own mark of a hallucination
_VAD = {"threshold": 0.5, "min_speech_duration_ms": 200, "min_silence_duration_ms": 600, "speech_pad_ms": 200}
_LETTER = re.compile(r"\w")


class SpeechRecognizer:
    """faster-whisper in int8; the model loads at first use.

    Args:
        model_folder: A CTranslate2 Whisper model.
        settings: Threads and the thresholds below which a segment is left out.
    """

    def __init__(self, model_folder: Path, settings: Settings) -> None:
        self._model_folder = model_folder
        self._settings = settings
        self._loading = threading.Lock()

    def transcribe(
        self, path: Path, name: str, attachment_sha256: str, vocabulary: Sequence[str] = ()
    ) -> Transcript:
        """What is said in a recording; no segments when nobody speaks.

        Args:
            vocabulary: Names that are likelier than they sound, such as the company's products.

        Raises:
            AttachmentError: The recording cannot be decoded.
        """
        samples = decode_audio(path, name)
        duration_s = len(samples) / SAMPLE_RATE_HZ
        if not self._has_speech(samples):
            return Transcript(attachment_sha256, (), "", 0.0, duration_s)
        segments, info = self._whisper.transcribe(
            samples,
            beam_size=5,
            vad_filter=True,
            vad_parameters=_VAD,
            condition_on_previous_text=False,
            hotwords=", ".join(vocabulary) or None,
            no_speech_threshold=self._settings.speech_max_no_speech_prob,
            log_prob_threshold=self._settings.speech_min_avg_logprob,
            compression_ratio_threshold=_MAX_COMPRESSION,
        )
        kept = tuple(self._segment(s) for s in segments if self._is_speech(s, vocabulary))
        return Transcript(attachment_sha256, kept, info.language, info.language_probability, duration_s)

    def warm_up(self) -> None:
        """Loads the model now rather than at the first recording."""
        _ = self._whisper

    @cached_property
    def _whisper(self) -> Any:
        from faster_whisper import WhisperModel

        with self._loading:
            return WhisperModel(
                str(self._model_folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=self._settings.threads,
                local_files_only=True,
            )

    @staticmethod
    def _has_speech(samples: Any) -> bool:
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        return bool(len(samples)) and bool(get_speech_timestamps(samples, VadOptions(**_VAD)))

    def _is_speech(self, segment: Any, vocabulary: Sequence[str]) -> bool:
        if not _LETTER.search(segment.text):
            return False
        if segment.compression_ratio > _MAX_COMPRESSION or _is_echo(segment.text, vocabulary):
            return False
        noisy = (
            segment.no_speech_prob > self._settings.speech_max_no_speech_prob and segment.avg_logprob < -0.5
        )
        return not noisy and segment.avg_logprob >= self._settings.speech_min_avg_logprob

    @staticmethod
    def _segment(segment: Any) -> Segment:
        return Segment(
            segment.text.strip(), segment.start, segment.end, segment.avg_logprob, segment.no_speech_prob
        )


def _is_echo(text: str, vocabulary: Sequence[str]) -> bool:
    """Whether a segment is nothing but the list of names it was biased with."""
    said = re.findall(r"\w+", text.lower())
    names = set(re.findall(r"\w+", " ".join(vocabulary).lower()))
    return len(said) > 4 and set(said) <= names
