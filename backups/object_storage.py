"""A bucket by the S3 API: as much of it as backups and archives need, over the standard library's HTTP.

Every body is sent with its SHA-256, which is signed: a storage that got something else refuses it. A request that
fails in a way that passes is made again, with a growing pause; a download that breaks off goes on where it stopped.
"""

import contextlib
import hashlib
import http.client
import random
import ssl
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from backups.errors import BackupError
from backups.signing import Credentials, authorization, canonical_path, canonical_query

TIMEOUT_S = 60.0
ATTEMPTS = 6
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
PART_BYTES = 16 << 20  # of at most 10,000: 156 GiB
READ_BYTES = 1 << 20
MAY_PASS = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
_GONE = "NoSuchUpload"


class StoredObject(NamedTuple):
    key: str
    size: int
    """Bytes."""
    modified: datetime


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class ObjectStorage:
    """One bucket, by path (``https://host/bucket/key``), which every implementation understands."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        credentials: Credentials,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        part_bytes: int = PART_BYTES,
        settings: str = "BACKUP_S3",
    ) -> None:
        """``endpoint`` such as ``https://s3.example.net``. Raises BackupError when it is no such URL.

        ``settings``: how the names of those begin that errors tell to look at.
        """
        try:
            parts = urlsplit(endpoint)
            port = parts.port
        except ValueError:  # a port that is none, or half an IPv6 address
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise BackupError(f"{settings}_ENDPOINT: not a URL such as https://s3.example.net")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._named = parts.netloc.rpartition("@")[2]
        self._bucket = bucket
        self._credentials = credentials
        self._pause = first_pause_s
        self._part_bytes = part_bytes
        self._settings = settings

    def put(self, key: str, body: bytes) -> None:
        self._ask("PUT", key, body=body)

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        """Upload what comes, in parts; its length. The object is there whole or not at all."""
        upload = _text(self._ask("POST", key, {"uploads": ""}).body, "UploadId")
        try:
            tags, size = [], 0
            for number, part in enumerate(_parts(pieces, self._part_bytes), start=1):
                named = {"partNumber": str(number), "uploadId": upload}
                tags.append(self._ask("PUT", key, named, body=part).headers.get("etag", ""))
                size += len(part)
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
                for number, tag in enumerate(tags, start=1)
            )
            document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            self._complete(key, upload, document, size)
        except BaseException:
            with contextlib.suppress(BackupError):
                self._ask("DELETE", key, {"uploadId": upload})
            raise
        return size

    def _complete(self, key: str, upload: str, document: bytes, size: int) -> None:
        """It may answer 200 and say in its body that it failed; or be asked again when it was done already."""
        answer = self._ask("POST", key, {"uploadId": upload}, body=document, allowed=(404,))
        if answer.status == 404 or b"<Error>" in answer.body:
            said = _text(answer.body, "Code", "an unknown error")
            if said == _GONE and self.size(key) == size:
                return
            raise BackupError(f"the object storage did not put the parts together: {said}; run it again")

    def size(self, key: str) -> int | None:
        """Bytes; None where there is no such object."""
        answer = self._ask("HEAD", key, allowed=(404,))
        return None if answer.status == 404 else int(answer.headers["content-length"])

    def get(self, key: str) -> bytes | None:
        """A small object; None where there is none."""
        answer = self._ask("GET", key, allowed=(404,))
        return None if answer.status == 404 else answer.body

    def stream(self, key: str) -> Iterator[bytes]:
        """A large object. Raises BackupError where there is none, or it does not come whole."""
        size = self.size(key)
        if size is None:
            raise BackupError(f"there is no {key} in the bucket {self._bucket}")
        done, failures = 0, 0
        while done < size:
            began = done
            try:
                for piece in self._from(key, done):
                    done += len(piece)
                    yield piece
            except (OSError, http.client.HTTPException):
                pass
            failures = 0 if done > began else failures + 1
            if done < size:
                self._wait(failures, f"{key} does not come whole: {done} of {size} bytes")

    def _from(self, key: str, start: int) -> Iterator[bytes]:
        with self._sent("GET", key, {}, b"", {"range": f"bytes={start}-"} if start else {}) as response:
            if response.status not in (200, 206):
                response.read()
                if response.status not in MAY_PASS:
                    raise BackupError(f"the object storage answers {response.status} to GET {key}")
                return
            if start and response.status == 200:
                raise BackupError("the object storage takes no Range: the download can't go on; start it again")
            while piece := response.read(READ_BYTES):
                yield piece

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key begins with ``prefix``, in their keys' order."""
        query = {"list-type": "2", "prefix": prefix}
        while True:
            root = _parsed(self._ask("GET", "", query).body)
            for entry in root.iterfind("{*}Contents"):
                modified = datetime.fromisoformat(entry.findtext("{*}LastModified", "")).astimezone(UTC)
                yield StoredObject(entry.findtext("{*}Key", ""), int(entry.findtext("{*}Size", "0")), modified)
            following = root.findtext("{*}NextContinuationToken", "")
            if not following:
                return
            query = {**query, "continuation-token": following}

    def delete(self, key: str) -> None:
        """What is not there is no error."""
        self._ask("DELETE", key, allowed=(404,))

    def _ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes = b"",
        allowed: tuple[int, ...] = (),
    ) -> Answer:
        """Raises BackupError for what does not pass, naming what to look at."""
        failures = 0
        while True:
            try:
                with self._sent(method, key, query or {}, body, {}) as response:
                    headers = {name.lower(): value for name, value in response.getheaders()}
                    answer = Answer(response.status, headers, response.read())
            except ssl.SSLCertVerificationError as error:
                raise BackupError(
                    f"{self._settings}_ENDPOINT: its certificate is not trusted: {error.verify_message}"
                ) from None
            except (OSError, http.client.HTTPException) as error:
                why = f"the object storage does not answer: {error or type(error).__name__}"
            else:
                if answer.status < 300 or answer.status in allowed:
                    return answer
                why = f"the object storage answers {answer.status} to {method} {key}: {_text(answer.body, 'Code', '')}"
                if answer.status not in MAY_PASS:
                    raise BackupError(f"{why}{_advice(answer.status, self._settings)}")
            failures += 1
            self._wait(failures, why)

    def _wait(self, failures: int, why: str) -> None:
        if failures >= ATTEMPTS:
            raise BackupError(f"{why}; after {failures} attempts")
        time.sleep(min(self._pause * 2**failures, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0))

    @contextlib.contextmanager
    def _sent(
        self, method: str, key: str, query: Mapping[str, str], body: bytes, more: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        path = f"/{self._bucket}/{key}" if key else f"/{self._bucket}"
        headers = {
            "host": self._named,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            **more,
        }
        headers["authorization"] = authorization(self._credentials, method, path, query, headers)
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT_S)
        try:
            target = canonical_path(path) + (f"?{canonical_query(query)}" if query else "")
            connection.request(
                method, target, body=body or (b"" if method in ("PUT", "POST") else None), headers=headers
            )
            yield connection.getresponse()
        finally:
            connection.close()


def _advice(status: int, named: str) -> str:
    if status == 403:
        return f"; look at {named}_ACCESS_KEY, {named}_SECRET_KEY and {named}_REGION, and at this machine's clock"
    if status in (301, 404):
        return f"; look at {named}_BUCKET and {named}_REGION"
    return ""


def _parts(pieces: Iterable[bytes], length: int) -> Iterator[bytes]:
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        while len(gathered) >= length:
            yield bytes(gathered[:length])
            del gathered[:length]
    if gathered:
        yield bytes(gathered)


def _parsed(document: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise BackupError("BACKUP_S3_ENDPOINT: what answers there does not speak the S3 API") from None


def _text(document: bytes, name: str, otherwise: str | None = None) -> str:
    """The text of an element; without ``otherwise`` a document that lacks it is an error."""
    if otherwise is not None and not document.lstrip().startswith(b"<"):
        return otherwise
    found = next((one.text for one in _parsed(document).iter() if one.tag.rpartition("}")[2] == name), None)
    if found is None and otherwise is None:
        raise BackupError(f"BACKUP_S3_ENDPOINT: an answer without {name}: it does not speak the S3 API")
    return found or otherwise or ""
