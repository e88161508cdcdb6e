"""Sound for the voice notes: resampling, seeded noise, a telephone line, and the audio files themselves."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

CODECS = {".ogg": ("libopus", 24_000), ".mp3": ("libmp3lame", 32_000), ".m4a": ("aac", 32_000)}


def resample(samples: Samples, old_rate: int, new_rate: int) -> Samples:
    """Change the sample rate by cutting or padding the spectrum, which is exact for short notes."""
    length = round(len(samples) * new_rate / old_rate)
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(length // 2 + 1, dtype=np.complex128)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return np.asarray(np.fft.irfft(kept, length) * (length / len(samples)), dtype=np.float32)


def noise(kind: str, length: int, rng: np.random.Generator) -> Samples:
    """White or pink noise with a standard deviation of one."""
    white = rng.standard_normal(length)
    if kind == "pink":
        spectrum = np.fft.rfft(white)
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
        spectrum[0] = 0
        white = np.fft.irfft(spectrum, length)
    return np.asarray(white / white.std(), dtype=np.float32)


def add_noise(samples: Samples, kind: str, snr_db: float, rng: np.random.Generator) -> Samples:
    """Add noise at a signal-to-noise ratio measured over the spoken part only."""
    spoken = samples[np.abs(samples) > 0.01]
    power = float(np.mean(spoken**2)) if len(spoken) else 1e-4
    level = np.sqrt(power / 10 ** (snr_db / 10))
    return np.asarray(samples + level * noise(kind, len(samples), rng), dtype=np.float32)


def telephone(samples: Samples, rate: int) -> Samples:
    """Keep 300 to 3400 Hz and quantise with 8-bit mu-law, as an old telephone line does."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    line = normalise(np.fft.irfft(spectrum, len(samples)).astype(np.float32))
    bent = np.sign(line) * np.log1p(255 * np.abs(line)) / np.log(256)
    steps = np.round(bent * 127) / 127
    return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255, dtype=np.float32)


def normalise(samples: Samples, peak: float = 0.8) -> Samples:
    """Scale so that the loudest sample reaches ``peak``."""
    return np.asarray(samples * (peak / max(float(np.abs(samples).max()), 1e-6)), dtype=np.float32)


def save(path: Path, samples: Samples, rate: int) -> None:
    """Write mono audio; the file's suffix decides the format."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    if path.suffix == ".wav":
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(pcm.tobytes())
        return
    codec, bit_rate = CODECS[path.suffix]
    options = {"fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", options={"flags": "+bitexact"})
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size or 0
        )
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
