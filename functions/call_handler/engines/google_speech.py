"""What Google's speech services have in common: their messages, the gRPC channel, and how a key is shown.

``google.cloud.speech.v2`` and ``google.cloud.texttospeech.v1``, as far as a call needs them. Loaded for an engine that
asks for it alone: gRPC takes 11 MB (the extra ``google``).
"""

import base64
import time
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
import msgspec

from functions.call_handler.engines.protobuf_wire import DURATION, Field, Table, decode, encode

RECOGNIZE = "/google.cloud.speech.v2.Speech/StreamingRecognize"
SYNTHESIZE = "/google.cloud.texttospeech.v1.TextToSpeech/SynthesizeSpeech"
STREAM_SPEECH = "/google.cloud.texttospeech.v1.TextToSpeech/StreamingSynthesize"

RECOGNIZER_MULAW, SPEECH_MULAW = 2, 5  # AudioEncoding of the one and of the other
ACTIVITY_BEGIN, ACTIVITY_END = 2, 3  # SpeechEventType

_ADAPTATION: Table = {
    "phrase_sets": Field(
        1,
        {
            "inline_phrase_set": Field(
                2, {"phrases": Field(3, {"value": Field(1, "text"), "boost": Field(2, "float")}, is_list=True)}
            )
        },
        is_list=True,
    )
}
_RECOGNITION_CONFIG: Table = {
    "explicit_decoding_config": Field(
        8, {"encoding": Field(1, "int"), "sample_rate_hertz": Field(2, "int"), "audio_channel_count": Field(3, "int")}
    ),
    "model": Field(9, "text"),
    "language_codes": Field(10, "text", is_list=True),
    "features": Field(2, {"enable_automatic_punctuation": Field(4, "bool")}),
    "adaptation": Field(6, _ADAPTATION),
}
RECOGNIZE_REQUEST: Table = {
    "recognizer": Field(3, "text"),
    "streaming_config": Field(
        6,
        {
            "config": Field(1, _RECOGNITION_CONFIG),
            "streaming_features": Field(
                2, {"enable_voice_activity_events": Field(1, "bool"), "interim_results": Field(2, "bool")}
            ),
        },
    ),
    "audio": Field(5, "bytes"),
}
RECOGNIZE_RESPONSE: Table = {
    "results": Field(
        6,
        {
            "alternatives": Field(1, {"transcript": Field(1, "text")}, is_list=True),
            "is_final": Field(2, "bool"),
            "result_end_offset": Field(4, DURATION),
        },
        is_list=True,
    ),
    "speech_event_type": Field(3, "int"),
    "speech_event_offset": Field(7, DURATION),
}
_VOICE: Table = {"language_code": Field(1, "text"), "name": Field(2, "text")}
SYNTHESIZE_REQUEST: Table = {
    "input": Field(1, {"text": Field(1, "text")}),
    "voice": Field(2, _VOICE),
    "audio_config": Field(3, {"audio_encoding": Field(1, "int"), "sample_rate_hertz": Field(5, "int")}),
}
STREAM_SPEECH_REQUEST: Table = {
    "streaming_config": Field(
        1,
        {
            "voice": Field(1, _VOICE),
            "streaming_audio_config": Field(
                4, {"audio_encoding": Field(1, "int"), "sample_rate_hertz": Field(2, "int")}
            ),
        },
    ),
    "input": Field(2, {"text": Field(1, "text")}),
}
SPEECH_RESPONSE: Table = {"audio_content": Field(1, "bytes")}  # of both

LOCALES = {"en": "en-US", "fr": "fr-FR"}

# A refusal that another try would meet again.
FOR_GOOD = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
TOKEN_S = 3600.0
TOKEN_RENEWED_S = 3000.0

# A connection that died without a word is noticed after 40 s; servers refuse pings that are more frequent.
_OPTIONS = (("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000), ("grpc.enable_retries", 0))

Metadata = tuple[tuple[str, str], ...]


class Account(msgspec.Struct, frozen=True):
    """The JSON that Google gives for a service account's key."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    project_id: str = ""


class Service:
    """One of the services at ``url``, by TLS where that begins with https. ``key`` is an API key, a service account's
    JSON, or "" for a server that wants none. Raises ValueError for JSON that is no such key.
    """

    def __init__(self, url: str, key: str) -> None:
        scheme, _, place = url.rstrip("/").partition("://")
        self._host = place.partition("/")[0]
        self._key = key
        self._account = msgspec.json.decode(key, type=Account) if key.startswith("{") else None
        self._token, self._token_at = "", 0.0
        if scheme == "https":
            self._channel = grpc.aio.secure_channel(self._host, grpc.ssl_channel_credentials(), _OPTIONS)
        else:  # one's own, in one's own network
            self._channel = grpc.aio.insecure_channel(self._host, (*_OPTIONS, ("grpc.enable_http_proxy", 0)))

    @property
    def project(self) -> str:
        """The service account's; "-" where the key has none."""
        return (self._account.project_id if self._account is not None else "") or "-"

    async def ready(self) -> None:
        """Wait for the connection."""
        await self._channel.channel_ready()

    async def close(self) -> None:
        await self._channel.close()

    def stream(self, method: str, request: Table, response: Table, timeout_s: float, **routing: str) -> Any:
        """A call of ``method`` in both directions: dicts in, dicts out."""
        make = self._channel.stream_stream(
            method, lambda value: encode(request, value), lambda raw: decode(response, raw)
        )
        return make(timeout=timeout_s, metadata=self._metadata(routing))

    def ask(self, method: str, request: Table, response: Table, message: dict[str, Any], timeout_s: float) -> Any:
        """A call of ``method`` with one message and one answer, to be awaited."""
        make = self._channel.unary_unary(
            method, lambda value: encode(request, value), lambda raw: decode(response, raw)
        )
        return make(message, timeout=timeout_s, metadata=self._metadata({}))

    def _metadata(self, routing: dict[str, str]) -> Metadata:
        shown: Metadata = ()
        if routing:
            shown = (("x-goog-request-params", "&".join(f"{name}={quote(value)}" for name, value in routing.items())),)
        if self._account is not None:
            return (*shown, ("authorization", f"Bearer {self._bearer(self._account)}"))
        return (*shown, ("x-goog-api-key", self._key)) if self._key else shown

    def _bearer(self, account: Account) -> str:
        """A token that the account signs itself: Google takes it for one of its own, without being asked for one."""
        if time.monotonic() - self._token_at > TOKEN_RENEWED_S or not self._token:
            self._token, self._token_at = _signed(account, f"https://{self._host}/"), time.monotonic()
        return self._token


def _signed(account: Account, audience: str) -> str:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    private = serialization.load_pem_private_key(account.private_key.encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("a service account's key is an RSA key")
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    email = account.client_email
    claims = {"iss": email, "sub": email, "aud": audience, "iat": now, "exp": now + int(TOKEN_S)}
    unsigned = b".".join(_base64url(msgspec.json.encode(part)) for part in (head, claims))
    signature = private.sign(unsigned, padding.PKCS1v15(), hashes.SHA256())
    return (unsigned + b"." + _base64url(signature)).decode()


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def why(error: grpc.aio.AioRpcError) -> str:
    """The status alone: its details may hold what was said."""
    return str(error.code().name)
