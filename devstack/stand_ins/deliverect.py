"""Deliverect as a channel sees it (``integrations.tills.deliverect``), with a till behind it that may refuse.

``notice`` makes one of their webhooks, signed: the body and its headers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn

CHANNEL = "alloresto"
LOGIN = "/oauth/token"
REQUIRED = frozenset({"channelOrderId", "channelOrderDisplayId", "orderType", "courier", "payment"})


class Deliverect(StandIn):
    """``orders`` are what the till has, by our id, each once: a second of the same id only counts ``duplicates``.

    ``may_look`` is whether the account's scope allows ``GET /orders``; ``end_tokens`` makes all tokens invalid.
    """

    def __init__(self, link: str, client_id: str, client_secret: str, hmac_secret: str = "", may_look: bool = True):
        super().__init__()
        self.url = ""  # where it listens, once it does
        self.link = link
        self.client = (client_id, client_secret)
        self.hmac_secret = hmac_secret
        self.may_look = may_look
        self.orders: dict[str, dict[str, Any]] = {}
        self.duplicates = 0
        self.tokens_given = 0
        self._tokens: set[str] = set()
        self.app.router.add_post(LOGIN, self._give_token)
        self.app.router.add_post("/{channel}/order/{link}", self._take)
        self.app.router.add_get("/orders", self._find)

    def end_tokens(self) -> None:
        self._tokens.clear()

    def notice(self, body: dict[str, Any] | list[Any]) -> tuple[bytes, dict[str, str]]:
        raw = json.dumps(body).encode()
        digest = hmac.new(self.hmac_secret.encode(), raw, hashlib.sha256).hexdigest()
        return raw, {"content-type": "application/json", "x-server-authorization-hmac-sha256": digest}

    async def _give_token(self, request: web.Request) -> web.Response:
        asked: dict[str, str] = await request.json()
        if (asked.get("client_id"), asked.get("client_secret")) != self.client:
            return web.json_response({"code": "Unauthorized", "description": "unknown client"}, status=401)
        self.tokens_given += 1
        token = f"token-{self.tokens_given}"
        self._tokens.add(token)
        return web.json_response({"access_token": token, "expires_at": int(time.time()) + 3600, "token_type": "Bearer"})

    async def refused(self, request: web.Request) -> web.Response | None:
        if request.path == LOGIN or request.headers.get("Authorization", "").removeprefix("Bearer ") in self._tokens:
            return None
        return web.json_response({"code": "Unauthorized", "description": "invalid token"}, status=401)

    async def _take(self, request: web.Request) -> web.Response:
        if (request.match_info["channel"], request.match_info["link"]) != (CHANNEL, self.link):
            description = "you're not allowed to send in orders"
            return web.json_response({"code": "Authorization error", "description": description}, status=403)
        sent: dict[str, Any] = await request.json()
        self.seen.append(sent)
        known = self.orders.get(sent["channelOrderId"])
        if sent.get("status") == 100:
            return self._cancel(known)
        if missing := REQUIRED - sent.keys():
            said = {"code": "Validation", "description": f"missing: {', '.join(sorted(missing))}"}
            return web.json_response(said, status=400)
        if self.takes("refusing"):
            return web.json_response({"code": "Validation", "description": "The kitchen is closed."}, status=417)
        if known is not None:
            self.duplicates += 1
            return web.json_response({"_id": f"D{self.duplicates}", "status": 30}, status=201)
        self.orders[sent["channelOrderId"]] = {**sent, "_id": f"O{len(self.orders) + 1}", "status": 20}
        return web.json_response({"_id": self.orders[sent["channelOrderId"]]["_id"]}, status=201)

    def _cancel(self, known: dict[str, Any] | None) -> web.Response:
        if known is None:
            return web.json_response({"code": "Not found", "description": "no such order"}, status=404)
        known["status"] = 110
        return web.json_response({"_id": known["_id"]})

    async def _find(self, request: web.Request) -> web.Response:
        self.seen.append({"path": request.path_qs})
        if not self.may_look:
            return web.json_response({"code": "Forbidden"}, status=403)
        where: dict[str, str] = json.loads(request.query["where"])
        found = self.orders.get(where["channelOrderId"])
        return web.json_response({"_items": [] if found is None else [{"_id": found["_id"]}]})
