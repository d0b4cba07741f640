"""The headers of every answer, written out: nothing inline runs, nothing foreign loads, nobody frames us."""

from flask import Flask, Response, abort, request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.routing import IntegerConverter, Map

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Pico draws its icons as data: images
        "connect-src 'self'",
        "media-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=()"
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
}
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_ONE_YEAR_S = 31_536_000


class SessionInterface(SecureCookieSessionInterface):
    """The session cookie is Secure whenever the request came in over https, as a trusted proxy tells."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class RowNumber(IntegerConverter):
    """``<int:…>`` in a URL: what no row can have as its id is of nothing, and must not reach Postgres."""

    def __init__(self, url_map: Map, fixed_digits: int = 0) -> None:
        super().__init__(url_map, fixed_digits, max=2**63 - 1)


def secure(response: Response) -> Response:
    """Add the headers. Pages are never cached: they show orders, and the back button must not after logging out."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR_S}; includeSubDomains"
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def refuse_nul() -> None:
    """No text of ours has a NUL, and Postgres refuses it: such a path is of nothing, such a field a mistake."""
    if "\0" in request.path:
        abort(404)
    fields = [request.args, request.form] if request.mimetype in _FORMS else [request.args]
    if any("\0" in text for part in fields for pair in part.items(multi=True) for text in pair):
        abort(400)
