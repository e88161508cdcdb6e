"""Recordings: who speaks by channel, by pause and by greeting."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chatbot.messages import Segment, Transcript
from finetune.transcripts import ReadOptions, TranscriptError
from finetune.transcripts.calls import by_pause
from tests.finetune.transcripts_files import read

RATE = 8000


def segment(text: str, start_s: float, end_s: float) -> Segment:
    return Segment(text, start_s, end_s, -0.2, 0.01)


def heard(*segments: Segment) -> Transcript:
    return Transcript("", segments, "en", 1.0, 10.0)


def wav(path: Path, *channels: np.ndarray) -> Path:
    data = np.stack(channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((data * 20_000).astype("<i2").tobytes())
    return path


def tone(hertz: float, from_s: float, to_s: float) -> np.ndarray:
    times = np.arange(RATE * 4) / RATE
    return np.where((times >= from_s) & (times < to_s), np.sin(2 * np.pi * hertz * times), 0.0)


def loudest(path: Path) -> float:
    """The main frequency of a recording."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        spectrum = np.abs(np.fft.rfft(samples))
        return float(spectrum.argmax() * file.getframerate() / len(samples))


def by_pitch(path: Path) -> Transcript:
    """Hears one voice on the low channel and another on the high one."""
    if loudest(path) < 600:
        return heard(segment("Thank you for calling.", 0.0, 1.0), segment("I see.", 2.5, 3.0))
    return heard(segment("My line is dead.", 1.2, 2.2))


@pytest.mark.parametrize("agent_channel", [0, 1])
def test_each_channel_is_one_side(tmp_path: Path, agent_channel: int) -> None:
    sides = [tone(300, 0, 1), tone(1200, 1.2, 2.2)]
    path = wav(tmp_path / "call.wav", *(sides if agent_channel == 0 else sides[::-1]))
    found, dropped = read(path, ReadOptions(agent_channel=agent_channel), transcribe=by_pitch)
    assert [(t.role, t.text) for t in found[0].turns] == [
        ("agent", "Thank you for calling."),
        ("customer", "My line is dead."),
        ("agent", "I see."),
    ]
    assert not dropped


@pytest.mark.parametrize("count", [1, 2])
def test_one_track_is_parted_by_pauses_even_when_it_is_there_twice(tmp_path: Path, count: int) -> None:
    listened: list[Path] = []

    def transcribe(path: Path) -> Transcript:
        listened.append(path)
        return heard(segment("My line is dead.", 0, 1), segment("How may I help you with it?", 2, 3))

    path = wav(tmp_path / "call.wav", *[tone(300, 0, 1)] * count)
    found, _ = read(path, transcribe=transcribe)
    assert listened == [path]
    assert [t.role for t in found[0].turns] == ["customer", "agent"]


def test_without_a_greeting_whoever_picks_up_is_the_agent() -> None:
    said = by_pause(
        (segment("Yes?", 0, 1), segment("Hello.", 1.2, 2), segment("It broke.", 3, 4), segment("Oh.", 5, 6))
    )
    assert [m.role for m in said] == ["agent", "agent", "customer", "agent"]


def test_silence_is_reported(tmp_path: Path) -> None:
    found, dropped = read(wav(tmp_path / "a.wav", tone(300, 0, 1)), transcribe=lambda _: heard())
    assert not found
    assert [d.kind for d in dropped] == ["no_speech"]


def test_recordings_need_something_that_hears(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="speech recognition is not set up"):
        read(wav(tmp_path / "a.wav", tone(300, 0, 1)))


def test_a_damaged_recording_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt " + b"\xff" * 100)
    fails: Callable[[Path], Transcript] = by_pitch
    with pytest.raises(TranscriptError, match="damaged"):
        read(path, transcribe=fails)
