"""Cal.com's bookings, API v2 (``integrations.calendars.calcom``)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn

QUARTER_S = 900


class CalCom(StandIn):
    """``bookings`` by uid; an event type has ``seats`` for each start. ``blocked`` are starts that nobody can have."""

    def __init__(self, key: str, seats: int = 10_000, webhook_secret: str = "") -> None:
        super().__init__()
        self.key, self.seats, self.webhook_secret = key, seats, webhook_secret
        self.bookings: dict[str, dict[str, Any]] = {}
        self.blocked: set[str] = set()
        self.app.router.add_post("/v2/bookings", self._book)
        self.app.router.add_get("/v2/bookings", self._list)
        self.app.router.add_get("/v2/slots", self._slots)
        self.app.router.add_post("/v2/bookings/{uid}/cancel", self._cancel)
        self.app.router.add_post("/v2/bookings/{uid}/reschedule", self._reschedule)

    def accepted(self, reservation_id: str = "") -> list[dict[str, Any]]:
        """Those that are on, of one reservation or of all."""
        return [
            one
            for one in self.bookings.values()
            if one["status"] == "accepted" and reservation_id in ("", one["metadata"].get("reservation"))
        ]

    def notice(self, trigger: str, uid: str, before: str = "") -> tuple[bytes, dict[str, str]]:
        """What its webhook tells of a booking, with its signature; ``before`` is the one that it was moved from."""
        booking = self.bookings[uid]
        about = {"uid": uid, "startTime": booking["start"], "metadata": booking["metadata"]}
        moved = {"rescheduleUid": before} if before else {}
        body = json.dumps({"triggerEvent": trigger, "payload": about | moved}).encode()
        digest = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        return body, {"content-type": "application/json", "x-cal-signature-256": digest}

    async def _book(self, request: web.Request) -> web.Response:
        wanted: dict[str, Any] = await request.json()
        self.seen.append({"path": request.path, **wanted})
        missing = {"name", "email", "timeZone"} - wanted.get("attendee", {}).keys()
        if missing:
            return _wrong(400, f"attendee property is wrong, {sorted(missing)[0]} is required")
        if (full := self._full(wanted["start"])) is not None:
            return full
        return self._made(wanted)

    async def _list(self, request: web.Request) -> web.Response:
        skip, take = int(request.query.get("skip", "0")), int(request.query.get("take", "100"))
        found: Iterable[dict[str, Any]] = sorted(self.accepted(), key=lambda one: (one["start"], one["uid"]))
        return web.json_response({"status": "success", "data": list(found)[skip : skip + take]})

    async def _slots(self, request: web.Request) -> web.Response:
        """Day and night a start each quarter of an hour."""
        at, until = (datetime.fromisoformat(request.query[name]) for name in ("start", "end"))
        at = datetime.fromtimestamp(-(-at.timestamp() // QUARTER_S) * QUARTER_S, UTC)
        taken = Counter(one["start"] for one in self.accepted())
        found: dict[str, list[dict[str, str]]] = {}
        while at < until:
            start = f"{at:%Y-%m-%dT%H:%M:%SZ}"
            if start not in self.blocked and taken[start] < self.seats:
                found.setdefault(start[:10], []).append({"start": start})
            at += timedelta(seconds=QUARTER_S)
        return web.json_response({"status": "success", "data": found})

    async def _cancel(self, request: web.Request) -> web.Response:
        booking = self.bookings.get(request.match_info["uid"])
        self.seen.append({"path": request.path})
        if booking is None:
            return _wrong(404, "no such booking")
        if booking["status"] == "cancelled":
            return _wrong(400, "This booking has already been cancelled")
        booking["status"] = "cancelled"
        return web.json_response({"status": "success", "data": booking})

    async def _reschedule(self, request: web.Request) -> web.Response:
        """The old one is cancelled, and another made."""
        before, wanted = self.bookings.get(request.match_info["uid"]), await request.json()
        self.seen.append({"path": request.path, **wanted})
        if before is None or before["status"] == "cancelled":
            return _wrong(400, "Can't reschedule a cancelled booking")
        if (full := self._full(wanted["start"])) is not None:
            return full
        before["status"] = "cancelled"
        return self._made(before | {"start": wanted["start"]})

    def _full(self, start: str) -> web.Response | None:
        taken = sum(one["start"] == start for one in self.accepted())
        if self.takes("refusing") or start in self.blocked or taken >= self.seats:
            return _wrong(400, "User either already has booking at this time or is not available")
        return None

    def _made(self, wanted: dict[str, Any]) -> web.Response:
        uid = f"booking{len(self.bookings) + 1}"
        self.bookings[uid] = {
            "uid": uid,
            "start": wanted["start"],
            "status": "accepted",
            "metadata": wanted.get("metadata", {}),
        }
        return web.json_response({"status": "success", "data": self.bookings[uid]}, status=201)

    async def refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return _wrong(401, "Invalid API Key")
        return None


def _wrong(status: int, message: str) -> web.Response:
    error = {"code": "Error", "message": message}
    return web.json_response({"status": "error", "error": error}, status=status)
