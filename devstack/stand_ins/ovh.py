"""OVHcloud's SMS API, as far as ``integrations.messages.ovh`` speaks it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn
from integrations.messages.ovh import signature


class Ovh(StandIn):
    """``messages`` are what it has sent. Every request's signature is computed anew."""

    def __init__(self, application_key: str, application_secret: str, consumer_key: str) -> None:
        super().__init__()
        self.application_key = application_key
        self.application_secret = application_secret
        self.consumer_key = consumer_key
        self.messages: list[dict[str, Any]] = []
        self.app.router.add_post("/1.0/sms/{service}/jobs", self._send)
        self.app.router.add_get("/1.0/sms/{service}/outgoing", self._list)

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._signed(request, body):
            return web.json_response({"errorCode": "INVALID_SIGNATURE", "message": "Invalid signature"}, status=400)
        job: dict[str, Any] = await request.json()
        self.seen.append({"path": request.path, **job})
        if self.takes("refusing"):
            report = {"ids": [], "invalidReceivers": job["receivers"], "validReceivers": [], "totalCreditsRemoved": 0}
            return web.json_response(report)
        self.messages.append(job | {"id": len(self.messages) + 1})
        report = {"ids": [len(self.messages)], "validReceivers": job["receivers"], "invalidReceivers": []}
        return web.json_response(report | {"totalCreditsRemoved": 1})

    async def _list(self, request: web.Request) -> web.Response:
        if not self._signed(request, b""):
            return web.json_response({"errorCode": "INVALID_SIGNATURE", "message": "Invalid signature"}, status=400)
        wanted = request.query.get("tag")
        return web.json_response([one["id"] for one in self.messages if wanted in (None, one["tag"])])

    def _signed(self, request: web.Request, body: bytes) -> bool:
        given = request.headers
        now = given.get("X-Ovh-Timestamp", "")
        url = str(request.url)
        wanted = signature(self.application_secret, self.consumer_key, request.method, url, body, now)
        known = (given.get("X-Ovh-Application"), given.get("X-Ovh-Consumer")) == (
            self.application_key,
            self.consumer_key,
        )
        return known and given.get("X-Ovh-Signature") == wanted
