"""Twilio's Messages API, its status callbacks and what people write back (``integrations.messages.twilio``)."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import aiohttp
from aiohttp import web

from devstack.stand_ins.standing import StandIn
from domain.messages import parts
from domain.twilio_signatures import sign


class Twilio(StandIn):
    """``messages`` are what it has sent, the oldest first; as the real one it takes the same message twice."""

    def __init__(self, account: str, token: str) -> None:
        super().__init__()
        self.account = account
        self.token = token
        self.messages: list[dict[str, Any]] = []
        self.opted_out: set[str] = set()
        path = "/2010-04-01/Accounts/{account}/Messages.json"
        self.app.router.add_post(path, self._send)
        self.app.router.add_get(path, self._list)
        self.app.router.add_get(path.replace(".json", "/{sid}.json"), self._show)

    async def _send(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.seen.append({"path": request.path, **form})
        to, text = str(form.get("To", "")), str(form.get("Body", ""))
        if to in self.opted_out or self.takes("refusing"):
            return web.json_response(
                {"code": 21610, "message": "Attempt to send to unsubscribed recipient"}, status=400
            )
        if not to.startswith("+"):
            return web.json_response({"code": 21211, "message": "Invalid 'To' Phone Number"}, status=400)
        message = {
            "sid": "SM" + secrets.token_hex(16),
            "to": to,
            "body": text,
            "status": "queued",
            "num_segments": str(parts(text).number),
            "price": None,
            "price_unit": "USD",
            "callback": str(form.get("StatusCallback", "")),
            "date_created": format_datetime(datetime.now(UTC)),
        }
        self.messages.append(message)
        return web.json_response(message, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        found = [one for one in reversed(self.messages) if one["to"] == request.query.get("To", one["to"])]
        return web.json_response({"messages": found[: int(request.query.get("PageSize", "50"))]})

    async def _show(self, request: web.Request) -> web.Response:
        found = [one for one in self.messages if one["sid"] == request.match_info["sid"]]
        return web.json_response(found[0] if found else {"code": 20404}, status=200 if found else 404)

    async def tell(self, sid: str, status: str, code: str = "") -> int:
        """What became of a message, to its callback; the HTTP status of the answer."""
        message = next(one for one in self.messages if one["sid"] == sid)
        message["status"] = status
        form = {"MessageSid": sid, "MessageStatus": status, "To": message["to"], "AccountSid": self.account}
        return await self.post(message["callback"], form | ({"ErrorCode": code} if code else {}))

    async def write_back(self, url: str, sender: str, text: str) -> int:
        """What somebody answers, to the number's webhook ``url``."""
        form = {"MessageSid": "SM" + secrets.token_hex(16), "From": sender, "Body": text, "NumMedia": "0"}
        return await self.post(url, form)

    async def post(self, url: str, form: dict[str, str]) -> int:
        headers = {"X-Twilio-Signature": sign(self.token, url, form.items())}
        async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as answer:
            return answer.status

    async def refused(self, request: web.Request) -> web.Response | None:
        given = "Basic " + base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") == given and request.match_info.get("account") == self.account:
            return None
        return web.json_response({"code": 20003, "message": "Authenticate"}, status=401)
