"""What a conversation costs: the model's tokens by a price list, in dollars.

Prices are the public list of late 2026, dollars per million tokens. A model that is not listed (a local
one) is free. Cached tokens are part of the input tokens and cost less. Input transcription is billed apart,
by the minute or by the token.
"""

import msgspec


class Prices(msgspec.Struct, frozen=True):
    text_in: float
    text_cached: float
    text_out: float
    audio_in: float
    audio_cached: float
    audio_out: float


REALTIME_PRICES = {
    "gpt-realtime-2.1": Prices(4.00, 0.40, 24.00, 32.00, 0.40, 64.00),
    "gpt-realtime-2": Prices(4.00, 0.40, 24.00, 32.00, 0.40, 64.00),
    "gpt-realtime-1.5": Prices(4.00, 0.40, 16.00, 32.00, 0.40, 64.00),
    "gpt-realtime": Prices(4.00, 0.40, 16.00, 32.00, 0.40, 64.00),
    "gpt-realtime-2.1-mini": Prices(0.60, 0.06, 2.40, 10.00, 0.30, 20.00),
    "gpt-realtime-mini": Prices(0.60, 0.06, 2.40, 10.00, 0.30, 20.00),
}
TRANSCRIPTION_PER_MINUTE = {"whisper-1": 0.006}
TRANSCRIPTION_TOKENS = {
    "gpt-4o-mini-transcribe": Prices(1.25, 1.25, 5.00, 1.25, 1.25, 5.00),
    "gpt-4o-transcribe": Prices(2.50, 2.50, 10.00, 2.50, 2.50, 10.00),
}


class Usage(msgspec.Struct, rename="camel"):
    """Tokens so far, cached ones apart from the rest of the input, and seconds of transcription."""

    text_in: int = 0
    text_cached: int = 0
    text_out: int = 0
    audio_in: int = 0
    audio_cached: int = 0
    audio_out: int = 0
    transcribed_s: float = 0.0
    transcription_in: int = 0
    transcription_out: int = 0

    def add(self, other: "Usage") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def dollars(usage: Usage, model: str, transcription_model: str) -> float:
    """The cost of ``usage``, to a millionth of a dollar."""
    total = 0.0
    prices = _listed(REALTIME_PRICES, model)
    if prices is not None:
        total += (
            usage.text_in * prices.text_in
            + usage.text_cached * prices.text_cached
            + usage.text_out * prices.text_out
            + usage.audio_in * prices.audio_in
            + usage.audio_cached * prices.audio_cached
            + usage.audio_out * prices.audio_out
        ) / 1_000_000
    heard = _listed(TRANSCRIPTION_TOKENS, transcription_model)
    if heard is not None:
        total += (usage.transcription_in * heard.audio_in + usage.transcription_out * heard.text_out) / 1_000_000
    total += usage.transcribed_s / 60 * TRANSCRIPTION_PER_MINUTE.get(transcription_model, 0.0)
    return round(total, 6)


def _listed(prices: dict[str, Prices], model: str) -> Prices | None:
    """A dated snapshot (``gpt-realtime-2025-08-28``) costs what its family costs: the longest listed prefix."""
    names = [name for name in prices if model == name or model.startswith(f"{name}-20")]
    return prices[max(names, key=len)] if names else None
