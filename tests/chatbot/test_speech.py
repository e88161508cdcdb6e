"""Speech: silence and noise stay silent, whatever the recogniser is primed with."""

import json
import threading
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chatbot.speech
from chatbot.errors import AttachmentError
from chatbot.settings import Settings
from chatbot.speech import SpeechRecognizer, certainty, is_echo, without_repeats
from tests.conftest import EXAMPLES, ModelFiles

SHA = "ab" * 32
RATE_HZ = 16_000
VOCABULARY = ("Wren One", "Wren Dot", "Wrenfield Plus", "WR-501")


@dataclass
class Heard:
    """A segment as faster-whisper gives it."""

    text: str
    avg_logprob: float = -0.3
    no_speech_prob: float = 0.02
    compression_ratio: float = 1.1
    start: float = 0.0
    end: float = 1.0


@dataclass
class FakeWhisper:
    """Says the same segments about every recording."""

    segments: Sequence[Heard]
    language: str = "en"
    calls: list[dict[str, Any]] = field(default_factory=list)

    def transcribe(self, _samples: Any, **options: Any) -> tuple[Any, Any]:
        self.calls.append(options)
        return iter(self.segments), SimpleNamespace(language=self.language, language_probability=0.9)


def saved(path: Path, samples: np.ndarray[Any, Any]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def noises() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    time_s = np.arange(6 * RATE_HZ) / RATE_HZ
    pulse = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * time_s)
    return {
        "silence": np.zeros(6 * RATE_HZ),
        "hiss": rng.normal(0, 0.05, time_s.size),
        "loud hiss": rng.normal(0, 0.3, time_s.size),
        "pulsing hiss": rng.normal(0, 0.2, time_s.size) * pulse,
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time_s),
        "tone": 0.4 * np.sin(2 * np.pi * 440 * time_s),
        "buzz": 0.3 * np.sign(np.sin(2 * np.pi * 120 * time_s)) * pulse,
    }


def primed(settings: Settings, monkeypatch: pytest.MonkeyPatch, fake: FakeWhisper) -> SpeechRecognizer:
    """A recogniser that takes everything for speech and hears what the fake says."""
    recognizer = SpeechRecognizer(Path("no model"), settings)
    recognizer._model = fake
    monkeypatch.setattr(chatbot.speech, "_has_speech", lambda samples: bool(len(samples)))
    return recognizer


def heard(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *segments: Heard) -> list[str]:
    path = saved(tmp_path / "note.wav", np.zeros(RATE_HZ))
    recognizer = primed(settings, monkeypatch, FakeWhisper(segments))
    return [s.text for s in recognizer.transcribe(path, "note.wav", SHA, VOCABULARY).segments]


@pytest.mark.parametrize(
    "segment",
    [
        Heard("How do I reset my router?"),
        Heard("Wren Dot", avg_logprob=-0.4),
        Heard("Thank you.", avg_logprob=-0.2),
        Heard("Error WR-501 on my Wren One", no_speech_prob=0.3),
        Heard("我的路由器没有网络"),
    ],
)
def test_what_is_said_surely_is_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: Heard
) -> None:
    assert heard(settings, tmp_path, monkeypatch, segment) == [segment.text]


@pytest.mark.parametrize(
    "segment",
    [
        Heard("I think so.", avg_logprob=-1.2),
        Heard("Okay.", avg_logprob=-0.9, no_speech_prob=0.64),
        Heard("Alright.", avg_logprob=-0.95, no_speech_prob=0.5),
        Heard("no no no no no no no no no no no no", compression_ratio=3.0),
        Heard("Wren. Wren. Wren. Wren.", avg_logprob=-0.52, no_speech_prob=0.41),
        Heard("Wrenfield Plus, WR-501", avg_logprob=-0.84, no_speech_prob=0.3),
        Heard("Thanks for watching!", avg_logprob=-0.6, no_speech_prob=0.2),
        Heard("以下是简体中文普通话的句子。", avg_logprob=-0.6, no_speech_prob=0.3),
        Heard("... ♪"),
    ],
)
def test_guesses_echoes_and_subtitle_credits_are_left_out(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: Heard
) -> None:
    assert heard(settings, tmp_path, monkeypatch, segment) == []


def test_the_thresholds_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = Heard("I think so.", avg_logprob=-0.7)
    assert heard(Settings(data_dir=tmp_path), tmp_path, monkeypatch, segment)
    strict = Settings(data_dir=tmp_path, speech_min_avg_logprob=-0.6)
    assert not heard(strict, tmp_path, monkeypatch, segment)
    noisy = Heard("I think so.", avg_logprob=-0.55, no_speech_prob=0.4)
    assert heard(Settings(data_dir=tmp_path), tmp_path, monkeypatch, noisy)
    strict = Settings(data_dir=tmp_path, speech_max_no_speech_prob=0.3)
    assert not heard(strict, tmp_path, monkeypatch, noisy)


def test_a_stuck_decoder_is_heard_once_but_digits_each_time() -> None:
    stuck = without_repeats(
        [Heard("I am done here."), Heard("I'm fine."), Heard("I'm fine!"), Heard("I'm fine.")]
    )
    assert [s.text for s in stuck] == ["I am done here.", "I'm fine."]
    assert len(without_repeats([Heard("nine"), Heard("nine"), Heard("0075 5500"), Heard("0075 5500")])) == 4


