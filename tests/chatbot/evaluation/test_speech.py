"""Error rates by hand, on recordings whose transcripts are given."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.errors import InputError
from chatbot.evaluation.speech import edits, evaluate_speech, words_of
from chatbot.messages import Segment, Transcript


def written(folder: Path, rows: list[dict[str, object]], *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "clips.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for name in (*(str(row["audio"]) for row in rows), *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"sound")
    return folder


def hearing(table: dict[str, str]) -> Callable[[Path], Transcript]:
    def transcribe(path: Path) -> Transcript:
        text = table.get(path.name, "")
        segments = (Segment(text, 0, 2, -0.1, 0.0),) if text else ()
        return Transcript("", segments, "en", 1.0, 2.0)

    return transcribe


def test_edits_are_counted_over_all_clips_together(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"audio": "a.wav", "text": "Where is my invoice?", "language": "en"},
        {"audio": "b.wav", "text": "yes", "language": "en"},
    ]
    folder = written(tmp_path / "set", rows)
    result = evaluate_speech(folder, hearing({"a.wav": "where is the invoice", "b.wav": "Yes."}))
    assert result.metrics["wer"] == pytest.approx(1 / 5)
    assert result.metrics["cer"] == pytest.approx(edits("my", "the") / len("whereismyinvoiceyes"))
    assert 0 < result.metrics["real_time_factor"] < 1
    assert "no_speech_false_text_rate" not in result.metrics
    assert [miss.given for miss in result.misses] == ["a.wav"]


def test_figures_are_spoken_out_and_chinese_counts_by_characters(tmp_path: Path) -> None:
    assert words_of("Order 42, it's ready") == ["order", "four", "two", "its", "ready"]
    folder = written(tmp_path / "set", [{"audio": "z.wav", "text": "我要退货", "language": "zh"}])
    metrics = evaluate_speech(folder, hearing({"z.wav": "我要退款"})).metrics
    assert metrics["cer"] == 0.25
    assert "wer" not in metrics


def test_text_over_noise_is_false_and_silence_is_right(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"audio": "a.wav", "text": "yes"},
        {"audio": "hush.wav", "text": ""},
    ]
    folder = written(
        tmp_path / "set", rows, "noise_kitchen.flac", "../noise/siren.flac", "../noise/notes.txt"
    )
    metrics = evaluate_speech(folder, hearing({"a.wav": "yes", "siren.flac": "Thank you."})).metrics
    assert metrics["no_speech_false_text_rate"] == pytest.approx(1 / 3)
    assert metrics["wer"] == 0


def test_the_folder_of_noise_alone_is_a_set_too(tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    folder.mkdir()
    (folder / "siren.flac").write_bytes(b"sound")
    result = evaluate_speech(folder, hearing({}))
    assert (result.n, dict(result.metrics)) == (1, {"no_speech_false_text_rate": 0.0})


def test_slots_are_heard_as_whole_words(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"audio": "a.wav", "intent": "order", "slots": {"size": "large", "drink": "tea"}}
    ]
    metrics = evaluate_speech(written(tmp_path / "s", rows), hearing({"a.wav": "a large steak"})).metrics
    assert metrics["slot_recall"] == 0.5
    assert "wer" not in metrics


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edits_are_a_distance(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert (edits(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= edits(one, other) <= max(len(one), len(other))


def test_a_clip_that_is_not_there_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", [{"audio": "a.wav", "text": "x"}])
    (folder / "a.wav").unlink()
    with pytest.raises(InputError, match=r"a\.wav is named"):
        evaluate_speech(folder, hearing({}))
    (folder / "clips.jsonl").unlink()
    with pytest.raises(InputError, match="neither clips"):
        evaluate_speech(folder, hearing({}))
