"""A CalDAV server of one calendar (``integrations.calendars.caldav``): objects with ETags, and what is busy then."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime

from aiohttp import web

from devstack.stand_ins.standing import StandIn
from domain.calendars import Span
from integrations.calendars.icalendar import stamp


class CalDav(StandIn):
    """``objects`` by name. ``busy`` is what somebody has entered by hand; opaque events of ``objects`` count, too."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__()
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.objects: dict[str, str] = {}
        self.busy: list[Span] = []
        self.app.router.add_route("REPORT", "/", self._report)
        self.app.router.add_put("/{name}", self._put)
        self.app.router.add_get("/{name}", self._get)
        self.app.router.add_delete("/{name}", self._delete)

    async def _report(self, request: web.Request) -> web.Response:
        asked = re.search(r'start="(\w+)" end="(\w+)"', await request.text())
        if asked is None:
            return web.Response(status=400)
        since, until = asked.groups()
        found = [one for one in self.busy if stamp(one.starts_at) < until and since < stamp(one.ends_at)]
        found += [one for one in map(_opaque, self.objects.values()) if one and stamp(one.starts_at) < until]
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VFREEBUSY", f"DTSTART:{since}", f"DTEND:{until}"]
        lines += [f"FREEBUSY;FBTYPE=BUSY:{stamp(one.starts_at)}/{stamp(one.ends_at)}" for one in found]
        text = "".join(f"{line}\r\n" for line in [*lines, "END:VFREEBUSY", "END:VCALENDAR"])
        return web.Response(text=text, content_type="text/calendar")

    async def _put(self, request: web.Request) -> web.Response:
        name, before = request.match_info["name"], self.objects.get(request.match_info["name"])
        self.seen.append({"method": "PUT", "name": name})
        if request.headers.get("If-None-Match") == "*" and before is not None:
            return web.Response(status=412)
        wanted = request.headers.get("If-Match")
        if wanted is not None and (before is None or wanted != _tag(before)):
            return web.Response(status=412)
        if self.takes("refusing"):
            return web.Response(status=400)
        self.objects[name] = await request.text()
        return web.Response(status=204 if before else 201, headers={"ETag": _tag(self.objects[name])})

    async def _get(self, request: web.Request) -> web.Response:
        found = self.objects.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404)
        return web.Response(text=found, content_type="text/calendar", headers={"ETag": _tag(found)})

    async def _delete(self, request: web.Request) -> web.Response:
        self.seen.append({"method": "DELETE", "name": request.match_info["name"]})
        gone = self.objects.pop(request.match_info["name"], None)
        return web.Response(status=404 if gone is None else 204)

    async def refused(self, request: web.Request) -> web.Response | None:
        return None if request.headers.get("Authorization") == self._authorization else web.Response(status=401)


def _tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def _opaque(text: str) -> Span | None:
    if "TRANSP:TRANSPARENT" in text:
        return None
    begins, ends = re.search(r"DTSTART:(\w+)", text), re.search(r"DTEND:(\w+)", text)
    if begins is None or ends is None:
        return None
    return Span(*(datetime.strptime(one.group(1), "%Y%m%dT%H%M%S%z") for one in (begins, ends)))
