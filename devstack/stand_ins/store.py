"""A store with an API of its own (``integrations.tills.store_api``)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn


class Store(StandIn):
    """``orders`` are what it has, by our id; ``token`` is what it asks for. At one of ``indigestible`` it fails each
    time; ``id`` is what it calls an order, with its place."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.orders: dict[str, dict[str, Any]] = {}
        self.indigestible: set[str] = set()
        self.id = "S{}"
        self.app.router.add_post("/orders", self._place)
        self.app.router.add_post("/orders/{id}/cancel", self._cancel)

    async def _place(self, request: web.Request) -> web.Response:
        order: dict[str, Any] = await request.json()
        self.seen.append({"path": request.path, "key": request.headers["Idempotency-Key"], **order})
        if order["order_id"] in self.indigestible:
            return web.Response(status=500)
        known = self.orders.get(order["order_id"])
        if known is not None:
            return web.json_response({"id": known["id"]})
        if self.takes("refusing"):
            return web.json_response({"error": "The kitchen is closed."}, status=422)
        self.orders[order["order_id"]] = {**order, "id": self.id.format(len(self.orders) + 1), "state": "placed"}
        return web.json_response({"id": self.orders[order["order_id"]]["id"]}, status=201)

    async def _cancel(self, request: web.Request) -> web.Response:
        self.seen.append({"path": request.path, "key": request.headers["Idempotency-Key"]})
        order = self.orders.get(request.match_info["id"])
        if order is None:
            return web.json_response({"error": "no such order"}, status=404)
        order["state"] = "cancelled"
        return web.json_response({"id": order["id"]})

    async def refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "unknown token"}, status=401)
        return None
