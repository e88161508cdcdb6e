"""A message with everything in it: what works is perceived, what fails becomes a line, nothing is done twice."""

import io
import logging
import threading
import time
import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import chatbot.perceive
from chatbot.attachments import AttachmentStore
from chatbot.errors import AttachmentError, FrontdeskError, GenerationError
from chatbot.messages import Attachment, Kind, Message, Observation, OcrLine, Segment, Stage, Transcript
from chatbot.perceive import Perceiver
from chatbot.screenshot import ScreenReader
from chatbot.settings import Settings
from chatbot.speech import SpeechRecognizer
from chatbot.vision.ocr import Ocr
from tests.conftest import ModelFiles


class FakeSpeech:
    """Hears the given text, or raises the given error."""

    def __init__(self, said: str | Exception = "My router is slow") -> None:
        self.said = said
        self.calls: list[tuple[str, Sequence[str]]] = []

    def transcribe(
        self, path: Path, name: str, attachment_sha256: str, vocabulary: Sequence[str] = ()
    ) -> Transcript:
        assert path.is_file()
        self.calls.append((name, vocabulary))
        if isinstance(self.said, Exception):
            raise self.said
        segments = (Segment(self.said, 0.0, 1.0, -0.3, 0.01),) if self.said else ()
        return Transcript(attachment_sha256, segments, "en", 0.99, 1.0)


