"""Random secrets that let in whoever has them, and what the tables keep of them, which opens nothing."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> bytes:
    """SHA-256, without salt or rounds: nobody guesses TOKEN_BYTES random bytes."""
    return hashlib.sha256(token.encode()).digest()
