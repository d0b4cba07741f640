"""Text messages by OVHcloud's SMS API (``/sms/{service}/jobs``), each request signed.

Written from OVHcloud's public API console; not yet tried with a real account. A job has a ``tag`` of twenty characters:
ours is made of the errand's key, and looked for among what was sent before anything is sent for a second time. It sends
no receipts by itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from domain.errands import SendMessage
from domain.messages import UNASKED
from integrations.tasks import Done, Later, Outcome, Refused, Task, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

BASE = "https://eu.api.ovh.com/1.0"
TAG_LENGTH = 20
# Not the message: it goes once the keys are right, or the clock.
CONNECTION_IS_WRONG = frozenset({"INVALID_SIGNATURE", "INVALID_KEY", "INVALID_CREDENTIAL", "QUERY_TIME_OUT"})


class _Report(msgspec.Struct, rename="camel"):
    ids: list[int] = []
    invalid_receivers: list[str] = []
    total_credits_removed: float = 0


class _Problem(msgspec.Struct, rename="camel"):
    error_code: str = ""


class Ovh:
    """``sender`` is a name or number that the account may send as; "" for the service's own short number."""

    def __init__(
        self, network: Network, base: str, service: str, sender: str, application_key: str, secrets: Mapping[str, str]
    ) -> None:
        self._network = network
        self._url = f"{base}/sms/{quote(service, safe='')}"
        self._sender = sender
        self._application_key = application_key
        self._application_secret = secrets["application_secret"]
        self._consumer_key = secrets["consumer_key"]

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Ovh:
        base = (settings.get("url") or BASE).rstrip("/")
        return cls(network, base, settings["service"], settings.get("sender", ""), settings["application_key"], secrets)

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if not isinstance(work, SendMessage):
            raise unknown(work)
        tag = tag_of(task.key)
        if task.attempt > 1:
            answer = await self._ask("GET", f"{self._url}/outgoing?tag={tag}")
            if not answer.good:
                return _outcome(answer)
            if (sent := _ids(answer)) is None:
                return Later("no valid answer")
            if sent:
                return Done(str(sent[0]))
        return _outcome(await self._ask("POST", f"{self._url}/jobs", self._job(work, tag)))

    def _job(self, work: SendMessage, tag: str) -> bytes:
        job = {
            "message": work.text,
            "receivers": [work.to],
            "tag": tag,
            "priority": "high",
            "charset": "UTF-8",
            "noStopClause": work.template not in UNASKED,
        }
        return msgspec.json.encode(job | ({"sender": self._sender} if self._sender else {"senderForResponse": True}))

    async def _ask(self, method: str, url: str, body: bytes = b"") -> Answer:
        now = str(int(time.time()))
        signed = signature(self._application_secret, self._consumer_key, method, url, body, now)
        headers = {
            "x-ovh-application": self._application_key,
            "x-ovh-consumer": self._consumer_key,
            "x-ovh-timestamp": now,
            "x-ovh-signature": signed,
            "content-type": "application/json",
        }
        return await self._network.request(method, url, body=body or None, headers=headers)


def signature(application_secret: str, consumer_key: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """``$1$`` and the SHA-1 of the six, joined by ``+``."""
    signed = "+".join((application_secret, consumer_key, method, url, body.decode(), timestamp))
    return "$1$" + hashlib.sha1(signed.encode()).hexdigest()


def tag_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:TAG_LENGTH]


def _ids(answer: Answer) -> list[int] | None:
    try:
        return msgspec.json.decode(answer.body, type=list[int])
    except msgspec.MsgspecError:
        return None


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer)) is not None:
        return later
    if answer.good:
        try:
            report = msgspec.json.decode(answer.body, type=_Report)
        except msgspec.MsgspecError:
            return Later("no valid answer")
        if not report.ids:
            return Refused("no valid receiver" if report.invalid_receivers else "nothing was sent")
        micros = max(0, round(report.total_credits_removed * 1_000_000))
        return Done(str(report.ids[0]), {"currency": "credits", "micros": micros})
    try:
        code = msgspec.json.decode(answer.body, type=_Problem).error_code[:60]
    except msgspec.MsgspecError:
        code = ""
    if answer.status in (401, 403, 404) or code in CONNECTION_IS_WRONG:
        return Later(f"OVHcloud does not let us ({code or answer.status})")
    return Refused(f"{answer.error} ({code})" if code else answer.error)
