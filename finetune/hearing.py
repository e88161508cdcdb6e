"""Speech recognition for recordings among the transcripts; the model is looked for at the first one."""

from collections.abc import Callable
from pathlib import Path

from chatbot.errors import ModelError
from chatbot.messages import Transcript
from chatbot.models import ModelStore, Purpose
from chatbot.settings import Settings
from chatbot.speech import SpeechRecognizer
from finetune.transcripts import TranscriptError

Transcribe = Callable[[Path], Transcript]


class Hearing:
    """Writes recordings down with the configured Whisper; a missing model makes that one file unusable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recognizer: SpeechRecognizer | None = None

    def __call__(self, path: Path) -> Transcript:
        """What is said.

        Raises:
            AttachmentError: The recording cannot be played.
            TranscriptError: The model is not there.
        """
        return self._loaded().transcribe(path, path.name, "")

    def _loaded(self) -> SpeechRecognizer:
        if self._recognizer is None:
            models = ModelStore(self._settings.models_path, offline=self._settings.offline)
            try:
                folder = models.resolve(self._settings.whisper, Purpose.SPEECH)
            except ModelError as error:
                raise TranscriptError(error.message, error.hint) from error
            self._recognizer = SpeechRecognizer(folder, self._settings)
        return self._recognizer
