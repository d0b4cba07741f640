"""When the makers of models stop serving them, as they announced it: a table to be read again with each release.

``GET /v1/models`` of OpenAI tells the same as ``shutdown_date``, of the models that an account may use.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

# Long enough to try the successor on a weekend, and to go back.
SOON = timedelta(days=90)

Purpose = Literal["conversation", "transcription", "greeting"]


@dataclass(frozen=True, slots=True)
class Retirement:
    """``stops`` is the first day without it. ``successor`` is the maker's own word, "" where it names none.

    ``read_on`` is the day on which ``source`` said so.
    """

    model: str
    purpose: Purpose
    stops: date
    successor: str
    source: str
    read_on: date


_SOURCE, _READ_ON = "OpenAI, deprecations", date(2026, 11, 27)

RETIREMENTS: tuple[Retirement, ...] = (
    Retirement("gpt-5-mini", "conversation", date(2026, 12, 11), "gpt-6.1-terra", _SOURCE, _READ_ON),
    Retirement("gpt-4o-mini-tts", "greeting", date(2027, 1, 6), "gpt-realtime-2.1", _SOURCE, _READ_ON),
    Retirement("tts-1", "greeting", date(2027, 1, 6), "", _SOURCE, _READ_ON),
    Retirement("tts-1-hd", "greeting", date(2027, 1, 6), "", _SOURCE, _READ_ON),
    Retirement("gpt-4.1", "conversation", date(2027, 1, 14), "gpt-6-luna", _SOURCE, _READ_ON),
    Retirement("gpt-4.1-mini", "conversation", date(2027, 1, 14), "gpt-6-luna", _SOURCE, _READ_ON),
    Retirement("gpt-4o-mini", "conversation", date(2027, 1, 14), "gpt-6-luna", _SOURCE, _READ_ON),
    Retirement("gpt-realtime", "conversation", date(2027, 1, 20), "gpt-realtime-2.1", _SOURCE, _READ_ON),
    Retirement("gpt-realtime-mini", "conversation", date(2027, 1, 20), "gpt-realtime-2.1-mini", _SOURCE, _READ_ON),
    Retirement("gpt-4o-transcribe", "transcription", date(2027, 2, 26), "gpt-transcribe", _SOURCE, _READ_ON),
    Retirement("gpt-4o-mini-transcribe", "transcription", date(2027, 2, 26), "gpt-transcribe", _SOURCE, _READ_ON),
    Retirement("whisper-1", "transcription", date(2027, 2, 26), "gpt-transcribe", _SOURCE, _READ_ON),
)


def of_model(model: str) -> Retirement | None:
    """That of a model or of the family that a dated snapshot (``gpt-realtime-2025-08-28``) belongs to."""
    return next((one for one in RETIREMENTS if model == one.model or model.startswith(f"{one.model}-20")), None)
