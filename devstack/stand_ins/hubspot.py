"""HubSpot's contacts, notes and properties, CRM API v3 (``integrations.crm.hubspot``)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from devstack.stand_ins.standing import StandIn

Objects = dict[str, dict[str, str]]


class HubSpot(StandIn):
    """``objects`` are contacts and notes, each by its id; ``associations`` are of (note, contact)."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.objects: dict[str, Objects] = {"contacts": {}, "notes": {}}
        self.properties: dict[str, set[str]] = {"contacts": set(), "notes": set()}
        self.associations: set[tuple[str, str]] = set()
        self.app.router.add_post("/crm/v3/objects/contacts/search", self._search)
        self.app.router.add_post("/crm/v3/objects/{kind}/batch/upsert", self._upsert)
        self.app.router.add_post("/crm/v3/properties/{kind}", self._make_property)
        self.app.router.add_post("/crm/v3/objects/contacts/gdpr-delete", self._delete)
        self.app.router.add_put("/crm/v3/objects/notes/{note}/associations/contacts/{contact}/{type}", self._associate)

    async def _search(self, request: web.Request) -> web.Response:
        asked = await request.json()
        (wanted,), wanted_most = asked["filterGroups"][0]["filters"], int(asked["limit"])
        found = [
            {"id": id, "properties": properties}
            for id, properties in self.objects["contacts"].items()
            if properties.get(wanted["propertyName"]) == wanted["value"]
        ]
        return web.json_response({"total": len(found), "results": found[:wanted_most]})

    async def _delete(self, request: web.Request) -> web.Response:
        """For good, with the notes that hang on it."""
        contact = (await request.json())["objectId"]
        self.seen.append({"path": request.path, "objectId": contact})
        if self.objects["contacts"].pop(contact, None) is None:
            return _wrong(404, "contact not found")
        for pair in [one for one in self.associations if one[1] == contact]:
            self.associations.discard(pair)
            self.objects["notes"].pop(pair[0], None)
        return web.Response(status=204)

    async def _upsert(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        (wanted,) = (await request.json())["inputs"]
        self.seen.append({"path": request.path, **wanted})
        unique: str = wanted["idProperty"]
        if unique not in self.properties[kind]:
            return _wrong(400, f'Property "{unique}" does not exist')
        if self.takes("refusing"):
            return _wrong(400, "Property values were not valid")
        known = next((id for id, one in self.objects[kind].items() if one.get(unique) == wanted["id"]), None)
        id = known or f"{sum(map(len, self.objects.values())) + 1}"
        properties: dict[str, Any] = wanted["properties"]
        self.objects[kind][id] = self.objects[kind].get(id, {}) | properties
        return web.json_response({"status": "COMPLETE", "results": [{"id": id, "new": known is None}]})

    async def _make_property(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        properties = self.properties[request.match_info["kind"]]
        if wanted["name"] in properties:
            return _wrong(409, "already exists")
        properties.add(wanted["name"])
        return web.json_response(wanted, status=201)

    async def _associate(self, request: web.Request) -> web.Response:
        self.associations.add((request.match_info["note"], request.match_info["contact"]))
        return web.json_response({}, status=201)

    async def refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _wrong(401, "Authentication credentials not found")
        return None


def _wrong(status: int, message: str) -> web.Response:
    return web.json_response({"status": "error", "message": message, "category": "VALIDATION_ERROR"}, status=status)
