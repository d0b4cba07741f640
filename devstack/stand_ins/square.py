"""Square as its Orders and Catalog APIs are seen (``integrations.tills.square``), with a shop that may refuse.

``notice`` makes one of their events, signed for an address: the body and its headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn

PAGE = 2  # objects of the catalogue at a time: few, so that who asks has to turn pages


class Square(StandIn):
    """``orders`` are what the shop has, by their id; ``catalogue`` are the objects that it sells.

    A key that was used before gets the answer that it had; with another body it is refused.
    """

    def __init__(self, token: str, location: str, signature_key: str = "") -> None:
        super().__init__()
        self.token = token
        self.location = location
        self.signature_key = signature_key
        self.orders: dict[str, dict[str, Any]] = {}
        self.catalogue: list[dict[str, Any]] = []
        self._keys: dict[str, tuple[str, dict[str, Any]]] = {}
        self.app.router.add_post("/v2/orders", self._create)
        self.app.router.add_post("/v2/orders/search", self._search)
        self.app.router.add_put("/v2/orders/{id}", self._update)
        self.app.router.add_get("/v2/catalog/list", self._list)

    def notice(self, here: str, kind: str, about: dict[str, Any], event_id: str = "") -> tuple[bytes, dict[str, str]]:
        """``about`` is the object that it tells of."""
        event = {"merchant_id": "M", "type": kind, "event_id": event_id or str(uuid.uuid4()), "data": {"object": about}}
        raw = json.dumps(event).encode()
        digest = hmac.new(self.signature_key.encode(), here.encode() + raw, hashlib.sha256).digest()
        signature = base64.b64encode(digest).decode()
        return raw, {"content-type": "application/json", "x-square-hmacsha256-signature": signature}

    async def refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self.token}":
            return None
        return _error(401, "UNAUTHORIZED", "This request could not be authorized.")

    async def _create(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        self.seen.append(asked)
        key, written = asked["idempotency_key"], json.dumps(asked["order"], sort_keys=True)
        if key in self._keys:
            known, answer = self._keys[key]
            if known != written:
                return _error(400, "IDEMPOTENCY_KEY_REUSED", "Different request parameters used for the same key.")
            return web.json_response(answer)
        if asked["order"]["location_id"] != self.location:
            return _error(404, "NOT_FOUND", "Location not found.")
        if self.takes("refusing"):
            return _error(400, "BAD_REQUEST", "The kitchen is closed.")
        made = {**asked["order"], "id": f"SQ{len(self.orders) + 1}", "version": 1, "state": "OPEN"}
        for number, one in enumerate(made["fulfillments"]):
            one["uid"] = f"F{number}"
        self.orders[made["id"]] = made
        self._keys[key] = (written, {"order": made})
        return web.json_response({"order": made})

    async def _search(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        found = [one for one in self.orders.values() if one["location_id"] in asked["location_ids"]]
        at = int(asked.get("cursor") or 0)
        until = at + asked["limit"]
        page: dict[str, Any] = {"orders": found[::-1][at:until]} if found[at:] else {}
        return web.json_response(page | ({"cursor": str(until)} if until < len(found) else {}))

    async def _update(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        self.seen.append(asked)
        known = self.orders.get(request.match_info["id"])
        if known is None:
            return _error(404, "NOT_FOUND", "Order not found.")
        change = asked["order"]
        if change["version"] != known["version"]:
            return _error(409, "VERSION_MISMATCH", "The order was changed meanwhile.")
        states = {one["uid"]: one["state"] for one in change["fulfillments"]}
        for one in known["fulfillments"]:
            one["state"] = states.get(one["uid"], one["state"])
        open_parts = [one for one in known["fulfillments"] if one["state"] not in ("CANCELED", "COMPLETED")]
        if change.get("state") == "CANCELED" and open_parts:
            return _error(400, "BAD_REQUEST", "Cannot cancel an order with open fulfillments.")
        known["state"] = change.get("state", known["state"])
        known["version"] += 1
        return web.json_response({"order": known})

    async def _list(self, request: web.Request) -> web.Response:
        kinds = request.query["types"].split(",")
        at = int(request.query.get("cursor") or 0)
        objects = [one for one in self.catalogue if one["type"] in kinds]
        page: dict[str, Any] = {"objects": objects[at : at + PAGE]}
        if at + PAGE < len(objects):
            page["cursor"] = str(at + PAGE)
        return web.json_response(page)


def _error(status: int, code: str, detail: str) -> web.Response:
    said = {"category": "INVALID_REQUEST_ERROR", "code": code, "detail": detail}
    return web.json_response({"errors": [said]}, status=status)