class FakeOcr:
    """Reads how bright the middle of an image is, or raises the given error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        self.calls += 1
        if self.error:
            raise self.error
        red = image.getpixel((image.width // 2, image.height // 2))[0]
        return (OcrLine(f"WR-{100 + round(red / 60) * 60}", 0.9, (0, 0, 9, 9)),)


@pytest.fixture
def store(settings: Settings) -> AttachmentStore:
    return AttachmentStore(settings.data_dir / "attachments", settings)


@pytest.fixture
def speech() -> FakeSpeech:
    return FakeSpeech()


@pytest.fixture
def ocr() -> FakeOcr:
    return FakeOcr()


@pytest.fixture
def perceiver(store: AttachmentStore, speech: FakeSpeech, ocr: FakeOcr, settings: Settings) -> Perceiver:
    return Perceiver(store, speech, ScreenReader(ocr), settings)


def picture(red: int = 200) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def recording(seconds: float = 1.0) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(int(seconds * 16_000) * 2))
    return buffer.getvalue()


def clip(*reds: int, frames_each: int = 8, with_sound: bool = True) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        pictures = container.add_stream("libx264", rate=4)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=48_000) if with_sound else None
        for red in np.repeat(reds, frames_each):
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[..., 0] = red
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(pictures.encode())
        if track is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 48_000
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return buffer.getvalue()


def test_everything_in_a_message_is_perceived(perceiver: Perceiver, store: AttachmentStore) -> None:
    files = {"shot.png": picture(0), "note.wav": recording(), "log.txt": b"\xef\xbb\xbfdropped at 10:00\r\n"}
    attachments = tuple(store.add(data, name) for name, data in files.items())
    observation = perceiver.perceive(Message("Help!", attachments, problems=("too big",)))
    assert observation.said == "Help!\nMy router is slow"
    assert observation.seen == "WR-100\ndropped at 10:00"
    assert observation.error_codes == ("WR-100",)
    assert observation.problems == ("too big",)
    assert perceiver.visual_path(observation.screens[0].visual_sha256).is_file()


def test_asking_again_repeats_no_work(
    perceiver: Perceiver, store: AttachmentStore, speech: FakeSpeech, ocr: FakeOcr
) -> None:
    message = Message("", (store.add(picture(), "shot.png"), store.add(recording(), "note.wav")))
    stages: list[Stage] = []
    assert perceiver.perceive(message, ["Wren Dot"], stages.append) == perceiver.perceive(
        message, ["Wren Dot"], stages.append
    )
    assert (ocr.calls, speech.calls) == (1, [("note.wav", ["Wren Dot"])])
    assert stages == [Stage.READING, Stage.LISTENING]
    perceiver.forget()
    perceiver.perceive(message)
    assert ocr.calls == 2


def test_only_the_newest_are_remembered(
    perceiver: Perceiver, store: AttachmentStore, ocr: FakeOcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chatbot.perceive, "_REMEMBERED", 2)
    shots = [Message("", (store.add(picture(red), "shot.png"),)) for red in (0, 100, 200)]
    for message in (*shots, shots[2], shots[1]):
        perceiver.perceive(message)
    assert ocr.calls == 3
    perceiver.perceive(shots[0])
    assert ocr.calls == 4


def test_a_bad_image_leaves_the_rest_alive(
    perceiver: Perceiver, store: AttachmentStore, ocr: FakeOcr
) -> None:
    ocr.error = AttachmentError("bad.png is damaged.", "Send it again.")
    message = Message("Hi", (store.add(picture(), "bad.png"), store.add(recording(), "note.wav")))
    observation = perceiver.perceive(message)
    assert observation.problems == ("I could not read the image bad.png: it is damaged. Send it again.",)
    assert observation.said == "Hi\nMy router is slow"
    assert observation.screens == ()


def test_what_nobody_expected_is_logged_with_its_traceback(
    perceiver: Perceiver, store: AttachmentStore, speech: FakeSpeech, caplog: pytest.LogCaptureFixture
) -> None:
    speech.said = RuntimeError("secret path /srv/x")
    message = Message("Hi", (store.add(recording(), "note.wav"), store.add(picture(), "shot.png")))
    with caplog.at_level(logging.ERROR):
        observation = perceiver.perceive(message)
    assert observation.problems[0].startswith(
        "I could not listen to the recording note.wav: something went wrong"
    )
    assert "secret" not in observation.problems[0]
    assert "secret path" in caplog.text
    assert len(observation.screens) == 1


def test_a_failure_is_tried_again(perceiver: Perceiver, store: AttachmentStore, ocr: FakeOcr) -> None:
    message = Message("", (store.add(picture(), "shot.png"),))
    ocr.error = MemoryError()
    assert perceiver.perceive(message).problems
    ocr.error = None
    observation = perceiver.perceive(message)
    assert observation.screens
    assert not observation.problems


def test_a_file_that_was_deleted_is_told(perceiver: Perceiver, store: AttachmentStore) -> None:
    kinds = {"a.png": picture(), "b.wav": recording(), "c.txt": b"hello", "d.mp4": clip(0)}
    attachments = tuple(store.add(data, name) for name, data in kinds.items())
    for attachment in attachments:
        store.path(attachment).unlink()
    problems = perceiver.perceive(Message("", attachments)).problems
    assert len(problems) == 5
    assert all("it is no longer stored. Please attach it again." in problem for problem in problems)


def test_silence_is_told_under_the_name_of_whoever_sent_it(
    perceiver: Perceiver, store: AttachmentStore, speech: FakeSpeech
) -> None:
    speech.said = ""
    mine, theirs = (store.add(recording(), name) for name in ("mine.wav", "theirs.wav"))
    assert mine.sha256 == theirs.sha256
    first, second = (perceiver.perceive(Message("", (a,))) for a in (mine, theirs))
    assert first.problems == (
        "No speech detected in mine.wav. Please record it again, or type your question.",
    )
    assert "theirs.wav" in second.problems[0]
    assert "mine.wav" not in second.problems[0]
    assert first.transcripts == second.transcripts == ()
    assert len(speech.calls) == 1


def test_a_long_text_file_is_read_from_its_start(perceiver: Perceiver, store: AttachmentStore) -> None:
    observation = perceiver.perceive(Message("", (store.add(b"abcd " * 2_000, "log.txt"),)))
    assert observation.documents == (("abcd " * 800).strip(),)
    assert observation.problems == ("Only the first 4,000 characters of log.txt were read.",)


# Videos


def watched(
    perceiver: Perceiver, store: AttachmentStore, *reds: int, with_sound: bool = True
) -> tuple[Attachment, Observation]:
    attachment = store.add(clip(*reds, with_sound=with_sound), "clip.mp4")
    assert attachment.kind is Kind.VIDEO
    return attachment, perceiver.perceive(Message("", (attachment,)))


def test_a_video_is_its_scenes_and_its_sound(perceiver: Perceiver, store: AttachmentStore) -> None:
    video, observation = watched(perceiver, store, 0, 120, 240)
    assert [s.text for s in observation.screens] == ["WR-100", "WR-220", "WR-340"]
    times_s = [s.time_s for s in observation.screens]
    assert times_s == pytest.approx([0, 2, 4], abs=0.3)
    assert {s.attachment_sha256 for s in observation.screens} == {video.sha256}
    frames = [perceiver.visual_path(s.visual_sha256) for s in observation.screens]
    assert [Image.open(path).size for path in frames] == [(64, 48)] * 3
    assert observation.transcripts[0].text == "My router is slow"


def test_no_more_key_frames_than_the_setting(
    store: AttachmentStore, speech: FakeSpeech, ocr: FakeOcr
) -> None:
    few = Perceiver(store, speech, ScreenReader(ocr), Settings(video_key_frames=2))
    _, observation = watched(few, store, 0, 60, 120, 180, 240)
    assert len(observation.screens) == 2


def test_a_still_video_is_one_screen(perceiver: Perceiver, store: AttachmentStore) -> None:
    _, observation = watched(perceiver, store, 120, 120)
    assert len(observation.screens) == 1


def test_a_silent_video_that_shows_words_is_no_problem(
    perceiver: Perceiver, store: AttachmentStore, speech: FakeSpeech
) -> None:
    speech.said = ""
    _, observation = watched(perceiver, store, 120, with_sound=False)
    assert observation.problems == ()
    assert observation.transcripts == ()


def test_a_video_with_broken_pictures_still_has_its_sound(
    perceiver: Perceiver, store: AttachmentStore, ocr: FakeOcr
) -> None:
    ocr.error = AttachmentError("clip.mp4 is damaged.")
    _, observation = watched(perceiver, store, 120)
    assert observation.problems == ("I could not watch the video clip.mp4: it is damaged.",)
    assert observation.said == "My router is slow"


# Corrections


def test_corrections_replace_what_was_perceived_without_doing_it_again(
    perceiver: Perceiver, store: AttachmentStore, speech: FakeSpeech, ocr: FakeOcr
) -> None:
    shot, note = store.add(picture(0), "shot.png"), store.add(recording(), "note.wav")
    message = Message("", (shot, note))
    perceiver.perceive(message)
    fixes = {shot.sha256: "WR-204 \u202eupdate", note.sha256: "My rooter is slow"}
    observation = perceiver.perceive(replace(message, corrections=fixes))
    assert (observation.said, observation.seen) == ("My rooter is slow", "WR-204 update")
    assert observation.error_codes == ("WR-204",)
    assert observation.transcripts[0].segments
    assert observation.screens[0].lines[0].text == "WR-100"
    assert (ocr.calls, len(speech.calls)) == (1, 1)
    assert perceiver.perceive(message).seen == "WR-100"


def test_a_correction_stands_in_for_what_could_not_be_perceived(
    perceiver: Perceiver, store: AttachmentStore, speech: FakeSpeech, ocr: FakeOcr
) -> None:
    ocr.error, speech.said = AttachmentError("shot.png is damaged."), ""
    shot, note = store.add(picture(), "shot.png"), store.add(recording(), "note.wav")
    fixes = {shot.sha256: "Error WR-107", note.sha256: "No internet"}
    observation = perceiver.perceive(Message("", (shot, note), fixes))
    assert (observation.said, observation.seen) == ("No internet", "Error WR-107")
    assert observation.error_codes == ("WR-107",)
    assert observation.problems == ()


def test_the_correction_of_a_video_goes_to_what_it_resembles(
    perceiver: Perceiver, store: AttachmentStore
) -> None:
    video, before = watched(perceiver, store, 0, 240)
    unchanged = perceiver.perceive(Message("", (video,), {video.sha256: "WR-340"}))
    assert unchanged == before
    fixed = perceiver.perceive(Message("", (video,), {video.sha256: "WR-341"}))
    assert fixed.seen == "WR-100\nWR-341"
    assert fixed.said == "My router is slow"
    fixed = perceiver.perceive(Message("", (video,), {video.sha256: "My rooter is slow"}))
    assert (fixed.said, fixed.seen) == ("My rooter is slow", "WR-100\nWR-340")


# With the real models


@pytest.fixture(scope="module")
def real(
    model_files: ModelFiles, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AttachmentStore, Perceiver]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    store = AttachmentStore(settings.data_dir / "attachments", settings)
    speech = SpeechRecognizer(model_files.whisper, settings)
    return store, Perceiver(store, speech, ScreenReader(Ocr(threads=settings.threads)), settings)


@pytest.mark.models
def test_a_turned_photo_of_a_screen_is_read(real: tuple[AttachmentStore, Perceiver]) -> None:
    store, perceiver = real
    image = Image.new("RGB", (640, 240), "white")
    ImageDraw.Draw(image).text(
        (40, 90), "Update failed WR-204", fill="black", font=ImageFont.load_default(36)
    )
    exif = image.getexif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    buffer = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif)
    observation = perceiver.perceive(Message("", (store.add(buffer.getvalue(), "photo.jpg"),)))
    assert observation.error_codes == ("WR-204",)


@pytest.mark.models
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_malformed_files_are_perceived_or_refused_in_words(
    real: tuple[AttachmentStore, Perceiver], eval_data: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = eval_data / "malformed" / kind
    if not folder.is_dir():
        pytest.skip(f"no malformed files at {folder}")
    store, perceiver = real
    for path in sorted(folder.iterdir()):
        started_s = time.monotonic()
        try:
            observation = perceiver.perceive(Message("", (store.add(path, path.name),)))
        except FrontdeskError:
            continue
        assert all(path.name in problem for problem in observation.problems)
        assert time.monotonic() - started_s < 10, path.name
    assert "could not be perceived" not in caplog.text


def test_what_takes_too_long_is_given_up_and_the_rest_is_perceived(
    store: AttachmentStore, speech: FakeSpeech, settings: Settings
) -> None:
    released = threading.Event()

    class StuckOcr(FakeOcr):
        def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
            released.wait(60)
            return super().read(image)

    hasty = settings.model_copy(update={"perception_timeout_s": 0.5})
    perceiver = Perceiver(store, speech, ScreenReader(StuckOcr()), hasty)
    screen, voice = store.add(picture(), "screen.png"), store.add(recording(), "voice.wav")
    seen = perceiver.perceive(Message("help", (screen, voice)))
    released.set()
    assert [transcript.text for transcript in seen.transcripts] == ["My router is slow"]
    assert seen.problems == (
        "I could not read the image screen.png: it takes longer than 0.5 seconds. "
        "Please send a smaller one, or type your question.",
    )


def test_a_picture_is_described_once_and_a_failure_is_no_description(
    store: AttachmentStore, settings: Settings
) -> None:
    asked: list[str] = []

    def describe(path: Path, seen: str) -> str:
        asked.append(seen)
        if len(asked) == 1:
            raise GenerationError("The engine failed.")
        return f"{path.stat().st_size} bytes that say {seen}."

    perceiver = Perceiver(store, FakeSpeech(), ScreenReader(FakeOcr()), settings, describe)
    shot = store.add(picture(0), "shot.png")
    observation = perceiver.perceive(Message("", (shot,)))
    assert perceiver.described(observation) == observation
    described = perceiver.described(observation)
    assert described.screens[0].description == f"{shot.size_bytes} bytes that say WR-100."
    assert perceiver.described(observation) == perceiver.described(described) == described
    assert len(asked) == 2
    perceiver.forget()
    perceiver.described(observation)
    assert len(asked) == 3
