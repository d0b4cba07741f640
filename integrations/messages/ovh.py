"""Text messages by OVHcloud's SMS API (``/sms/{service}/jobs``), each request signed.

Written from OVHcloud's public API console; not yet tried with a real account. A job has a ``tag`` of twenty characters,
ours is made of the errand's key. Before anything is sent for a second time it is looked for: among what waits
(``GET …/jobs``, whose ``sms.Job`` shows receiver and message and no tag), then among what was sent
(``GET …/outgoing?tag=``, ``sms.Outgoing``). It sends no receipts by itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from domain.errands import SendMessage
from domain.messages import UNASKED
from integrations.tasks import Done, Later, Outcome, Refused, Task, decoded, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

BASE = "https://eu.api.ovh.com/1.0"
TAG_LENGTH = 20
MOST_LOOKED_AT = 20
# Not the message: it goes once the keys are right, or the clock.
CONNECTION_IS_WRONG = frozenset({"INVALID_SIGNATURE", "INVALID_KEY", "INVALID_CREDENTIAL", "QUERY_TIME_OUT"})


class _Report(msgspec.Struct, rename="camel"):
    ids: list[int] = []
    invalid_receivers: list[str] = []
    total_credits_removed: float = 0


class _Job(msgspec.Struct):
    """What waits, or was sent."""

    message: str = ""
    receiver: str = ""
    credits: float = 0


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
        if task.attempt > 1 and (known := await self._known(work, tag)) is not None:
            return known
        return _outcome(await self._ask("POST", f"{self._url}/jobs", self._job(work, tag)))

    async def _known(self, work: SendMessage, tag: str) -> Outcome | None:
        """What an attempt before has brought, or why nobody can tell; None where nothing is there. What waits is looked
        at first: what leaves for the other list meanwhile is found there."""
        waiting = await self._ids(f"{self._url}/jobs")
        if not isinstance(waiting, list):
            return waiting
        for job_id in sorted(waiting, reverse=True)[:MOST_LOOKED_AT]:
            answer = await self._ask("GET", f"{self._url}/jobs/{job_id}")
            if answer.status == 404:
                continue
            if not answer.good:
                return _outcome(answer)
            if (job := decoded(answer, _Job)) is None:
                return Later("no valid answer")
            if _is_of(job, work):
                return Done(str(job_id), _cost(job.credits))
        sent = await self._ids(f"{self._url}/outgoing?tag={tag}")
        if not isinstance(sent, list):
            return sent
        if sent:
            answer = await self._ask("GET", f"{self._url}/outgoing/{sent[0]}")
            found = decoded(answer, _Job) if answer.good else None
            return Done(str(sent[0]), {} if found is None else _cost(found.credits))
        if len(waiting) > MOST_LOOKED_AT:
            return Later("more waits there than can be looked through", is_there=True)
        return None

    async def _ids(self, url: str) -> list[int] | Outcome:
        answer = await self._ask("GET", url)
        if not answer.good:
            return _outcome(answer)
        ids = decoded(answer, list[int])
        return Later("no valid answer") if ids is None else ids

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


def _is_of(job: _Job, work: SendMessage) -> bool:
    """A STOP clause may have been added to its end."""
    return job.receiver.lstrip("+0") == work.to.lstrip("+0") and job.message.startswith(work.text)


def _cost(credits: float) -> dict[str, Any]:
    return {"currency": "credits", "micros": max(0, round(credits * 1_000_000))}


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer)) is not None:
        return later
    if answer.good:
        report = decoded(answer, _Report)
        if report is None:
            return Later("no valid answer")
        if not report.ids:
            return Refused("no valid receiver" if report.invalid_receivers else "nothing was sent")
        return Done(str(report.ids[0]), _cost(report.total_credits_removed))
    code = (decoded(answer, _Problem) or _Problem()).error_code[:60]
    if answer.status in (401, 403, 404) or code in CONNECTION_IS_WRONG:
        return Later(f"OVHcloud does not let us ({code or answer.status})")
    return Refused(f"{answer.error} ({code})" if code else answer.error)
