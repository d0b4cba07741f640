"""What a conversation costs: what its models used, by a price list, in dollars.

Token prices are dollars per million. Cached tokens are part of the input tokens and cost less; what is written into a
cache counts as other input, though Claude and GPT-6 take 1.25 times as much for it. Input transcription is billed
apart, by the minute or by the token. Behind each price stands where it was read, on 2026-11-27; those "told by others"
were not found on the maker's own page. A model that is on no list is counted as such (``Usage.unpriced``): what it
costs is unknown, which is not nothing.
"""

import msgspec


class Prices(msgspec.Struct, frozen=True):
    text_in: float
    text_cached: float
    text_out: float
    audio_in: float
    audio_cached: float
    audio_out: float


# Text models have text prices alone.
TEXT_PRICES = {
    # developers.openai.com/api/docs/models/<model>; beyond 272,000 input tokens they cost more
    "gpt-6-luna": Prices(0.10, 0.01, 0.50, 0, 0, 0),
    "gpt-5.6-luna": Prices(0.20, 0.02, 1.20, 0, 0, 0),
    "gpt-5-mini": Prices(0.25, 0.025, 2.00, 0, 0, 0),
    # told by others: tokenmath.io, checked there on 2026-06-21; cached input gist.github.com/ei-grad, 2025-04-14
    "gpt-4.1": Prices(2.00, 0.50, 8.00, 0, 0, 0),
    "gpt-4.1-mini": Prices(0.40, 0.10, 1.60, 0, 0, 0),
    # told by others: chatgptpricing-akr.pages.dev
    "gpt-4o-mini": Prices(0.15, 0.075, 0.60, 0, 0, 0),
    # platform.claude.com/docs/models/haiku-4-5/overview; cached input docs.rs/synaps 0.10.2, which quotes Anthropic
    "claude-haiku-4-5": Prices(1.00, 0.10, 5.00, 0, 0, 0),
    # told by others: docs.rs/synaps 0.10.2, which quotes platform.claude.com; Haiku 5.5 up to 100,000 input tokens
    "claude-haiku-5-5": Prices(0.10, 0.01, 0.50, 0, 0, 0),
    "claude-sonnet-5-5": Prices(2.00, 0.10, 10.00, 0, 0, 0),
    "claude-sonnet-4-5": Prices(3.00, 0.30, 15.00, 0, 0, 0),
}
# developers.openai.com/api/docs/models/<model>
SPEECH_PER_MILLION_CHARACTERS = {"tts-1": 15.0, "tts-1-hd": 30.0, "local": 0.0}
FREE = Prices(0, 0, 0, 0, 0, 0)
REALTIME_PRICES = {
    # developers.openai.com/api/docs/models/<model>
    "gpt-realtime-2.1": Prices(4.00, 0.40, 24.00, 32.00, 0.40, 64.00),
    "gpt-realtime-2": Prices(4.00, 0.40, 24.00, 32.00, 0.40, 64.00),
    "gpt-realtime-1.5": Prices(4.00, 0.40, 16.00, 32.00, 0.40, 64.00),
    "gpt-realtime-2.1-mini": Prices(0.60, 0.06, 2.40, 10.00, 0.30, 20.00),
    # stop in January 2027, and their own pages were not found: taken to cost what their successors do
    "gpt-realtime": Prices(4.00, 0.40, 16.00, 32.00, 0.40, 64.00),
    "gpt-realtime-mini": Prices(0.60, 0.06, 2.40, 10.00, 0.30, 20.00),
    "local": FREE,
}
LIVE_PER_MINUTE = {
    "gpt-live-1.1": 0.05,  # developers.openai.com/api/docs/models/gpt-live-1.1; the lower rate is for WebRTC alone
    "gpt-live-1": 0.05,  # told by others: apidog.com, of 2026-11-20
}
TRANSCRIPTION_PER_MINUTE = {
    # developers.openai.com/api/docs/models/<model>
    "gpt-transcribe": 0.0045,
    "gpt-live-transcribe": 0.017,
    "gpt-realtime-whisper": 0.017,
    "whisper-1": 0.006,  # told by others: huggingface.co/spaces/SteveDigital
    "whisper-base": 0.0,
}
TRANSCRIPTION_TOKENS = {
    # developers.openai.com/api/docs/models/gpt-4o-transcribe
    "gpt-4o-transcribe": Prices(2.50, 2.50, 10.00, 2.50, 2.50, 10.00),
    # told by others: openrouter.ai (input); output in proportion
    "gpt-4o-mini-transcribe": Prices(1.25, 1.25, 5.00, 1.25, 1.25, 5.00),
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
    dollars: float = 0.0
    unpriced: int = 0  # replies and captions of models that are on no list
    unknown: tuple[str, ...] = ()  # those models

    def add(self, other: "Usage") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unknown = tuple(dict.fromkeys(self.unknown))

    def lacks(self, model: str) -> None:
        """What ``model`` costs is on no list."""
        self.unpriced += 1
        self.unknown = tuple(dict.fromkeys((*self.unknown, model)))


def price(usage: Usage, model: str, transcription_model: str) -> None:
    """Fill in ``dollars`` of one reply's or one caption's usage, and what is unknown of it."""
    prices = _listed(REALTIME_PRICES, model) or _listed(TEXT_PRICES, model)
    heard = _listed(TRANSCRIPTION_TOKENS, transcription_model)
    per_minute = TRANSCRIPTION_PER_MINUTE.get(transcription_model)
    spoke = usage.text_in + usage.text_cached + usage.text_out + usage.audio_in + usage.audio_cached + usage.audio_out
    transcribed = usage.transcription_in + usage.transcription_out + usage.transcribed_s
    if spoke and prices is None:
        usage.lacks(model)
    if transcribed and heard is None and per_minute is None:
        usage.lacks(transcription_model)
    prices, heard = prices or FREE, heard or FREE
    tokens = (
        usage.text_in * prices.text_in
        + usage.text_cached * prices.text_cached
        + usage.text_out * prices.text_out
        + usage.audio_in * prices.audio_in
        + usage.audio_cached * prices.audio_cached
        + usage.audio_out * prices.audio_out
        + usage.transcription_in * heard.audio_in
        + usage.transcription_out * heard.text_out
    )
    usage.dollars = tokens / 1_000_000 + usage.transcribed_s / 60 * (per_minute or 0.0)


def add_speech(usage: Usage, characters: int, model: str) -> None:
    """Add what it cost to say so many characters."""
    per_million = SPEECH_PER_MILLION_CHARACTERS.get(model)
    if characters and per_million is None:
        usage.lacks(model)
    usage.dollars += characters / 1_000_000 * (per_million or 0.0)


def add_live(usage: Usage, seconds: float, model: str) -> None:
    """Add what so much time of a full-duplex session costs."""
    per_minute = LIVE_PER_MINUTE.get(model)
    if seconds and per_minute is None:
        usage.lacks(model)
    usage.dollars += seconds / 60 * (per_minute or 0.0)


def _listed(prices: dict[str, Prices], model: str) -> Prices | None:
    """A dated snapshot (``gpt-realtime-2025-08-28``) costs what its family costs: the longest listed prefix."""
    names = [name for name in prices if model == name or model.startswith(f"{name}-20")]
    return prices[max(names, key=len)] if names else None
