"""AWS Signature Version 4 of one request, as every object storage with the S3 API asks for it."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "s3"
UNRESERVED = "-_.~"


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    region: str


def canonical_path(path: str) -> str:
    """S3 encodes once, and keeps slashes."""
    return quote(path, safe=f"/{UNRESERVED}")


def canonical_query(query: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def authorization(
    credentials: Credentials, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> str:
    """The header Authorization. All ``headers`` are signed; their names are in lower case, and ``x-amz-date`` and
    ``x-amz-content-sha256`` are among them."""
    names = sorted(headers)
    signed = ";".join(names)
    canonical = "\n".join(
        (
            method,
            canonical_path(path),
            canonical_query(query),
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            signed,
            headers["x-amz-content-sha256"],
        )
    )
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{credentials.region}/{SERVICE}/aws4_request"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
