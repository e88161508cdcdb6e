"""What the product hears, against `clips.jsonl` {audio, text, language} or {audio, intent, slots}.

Error rates are edits over the length of what was said, all clips together. Words are lower-cased letters and figures;
figures are spoken out digit by digit on both sides, since "4 2" and "four two" are the same sound. Scripts without
spaces have no words, so there only characters count.
"""

import re
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatbot.errors import InputError
from chatbot.evaluation.report import Evaluation, Miss, Places, all_rows, intervals, worst
from chatbot.evaluation.rows import Row, read_rows
from chatbot.messages import Transcript

Transcribe = Callable[[Path], Transcript]
_DIGITS = "zero one two three four five six seven eight nine".split()
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_AUDIO = frozenset({".flac", ".wav", ".ogg", ".mp3", ".opus", ".m4a"})


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip: edits and lengths in words and characters, seconds of sound and of work."""

    word_edits: int
    words: int
    character_edits: int
    characters: int
    sound_s: float
    work_s: float


def evaluate_speech(data: Path, transcribe: Transcribe) -> Evaluation:
    """Transcribes every clip, and every file of noise that lies beside them.

    Noise is what is named `noise*` in the folder, and all of the folder `noise` in it or beside it.

    Returns:
        `wer`, `cer`, `real_time_factor` (work over sound); `no_speech_false_text_rate` where there is noise or a clip
        whose text is empty; `slot_recall` where clips have slots instead of a text: the share of slot values heard.

    Raises:
        InputError: There is neither a clip nor noise, or a row is not of the format.
    """
    rows = read_rows(data / "clips.jsonl", ("audio",)) if (data / "clips.jsonl").is_file() else []
    noise = _noise(data)
    if not rows and not noise:
        raise InputError(f"{data} holds neither clips.jsonl nor noise.", 'Lines are {"audio": …, "text": …}.')
    for row in rows:
        if not (data / str(row["audio"])).is_file():
            raise InputError(f"{row['audio']} is named in clips.jsonl and not there.")
    heard, misses, slots, false_texts = [], [], [], []
    for row in rows:
        text, clip = _hear(data / str(row["audio"]), transcribe, str(row.get("text") or ""))
        heard.append(clip)
        if "text" in row and not str(row["text"]).strip():
            false_texts.append(bool(words_of(text)))
        elif "text" in row:
            rate = clip.character_edits / max(clip.characters, 1)
            misses += [Miss(str(row["audio"]), str(row["text"]), text, rate)] if rate else []
        slots += _slots(row, text)
    for path in noise:
        text, _ = _hear(path, transcribe, "")
        false_texts.append(bool(words_of(text)))
        misses += [Miss(path.name, "", text, 1.0)] if words_of(text) else []
    measure = _measure(heard)
    metrics = dict(measure(all_rows(len(heard)))) if heard else {}
    if false_texts:
        metrics["no_speech_false_text_rate"] = sum(false_texts) / len(false_texts)
    if slots:
        metrics["slot_recall"] = sum(slots) / len(slots)
    ends = intervals(measure, len(heard)) if heard else {}
    return Evaluation(
        "speech",
        data.name,
        len(rows) + len(noise),
        metrics,
        {name: pair for name, pair in ends.items() if name in metrics},
        {"clips": len(rows), "noise": len(false_texts)},
        worst(misses),
    )


def words_of(text: str) -> list[str]:
    """Lower-case words; figures digit by digit, apostrophes left out."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    spoken = re.sub(r"[0-9]", lambda digit: f" {_DIGITS[int(digit[0])]} ", folded)
    return re.findall(r"[^\W_]+", spoken)


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Fewest insertions, deletions and replacements between two sequences (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, item in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (item != wanted))
    return row[-1]


def _hear(path: Path, transcribe: Transcribe, said: str) -> tuple[str, Heard]:
    started_s = time.perf_counter()
    transcript = transcribe(path)
    work_s = time.perf_counter() - started_s
    wanted, got = words_of(said), words_of(transcript.text)
    has_words = bool(wanted) and not _UNSPACED.search(said)
    letters, found = "".join(wanted), "".join(got)
    return transcript.text, Heard(
        edits(wanted, got) if has_words else 0,
        len(wanted) if has_words else 0,
        edits(letters, found) if wanted else 0,
        len(letters),
        transcript.duration_s,
        work_s,
    )


def _measure(heard: Sequence[Heard]) -> Callable[[Places], Mapping[str, float]]:
    table = np.array(
        [(h.word_edits, h.words, h.character_edits, h.characters, h.work_s, h.sound_s) for h in heard],
        np.float64,
    ).reshape(-1, 6)

    def measure(places: Places) -> Mapping[str, float]:
        sums = table[places].sum(axis=0)
        named = {"wer": (0, 1), "cer": (2, 3), "real_time_factor": (4, 5)}
        has = table.sum(axis=0)
        return {
            n: float(sums[a] / sums[b]) if sums[b] else float("nan") for n, (a, b) in named.items() if has[b]
        }

    return measure


def _slots(row: Row, text: str) -> list[bool]:
    """Whether each slot's words were heard one after the other."""
    said = f" {' '.join(words_of(text))} "
    values = (row.get("slots") or {}).values() if isinstance(row.get("slots"), dict) else ()
    return [f" {' '.join(words_of(str(value)))} " in said for value in values]


def _noise(data: Path) -> list[Path]:
    folders = (data / "noise", data.parent / "noise") if data.name != "noise" else (data,)
    inside = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    beside = list(data.glob("noise*.*"))
    return sorted({path for path in (*inside, *beside) if path.suffix.lower() in _AUDIO})
