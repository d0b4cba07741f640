"""OVHcloud's SMS API, as far as ``integrations.messages.ovh`` speaks it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn
from integrations.messages.ovh import signature


class Ovh(StandIn):
    """``messages`` are what it has sent; while it ``holds``, what comes is ``queued`` until ``send_queued``. Every
    request's signature is computed anew."""

    def __init__(self, application_key: str, application_secret: str, consumer_key: str) -> None:
        super().__init__()
        self.application_key = application_key
        self.application_secret = application_secret
        self.consumer_key = consumer_key
        self.messages: list[dict[str, Any]] = []
        self.queued: list[dict[str, Any]] = []
        self.holds = False
        self._last = 0
        self.app.router.add_post("/1.0/sms/{service}/jobs", self._send)
        self.app.router.add_get("/1.0/sms/{service}/outgoing", self._list)
        self.app.router.add_get("/1.0/sms/{service}/jobs", self._list_jobs)
        for path in ("jobs", "outgoing"):
            self.app.router.add_get(f"/1.0/sms/{{service}}/{path}/{{id}}", self._show)

    async def _send(self, request: web.Request) -> web.Response:
        job: dict[str, Any] = await request.json()
        self.seen.append({"path": request.path, **job})
        if self.takes("refusing"):
            report = {"ids": [], "invalidReceivers": job["receivers"], "validReceivers": [], "totalCreditsRemoved": 0}
            return web.json_response(report)
        self._last += 1
        (self.queued if self.holds else self.messages).append(job | {"id": self._last})
        report = {"ids": [self._last], "validReceivers": job["receivers"], "invalidReceivers": []}
        return web.json_response(report | {"totalCreditsRemoved": 1})

    def send_queued(self) -> None:
        self.messages += self.queued
        self.queued.clear()

    async def _list_jobs(self, request: web.Request) -> web.Response:
        return web.json_response([one["id"] for one in self.queued])

    async def _show(self, request: web.Request) -> web.Response:
        """As far as ``sms.Job``, which has no tag, and ``sms.Outgoing`` are the same."""
        known = self.queued if "/jobs/" in request.path else self.messages
        found = [one for one in known if str(one["id"]) == request.match_info["id"]]
        if not found:
            return web.json_response({"message": "The requested object does not exist"}, status=404)
        receiver = "00" + found[0]["receivers"][0].lstrip("+")
        return web.json_response(
            {"id": found[0]["id"], "message": found[0]["message"], "receiver": receiver, "credits": 1}
        )

    async def _list(self, request: web.Request) -> web.Response:
        wanted = request.query.get("tag")
        return web.json_response([one["id"] for one in self.messages if wanted in (None, one["tag"])])

    async def refused(self, request: web.Request) -> web.Response | None:
        given, body = request.headers, await request.read()
        now = given.get("X-Ovh-Timestamp", "")
        url = str(request.url)
        wanted = signature(self.application_secret, self.consumer_key, request.method, url, body, now)
        known = (given.get("X-Ovh-Application"), given.get("X-Ovh-Consumer")) == (
            self.application_key,
            self.consumer_key,
        )
        if known and given.get("X-Ovh-Signature") == wanted:
            return None
        return web.json_response({"errorCode": "INVALID_SIGNATURE", "message": "Invalid signature"}, status=400)
