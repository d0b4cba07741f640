"""Time-based one-time passwords, RFC 6238: six digits of HMAC-SHA-1 that change every 30 seconds.

SHA-1 and six digits, because authenticator apps ignore what else a QR code asks for.
"""

import hashlib
import hmac
import time
from base64 import b32encode
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
DRIFT_STEPS = 1  # a phone's clock may be so far off, either way
ISSUER = "AlloResto"


def code_at(secret: bytes, step: int, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """HOTP (RFC 4226) of the time step: dynamic truncation takes four bytes where the last one points."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), getattr(hashlib, algorithm)).digest()
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, typed: str, now: float | None = None) -> int | None:
    """The time step whose code was typed, of those around ``now`` (seconds since 1970); None when it is wrong."""
    current = int(time.time() if now is None else now) // STEP_S
    digits = "".join(typed.split())
    steps = range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1)
    matching = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), digits.encode())]
    return max(matching, default=None)


def readable(secret: bytes) -> str:
    """The secret as it is typed into an app that has no camera: base32 in groups of four."""
    text = b32encode(secret).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(secret: bytes, account: str) -> str:
    """``otpauth://…``, which an app reads from a QR code."""
    label = quote(f"{ISSUER}:{account}", safe="")
    return f"otpauth://totp/{label}?secret={b32encode(secret).decode().rstrip('=')}&issuer={ISSUER}"