def test_certainty_joins_both_probabilities() -> None:
    assert certainty(Heard("x", avg_logprob=0.0, no_speech_prob=0.0)) == 1
    assert certainty(Heard("x", avg_logprob=0.0, no_speech_prob=0.75)) == 0.25
    assert certainty(Heard("x", avg_logprob=-1.0)) < certainty(Heard("x", avg_logprob=-0.5))


def test_an_echo_says_nothing_but_the_names() -> None:
    assert is_echo("Wren, Dot! Wren", VOCABULARY)
    assert not is_echo("my Wren Dot", VOCABULARY)
    assert not is_echo("router", ())


def test_names_bias_the_recogniser_and_mandarin_is_asked_for_in_simplified_characters(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "note.wav", np.zeros(RATE_HZ))
    english, chinese = FakeWhisper([Heard("Hello there")]), FakeWhisper([Heard("你好，请问")], "zh")
    primed(settings, monkeypatch, english).transcribe(path, "note.wav", SHA, VOCABULARY)
    assert [c["hotwords"] for c in english.calls] == ["Wren One, Wren Dot, Wrenfield Plus, WR-501"]
    primed(settings, monkeypatch, chinese).transcribe(path, "note.wav", SHA)
    assert chinese.calls[0]["hotwords"] is None
    assert chinese.calls[-1]["language"] == "zh"
    assert "简体" in chinese.calls[-1]["initial_prompt"]


def test_names_that_derail_the_recogniser_are_left_out_of_a_second_try(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Derailed(FakeWhisper):
        def transcribe(self, samples: Any, **options: Any) -> tuple[Any, Any]:
            self.segments = [Heard("3 0 9 2", compression_ratio=9.0 if options["hotwords"] else 0.6)]
            return super().transcribe(samples, **options)

    path = saved(tmp_path / "note.wav", np.zeros(RATE_HZ))
    fake = Derailed([])
    transcript = primed(settings, monkeypatch, fake).transcribe(path, "note.wav", SHA, VOCABULARY)
    assert transcript.text == "3 0 9 2"
    assert [bool(c["hotwords"]) for c in fake.calls] == [True, False]


def test_silence_is_an_empty_transcript_and_loads_no_model(settings: Settings, tmp_path: Path) -> None:
    recognizer = SpeechRecognizer(Path("no model"), settings)
    transcript = recognizer.transcribe(
        saved(tmp_path / "s.wav", np.zeros(3 * RATE_HZ)), "s.wav", SHA, VOCABULARY
    )
    assert (transcript.segments, transcript.text, transcript.attachment_sha256) == ((), "", SHA)
    assert transcript.duration_s == pytest.approx(3)
    assert recognizer._model is None


def test_a_recording_without_a_single_sample_is_silence(settings: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "empty.wav", np.zeros(0))
    assert SpeechRecognizer(Path("no model"), settings).transcribe(path, "empty.wav", SHA).segments == ()


def test_a_corrupt_recording_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    with pytest.raises(AttachmentError, match=r"note\.wav is damaged"):
        SpeechRecognizer(Path("no model"), settings).transcribe(path, "note.wav", SHA)


def test_the_model_loads_once_for_all_threads(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faster_whisper

    loaded: list[str] = []

    def load(folder: str, **_options: Any) -> FakeWhisper:
        time.sleep(0.05)
        loaded.append(folder)
        return FakeWhisper([])

    monkeypatch.setattr(faster_whisper, "WhisperModel", load)
    recognizer = SpeechRecognizer(tmp_path, settings)
    threads = [threading.Thread(target=recognizer.warm_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [str(tmp_path)]


@pytest.fixture(scope="module")
def whisper(model_files: ModelFiles) -> SpeechRecognizer:
    return SpeechRecognizer(model_files.whisper, Settings())


@pytest.mark.models
@pytest.mark.parametrize("name", ["amber-light.wav", "bedtime.m4a", "cancel-plus.ogg", "dot-too-far.mp3"])
def test_clear_speech_is_heard_word_for_word(whisper: SpeechRecognizer, name: str) -> None:
    rows = (EXAMPLES / "voice" / "voice.jsonl").read_text(encoding="utf-8").splitlines()
    said = next(row["text"] for row in map(json.loads, rows) if row["audio"] == name)
    transcript = whisper.transcribe(EXAMPLES / "voice" / name, name, SHA, VOCABULARY)
    heard_words, said_words = (set(t.lower().replace("-", " ").split()) for t in (transcript.text, said))
    assert len(heard_words & said_words) >= 0.8 * len(said_words)
    assert transcript.language == "en"
    assert transcript.language_probability > 0.8
    assert all(s.avg_logprob > -0.7 and s.start_s < s.end_s for s in transcript.segments)


@pytest.mark.models
@pytest.mark.parametrize("name", noises())
def test_noise_is_no_sentence_and_no_product_name(
    whisper: SpeechRecognizer, tmp_path: Path, name: str
) -> None:
    path = saved(tmp_path / "noise.wav", noises()[name])
    assert whisper.transcribe(path, "noise.wav", SHA, VOCABULARY).segments == ()


@pytest.mark.models
def test_recorded_noise_is_no_sentence(whisper: SpeechRecognizer, eval_data: Path) -> None:
    folder = eval_data / "speech"
    paths = [*(folder / "noise").glob("*"), *folder.glob("*/noise_*")]
    if not paths:
        pytest.skip(f"no noise recordings in {folder}")
    for path in paths:
        assert whisper.transcribe(path, path.name, SHA, VOCABULARY).segments == (), path.name
