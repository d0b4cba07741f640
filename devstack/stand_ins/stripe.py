"""Stripe's Checkout Sessions, refunds and webhooks (``integrations.payments.stripe``)."""

from __future__ import annotations

import json
import time
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from devstack.stand_ins.standing import StandIn
from integrations.payments.stripe import signature


class Stripe(StandIn):
    """``sessions`` by id, ``refunds`` by payment intent. The same ``Idempotency-Key`` has the same answer."""

    def __init__(self, key: str, webhook_secret: str) -> None:
        super().__init__()
        self.key = key
        self.webhook_secret = webhook_secret
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self._answered: dict[str, tuple[int, dict[str, Any]]] = {}
        self.endpoint = ""  # where its events go: typed at /dashboard, as with the real one
        self._events = 0
        self.app.router.add_post("/v1/checkout/sessions", self._open)
        self.app.router.add_get("/v1/checkout/sessions/{id}", self._show)
        self.app.router.add_post("/v1/checkout/sessions/{id}/expire", self._expire)
        self.app.router.add_post("/v1/refunds", self._refund)
        self.app.router.add_get("/pay/{id}", self._page)
        self.app.router.add_post("/pay/{id}", self._paid)
        self.app.router.add_get("/dashboard", self._dashboard)
        self.app.router.add_post("/dashboard", self._set_endpoint)

    async def refused(self, request: web.Request) -> web.Response | None:
        """Its pages are for everybody."""
        if not request.path.startswith("/v1/") or request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        return web.json_response(_wrong("api_key_expired"), status=401)

    async def _open(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl(await request.text()))

        def opened() -> tuple[int, dict[str, Any]]:
            if self.takes("refusing"):
                return 400, _wrong("amount_too_small")
            if not 30 * 60 <= int(form["expires_at"]) - time.time() <= 24 * 3600:
                return 400, _wrong("")  # as Stripe: the timestamp must be 30 minutes to 24 hours ahead
            number = len(self.sessions) + 1
            session: dict[str, Any] = {
                "id": f"cs_test_{number}",
                "object": "checkout.session",
                "url": f"{request.url.origin()}/pay/cs_test_{number}",
                "status": "open",
                "payment_status": "unpaid",
                "payment_intent": None,
                "client_reference_id": form["client_reference_id"],
                "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
                "currency": form["line_items[0][price_data][currency]"],
                "expires_at": int(form["expires_at"]),
                "success_url": form["success_url"],
                "cancel_url": form["cancel_url"],
                "label": form["line_items[0][price_data][product_data][name]"],
                "metadata": {"payment_id": form["metadata[payment_id]"]},
            }
            self.sessions[session["id"]] = session
            return 200, session

        return self._once(request, form, opened)

    async def _show(self, request: web.Request) -> web.Response:
        session = self.sessions.get(request.match_info["id"])
        return web.json_response(session or _wrong("resource_missing"), status=200 if session else 404)

    async def _expire(self, request: web.Request) -> web.Response:
        session = self.sessions.get(request.match_info["id"])

        def expired() -> tuple[int, dict[str, Any]]:
            if session is None:
                return 404, _wrong("resource_missing")
            if session["status"] != "open":
                return 400, _wrong("")
            session["status"] = "expired"
            return 200, session

        return self._once(request, {}, expired)

    async def _refund(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl(await request.text()))

        def refunded() -> tuple[int, dict[str, Any]]:
            intent = form["payment_intent"]
            if intent in self.refunds:
                return 400, _wrong("charge_already_refunded")
            if self.takes("refusing"):
                return 400, _wrong("balance_insufficient")
            self.refunds[intent] = {
                "id": f"re_{len(self.refunds) + 1}",
                "payment_intent": intent,
                "status": "succeeded",
            }
            return 200, self.refunds[intent]

        return self._once(request, form, refunded)

    def _once(self, request: web.Request, form: dict[str, str], do: Any) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.seen.append({"path": request.path, "key": key, **form})
        if key not in self._answered:
            self._answered[key] = do()
        status, body = self._answered[key]
        return web.json_response(body, status=status)

    # --- Its pages --------------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        """The page that a guest pays on: no card is asked for."""
        session = self._session(request)
        amount = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        if session["status"] != "open":
            return _html(f"<p>{escape(session['label'])}, {amount}: {escape(session['status'])}.</p>")
        warning = (
            ""
            if self.endpoint
            else '<p>Nobody will hear of it: set the endpoint at <a href="/dashboard">/dashboard</a>.</p>'
        )
        return _html(
            f"<p>{escape(session['label'])}: <strong>{amount}</strong></p>{warning}"
            '<form method="post"><button name="do" value="pay">Pay</button> '
            '<button name="do" value="cancel">Cancel</button></form>'
        )

    async def _paid(self, request: web.Request) -> web.Response:
        """Paid, once, and told; or back without, and the page stays open."""
        session, form = self._session(request), await request.post()
        if form.get("do") != "pay":
            raise web.HTTPSeeOther(session["cancel_url"])
        if session["status"] == "open":
            body = self.pay(session["id"])
            if self.endpoint:
                await self.tell(self.endpoint, body)
        raise web.HTTPSeeOther(session["success_url"])

    def _session(self, request: web.Request) -> dict[str, Any]:
        session = self.sessions.get(request.match_info["id"])
        if session is None:
            raise web.HTTPNotFound
        if session["status"] == "open" and session["expires_at"] < time.time():
            session["status"] = "expired"
        return session

    async def _dashboard(self, request: web.Request) -> web.Response:
        return _html(
            '<form method="post"><label>Webhook endpoint <input name="url" size="80" value="'
            f'{escape(self.endpoint)}"></label> <button>Save</button></form>'
        )

    async def _set_endpoint(self, request: web.Request) -> web.Response:
        self.endpoint = str((await request.post()).get("url", "")).strip()
        raise web.HTTPSeeOther("/dashboard")

    # --- What it tells ----------------------------------------------------------------------------------------------

    def pay(self, session_id: str) -> bytes:
        """Somebody pays; the event that tells of it."""
        session = self.sessions[session_id]
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": f"pi_{session_id}"}
        return self.event("checkout.session.completed", session)

    def event(self, kind: str, about: dict[str, Any]) -> bytes:
        self._events += 1
        event = {"id": f"evt_{self._events}", "object": "event", "type": kind, "created": int(time.time())}
        return json.dumps(event | {"data": {"object": about}}).encode()

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        stamp = int(time.time() if at is None else at)
        return {"Stripe-Signature": f"t={stamp},v1={signature(self.webhook_secret, stamp, body)}"}

    async def tell(self, url: str, body: bytes) -> int:
        headers = self.signed(body) | {"Content-Type": "application/json"}
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            return answer.status


def _wrong(code: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "code": code, "message": "No."}}


def _html(body: str) -> web.Response:
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Stripe, a stand-in</title>{body}</html>'
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": "default-src 'none'"})
