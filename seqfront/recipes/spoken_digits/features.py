"""Log-mel features with NumPy, from 16-bit wave files."""

from __future__ import annotations

import io
import math
import wave
from functools import lru_cache
from typing import Any

import numpy as np

from seqfront import errors

RATE = 8000
"""Samples a second; recordings of other rates are resampled."""

WINDOW, HOP = 200, 80
"""Samples of a frame, and between frames: 25 and 10 ms."""

MELS = 40
"""Features of a frame."""

_BINS = 256


def read_wave(data: bytes, name: str) -> Any:
    """Samples of a 16-bit wave file at `RATE`, channels averaged: float32, -1 to 1.

    Args:
        data: The file.
        name: What to call it in errors.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise errors.unreadable_recording(name, str(error)) from None
    if width != 2:
        raise errors.unreadable_recording(name, f"{8 * width} bits a sample")
    samples: Any = np.frombuffer(raw, "<i2")
    return resample(samples.reshape(-1, channels).mean(1) / 32768.0, rate).astype(np.float32)


def resample(samples: Any, rate: int) -> Any:
    """To `RATE`: what lies above half of it is cut off in the spectrum."""
    if rate == RATE or not len(samples):
        return samples
    size = max(1, round(len(samples) * RATE / rate))
    spectrum = np.fft.rfft(samples)[: size // 2 + 1]
    return np.fft.irfft(spectrum, size) * (size / len(samples))


def level(samples: Any, target: float = 0.08) -> Any:
    """Scale to a root mean square: speakers differ by 20 dB. Silence stays."""
    power = float(np.square(samples).mean()) ** 0.5 if len(samples) else 0.0
    return samples if power < 1e-6 else samples * np.float32(target / power)


def log_mel(samples: Any) -> Any:
    """float32 [frame, mel]; the last samples that fill no window are left out."""
    count = max(0, (len(samples) - WINDOW) // HOP + 1)
    if not count:
        return np.zeros((0, MELS), np.float32)
    frames: Any = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
    frames = frames - frames.mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), _BINS)) ** 2
    return ((np.log(power @ _filters() + 1e-3) + 2.0) / 3.0).astype(np.float32)


def _edges() -> Any:
    """Hertz where triangles begin and end."""
    step = math.log10(1 + RATE / 2 / 700) / (MELS + 1)
    return 700.0 * (10.0 ** (step * np.arange(MELS + 2)) - 1.0)


@lru_cache(maxsize=1)
def _filters() -> Any:
    """Triangles over the bins, evenly spaced in mels (2595 log10(1 + hertz / 700))."""
    edges, hertz = _edges(), np.arange(_BINS // 2 + 1)[:, None] * RATE / _BINS
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))
