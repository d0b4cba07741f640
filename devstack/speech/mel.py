"""Log-mel features as Whisper was trained on them, with numpy only.

The numbers are those of the Whisper paper's reference: 16 kHz, 25 ms Hann windows every 10 ms, 80 Slaney mel
bands, log10 floored 8 below the maximum. A test compares them with faster-whisper's where that is installed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voices.g711 import Samples

RATE = 16000
FFT_SIZE = 400
HOP = 160
BANDS = 80

_LINEAR_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear up to 1 kHz, logarithmic above."""
    linear = _LINEAR_HZ_PER_MEL * mels
    start = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
    return np.where(mels < start, linear, _LOG_START_HZ * np.exp(_LOG_STEP * (mels - start)))


def _filters() -> NDArray[np.float32]:
    """Triangular bands of equal area, (BANDS, FFT_SIZE // 2 + 1)."""
    top_mel = _LOG_START_HZ / _LINEAR_HZ_PER_MEL + np.log(RATE / 2 / _LOG_START_HZ) / _LOG_STEP
    edges = _mel_to_hz(np.linspace(0.0, top_mel, BANDS + 2))
    bins = np.fft.rfftfreq(FFT_SIZE, 1.0 / RATE)
    ramps = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0.0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    area = 2.0 / (edges[2:] - edges[:-2])
    return (triangles * area[:, None]).astype(np.float32)


_FILTERS = _filters()
_WINDOW = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)


def log_mel(samples: Samples) -> NDArray[np.float32]:
    """(BANDS, frames) from 16 kHz samples: an even number of frames, ten milliseconds each."""
    padded = np.pad(np.pad(samples, (0, HOP)), FFT_SIZE // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP][:-1]
    power = np.abs(np.fft.rfft(frames * _WINDOW, axis=-1)).astype(np.float32) ** 2
    log_power = np.log10(np.maximum(_FILTERS @ power.T, 1e-10))
    floored = np.maximum(log_power, log_power.max() - 8.0)
    features: NDArray[np.float32] = ((floored + 4.0) / 4.0).astype(np.float32)
    return np.ascontiguousarray(features[:, : features.shape[1] // 2 * 2])
