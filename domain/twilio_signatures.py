"""X-Twilio-Signature: who asks is Twilio, for the account whose auth token is known.

The HMAC-SHA1 of the URL as Twilio knows it and the form's fields, sorted and joined without anything in between,
in base64.
"""

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

DEFAULT_PORTS = {"https": 443, "http": 80}


def sign(auth_token: str, url: str, form: Iterable[tuple[str, str]]) -> str:
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), "sha1")).decode()


def is_signed(signature: str, auth_token: str, url: str, form: Iterable[tuple[str, str]]) -> bool:
    """True also where Twilio signed the URL with the scheme's port and we know it without, or the other way round.

    With an empty token anybody could sign: False then."""
    if not auth_token:
        return False
    fields = tuple(form)
    given = signature.encode()
    return any(hmac.compare_digest(sign(auth_token, known, fields).encode(), given) for known in _spellings(url))


def _spellings(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    port = DEFAULT_PORTS.get(parts.scheme)
    if parts.port not in (None, port):
        return (url,)
    host = parts.netloc.removesuffix(f":{port}")
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))
