"""A bucket with the S3 API in memory, as far as backups use it, that checks every signature and can misbehave.

It answers as the real ones do: XML, ETags, multipart uploads that appear whole, ``Range``, pages of a listing, 403 for
a signature or a body that does not match. ``failures`` says what goes wrong with the next requests.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from xml.sax.saxutils import escape

from aiohttp import web

from backups.signing import Credentials, authorization

BUCKET = "backups"
PAGE = 100
MOST_BYTES = 1 << 30
SKEW_S = 900

Failure = Literal["503", "slow", "truncated", "reset", "corrupted", "lost"]
"""``truncated``: half of the body, then the connection ends. ``corrupted``: a bit is another one. ``lost``: the request
is done, and its answer does not arrive."""


@dataclass(slots=True)
class Upload:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class ObjectStore:
    """``with ObjectStore() as store:`` serves on loopback, in a thread of its own, until the block ends."""

    port: int
    credentials: Credentials = field(
        default_factory=lambda: Credentials(secrets.token_hex(8), secrets.token_hex(20), "local-1")
    )
    objects: dict[str, bytes] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    failures: list[tuple[str, Failure]] = field(default_factory=list)
    """Each once: the method that it befalls, and what."""
    slow_s: float = 0.2
    requests: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What the settings of backups are for this bucket, but for the key."""
        return {
            "BACKUP_S3_ENDPOINT": self.url,
            "BACKUP_S3_BUCKET": BUCKET,
            "BACKUP_S3_REGION": self.credentials.region,
            "BACKUP_S3_ACCESS_KEY": self.credentials.access_key,
            "BACKUP_S3_SECRET_KEY": self.credentials.secret_key,
        }

    def __enter__(self) -> ObjectStore:
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="object store")
        self._thread.start()
        if not started.wait(30):
            raise RuntimeError("the object store does not start")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _serve(self, started: threading.Event) -> None:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", self.port).start())
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        failure = self._failure(request.method)
        if failure == "503":
            return _error(503, "SlowDown")
        if failure == "slow":
            await asyncio.sleep(self.slow_s)
        if failure == "reset":
            return _cut(request)
        refused = self._refusal(request, body)
        if refused:
            return _error(403, refused)
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if bucket != BUCKET:
            return _error(404, "NoSuchBucket")
        answer = self._done(request, key, body)
        if failure == "lost":
            return _cut(request)
        if failure in ("truncated", "corrupted") and isinstance(answer.body, bytes):
            return await self._spoiled(request, answer, failure)
        return answer

    def _failure(self, method: str) -> Failure | None:
        for number, (wanted, what) in enumerate(self.failures):
            if wanted == method:
                del self.failures[number]
                return what
        return None

    def _refusal(self, request: web.Request, body: bytes) -> str:
        given = request.headers.get("authorization", "")
        if f"Credential={self.credentials.access_key}/" not in given:
            return "InvalidAccessKeyId"
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        headers = {name: request.headers.get(name, "") for name in names}
        if not {"host", "x-amz-date", "x-amz-content-sha256"} <= headers.keys():
            return "AccessDenied"
        expected = authorization(self.credentials, request.method, request.path, dict(request.query), headers)
        if not secrets.compare_digest(given, expected):
            return "SignatureDoesNotMatch"
        said = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - said).total_seconds()) > SKEW_S:
            return "RequestTimeTooSkewed"
        if hashlib.sha256(body).hexdigest() != headers["x-amz-content-sha256"]:
            return "XAmzContentSHA256Mismatch"
        return ""

    def _done(self, request: web.Request, key: str, body: bytes) -> web.Response:
        query = request.query
        match request.method:
            case "PUT" if "uploadId" in query:
                return self._take_part(query["uploadId"], int(query["partNumber"]), body)
            case "PUT":
                self._keep(key, body)
                return web.Response(headers={"ETag": _tag(body)})
            case "POST" if "uploads" in query:
                upload = secrets.token_hex(8)
                self.uploads[upload] = Upload(key)
                return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
            case "POST":
                return self._complete(query.get("uploadId", ""))
            case "DELETE" if "uploadId" in query:
                self.uploads.pop(query["uploadId"], None)
                return web.Response(status=204)
            case "DELETE":
                self.objects.pop(key, None)
                return web.Response(status=204)
            case "GET" if not key:
                return self._page(query.get("prefix", ""), query.get("continuation-token", ""))
            case "GET" | "HEAD" if key in self.objects:
                return self._got(request, key)
        return _error(404, "NoSuchKey")

    def _take_part(self, upload: str, number: int, body: bytes) -> web.Response:
        if upload not in self.uploads:
            return _error(404, "NoSuchUpload")
        self.uploads[upload].parts[number] = body
        return web.Response(headers={"ETag": _tag(body)})

    def _complete(self, name: str) -> web.Response:
        upload = self.uploads.pop(name, None)
        if upload is None:
            return _error(404, "NoSuchUpload")
        self._keep(upload.key, b"".join(upload.parts[number] for number in sorted(upload.parts)))
        return _xml("CompleteMultipartUploadResult", f"<Key>{escape(upload.key)}</Key>")

    def _keep(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        self.modified[key] = datetime.now(UTC)

    def _got(self, request: web.Request, key: str) -> web.Response:
        body, headers = self.objects[key], {"ETag": _tag(self.objects[key])}
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(body))})
        begins = request.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if begins:
            return web.Response(status=206, body=body[int(begins) :], headers=headers)
        return web.Response(body=body, headers=headers)

    def _page(self, prefix: str, after: str) -> web.Response:
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        shown = keys[:PAGE]
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            f"<LastModified>{self.modified[key]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key in shown
        )
        more = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if len(keys) > PAGE else ""
        return _xml("ListBucketResult", entries + more)

    async def _spoiled(self, request: web.Request, answer: web.Response, failure: Failure) -> web.StreamResponse:
        body = bytearray(answer.body if isinstance(answer.body, bytes) else b"")
        response = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        if failure == "corrupted":
            body[len(body) // 2] ^= 1
            await response.write(bytes(body))
        else:
            await response.write(bytes(body[: len(body) // 2]))
            if request.transport is not None:
                request.transport.close()
        return response


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _tag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _xml(name: str, content: str, status: int = 200) -> web.Response:
    document = f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{content}</{name}>'
    return web.Response(status=status, body=document.encode(), content_type="application/xml")


def _error(status: int, code: str) -> web.Response:
    document = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return web.Response(status=status, body=document.encode(), content_type="application/xml")
