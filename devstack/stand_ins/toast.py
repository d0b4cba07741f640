"""Toast as its orders, menus, stock and configuration APIs are seen (``integrations.tills.toast``).

``notice`` makes one of their webhooks, signed: the body and its headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn

LOGIN = "/authentication/v1/authentication/login"
CUSTOMER = frozenset({"firstName", "lastName", "phone", "email"})
"""Without one of these a guest is refused."""


class Toast(StandIn):
    """``orders`` are what the till has, by their external id, of which it takes each once. ``prices`` are what an item
    or an option costs there, by guid, in cents; ``menus`` is what it publishes, ``out`` what has run out.

    ``end_tokens`` makes all tokens invalid.
    """

    def __init__(self, restaurant: str, client_id: str, client_secret: str, webhook_secret: str = "") -> None:
        super().__init__()
        self.restaurant = restaurant
        self.client = (client_id, client_secret)
        self.webhook_secret = webhook_secret
        self.orders: dict[str, dict[str, Any]] = {}
        self.prices: dict[str, int] = {}
        self.menus: dict[str, Any] = {}
        self.out: set[str] = set()
        self.dining = {"TAKE_OUT": "D-TAKE", "DELIVERY": "D-DELIVERY"}
        self.tokens_given = 0
        self._tokens: set[str] = set()
        self.app.router.add_post(LOGIN, self._log_in)
        self.app.router.add_get("/config/v2/diningOptions", self._dining)
        self.app.router.add_post("/orders/v2/prices", self._price)
        self.app.router.add_post("/orders/v2/orders", self._take)
        self.app.router.add_get("/orders/v2/orders/{id}", self._find)
        self.app.router.add_post("/orders/v2/orders/{id}/void", self._void)
        self.app.router.add_get("/menus/v2/menus", self._menus)
        self.app.router.add_get("/stock/v1/inventory", self._stock)

    def end_tokens(self) -> None:
        self._tokens.clear()

    def notice(
        self, category: str, details: dict[str, Any], at: datetime | None = None, event_id: str = ""
    ) -> tuple[bytes, dict[str, str]]:
        stamp = (at or datetime.now(UTC)).isoformat()
        event = {"timestamp": stamp, "eventCategory": category, "eventType": category, "details": details}
        raw = json.dumps({**event, "guid": event_id or str(uuid.uuid4())}).encode()
        digest = hmac.new(self.webhook_secret.encode(), raw + stamp.encode(), hashlib.sha256).digest()
        return raw, {"content-type": "application/json", "toast-signature": base64.b64encode(digest).decode()}

    async def refused(self, request: web.Request) -> web.Response | None:
        if request.path == LOGIN:
            return None
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return web.json_response({"status": 401, "message": "Invalid token"}, status=401)
        if request.headers.get("Toast-Restaurant-External-ID") != self.restaurant:
            return web.json_response({"status": 403, "message": "Not your restaurant"}, status=403)
        return None

    async def _log_in(self, request: web.Request) -> web.Response:
        asked: dict[str, str] = await request.json()
        if (asked.get("clientId"), asked.get("clientSecret")) != self.client:
            return web.json_response({"status": 401, "message": "unknown client"}, status=401)
        self.tokens_given += 1
        token = f"token-{self.tokens_given}"
        self._tokens.add(token)
        said = {"tokenType": "Bearer", "expiresIn": 86400, "accessToken": token}
        return web.json_response({"token": said, "status": "SUCCESS"})

    async def _dining(self, _: web.Request) -> web.Response:
        return web.json_response([{"guid": guid, "behavior": kind} for kind, guid in self.dining.items()])

    def _total(self, order: dict[str, Any]) -> int:
        return sum(
            selection["quantity"]
            * (
                self.prices[selection["item"]["guid"]]
                + sum(self.prices[one["item"]["guid"]] for one in selection["modifiers"] if "item" in one)
            )
            for selection in order["checks"][0]["selections"]
        )

    def _priced(self, order: dict[str, Any]) -> dict[str, Any]:
        return {**order, "checks": [{**order["checks"][0], "totalAmount": self._total(order) / 100}]}

    async def _price(self, request: web.Request) -> web.Response:
        order: dict[str, Any] = await request.json()
        self.seen.append({"path": request.path, **order})
        unknown = [one for one in order["checks"][0]["selections"] if one["item"]["guid"] not in self.prices]
        if unknown:
            return web.json_response({"status": 400, "message": "No such menu item"}, status=400)
        return web.json_response(self._priced(order))

    async def _take(self, request: web.Request) -> web.Response:
        order: dict[str, Any] = await request.json()
        self.seen.append({"path": request.path, **order})
        if self.takes("refusing"):
            return web.json_response({"status": 400, "message": "The kitchen is closed."}, status=400)
        if missing := CUSTOMER - order["checks"][0]["customer"].keys():
            said = f"customer: {', '.join(sorted(missing))} required"
            return web.json_response({"status": 400, "message": said}, status=400)
        if order["externalId"] in self.orders:
            return web.json_response({"status": 400, "message": "Order with this externalId exists"}, status=400)
        made = self._priced(order) | {"guid": str(uuid.uuid4()), "approvalStatus": "NEEDS_APPROVAL", "voided": False}
        self.orders[order["externalId"]] = made
        return web.json_response(made)

    def _of(self, request: web.Request) -> dict[str, Any] | None:
        wanted = request.match_info["id"]
        return next((one for key, one in self.orders.items() if wanted in (key, one["guid"])), None)

    async def _find(self, request: web.Request) -> web.Response:
        self.seen.append({"path": request.path})
        found = self._of(request)
        return web.json_response(found or {"message": "not found"}, status=200 if found else 404)

    async def _void(self, request: web.Request) -> web.Response:
        found = self._of(request)
        if found is None:
            return web.json_response({"message": "not found"}, status=404)
        found["voided"] = True
        return web.json_response(found)

    async def _menus(self, _: web.Request) -> web.Response:
        return web.json_response(self.menus)

    async def _stock(self, _: web.Request) -> web.Response:
        return web.json_response([{"guid": guid, "status": "OUT_OF_STOCK"} for guid in sorted(self.out)])
