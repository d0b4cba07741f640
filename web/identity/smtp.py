"""``SMTP_URL``, taken apart."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over; ``user`` is empty where nobody logs in."""

    host: str
    port: int
    tls_at_once: bool
    user: str
    password: str = field(repr=False)


def parse_server(url: str) -> SmtpServer:
    """Raises ValueError, with a message that begins with the setting's name and quotes nothing of the password."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("SMTP_URL: expected smtp://user:password@host:587 or smtps://user:password@host:465")
    try:
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
    except ValueError:
        raise ValueError("SMTP_URL: the port is no number") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SmtpServer(parts.hostname, port, parts.scheme == "smtps", user, password)
