"""Recordings of calls to conversations: by channel where each side has its own, else by pauses."""

import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from chatbot.errors import AttachmentError
from chatbot.messages import Segment, Transcript
from finetune.conversations import Role
from finetune.transcripts.roles import greets_as_agent
from finetune.transcripts.values import Dropped, Found, RawMessage, Source, TranscriptError

_RATE_HZ = 16_000
_PAUSE_S = 0.7
_SAME = 0.95  # correlation from which two channels are one, recorded twice


def recording(source: Source) -> Iterator[Found | Dropped]:
    """The conversation that is heard in a recording.

    Raises:
        TranscriptError: There is nothing that transcribes, or the file cannot be played.
    """
    transcribe = source.options.transcribe
    if transcribe is None:
        raise TranscriptError(
            f"{source.label} is a recording, and speech recognition is not set up.",
            "Fetch the speech model (`frontdesk models fetch --default`) and import it again.",
        )
    try:
        messages = _heard(source, transcribe)
    except AttachmentError as error:
        raise TranscriptError(error.message, error.hint) from error
    if messages:
        yield Found(1, tuple(messages))
    else:
        yield source.dropped(0, "no_speech", "no speech is heard in the recording")


def _heard(source: Source, transcribe: Callable[[Path], Transcript]) -> list[RawMessage]:
    with TemporaryDirectory(prefix="frontdesk-call-") as folder:
        channels = split_channels(source.path, Path(folder), source.label)
        if not channels:
            return by_pause(transcribe(source.path).segments)
        heard = [transcribe(channel).segments for channel in channels]
    return by_channel(heard[0], heard[1], source.options.agent_channel)


def by_channel(left: tuple[Segment, ...], right: tuple[Segment, ...], agent_channel: int) -> list[RawMessage]:
    """Messages in the order in which they begin; channel `agent_channel` (0 is left) is the agent's."""
    sides: tuple[Role, Role] = ("agent", "customer") if agent_channel == 0 else ("customer", "agent")
    said = [
        (s.start_s, side, s.text.strip())
        for side, part in zip(sides, (left, right), strict=True)
        for s in part
    ]
    return [RawMessage(side, text, role=side) for _, side, text in sorted(said) if text]


def by_pause(segments: tuple[Segment, ...]) -> list[RawMessage]:
    """Messages of one channel: after a pause the other side speaks.

    Whoever greets as agents do is the agent; without a greeting it is the one who picks up.
    """
    sides: tuple[list[str], list[str]] = ([], [])
    said: list[tuple[int, str]] = []
    speaker, ended = 1, float("-inf")
    for segment in segments:
        speaker = 1 - speaker if segment.start_s - ended >= _PAUSE_S else speaker
        ended = segment.end_s
        said.append((speaker, segment.text.strip()))
        sides[speaker].append(segment.text)
    greets = [greets_as_agent(" ".join(side)) for side in sides]
    agent = 1 if greets[1] and not greets[0] else 0
    roles: dict[bool, Role] = {True: "agent", False: "customer"}
    return [RawMessage("", text, role=roles[who == agent]) for who, text in said if text]


def split_channels(path: Path, folder: Path, label: str) -> list[Path]:
    """The two channels of a stereo recording as files of their own; none when it has one, or the same twice.

    Raises:
        AttachmentError: It cannot be decoded.
    """
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio or container.streams.audio[0].codec_context.channels != 2:
                return []
            return _split(container, folder)
    except (av.FFmpegError, OSError, ValueError, IndexError, RuntimeError) as error:
        raise AttachmentError(
            f"{label} is damaged and cannot be played.", "Export the recording again."
        ) from error


def _split(container: Any, folder: Path) -> list[Path]:
    files = [folder / f"channel{i}.wav" for i in range(2)]
    sums = np.zeros(3)
    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(file)) for file in files]
        for frame in _frames(container):
            samples = frame.to_ndarray().reshape(-1, 2)
            sums += _products(samples)
            for index, writer in enumerate(writers):
                writer.writeframes(np.ascontiguousarray(samples[:, index]).tobytes())
    return [] if _is_mono(sums) else files


def _frames(container: Any) -> Iterator[Any]:
    import av

    resampler = av.AudioResampler(format="s16", layout="stereo", rate=_RATE_HZ)
    for frame in container.decode(container.streams.audio[0]):
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _writer(path: Path) -> wave.Wave_write:
    writer = wave.open(str(path), "wb")  # noqa: SIM115 - the caller closes it
    writer.setnchannels(1)
    writer.setsampwidth(2)
    writer.setframerate(_RATE_HZ)
    return writer


def _products(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    left, right = samples[:, 0].astype(np.float64), samples[:, 1].astype(np.float64)
    return np.array([left @ left, right @ right, left @ right])


def _is_mono(sums: npt.NDArray[np.float64]) -> bool:
    """Whether both channels carry the same sound, or one of them none at all."""
    left, right, both = sums
    loud = max(left, right)
    if loud == 0 or min(left, right) < 1e-6 * loud:
        return True
    return bool(both / np.sqrt(left * right) >= _SAME)
