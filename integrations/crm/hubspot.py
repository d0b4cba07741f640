"""Customer files at HubSpot (CRM API v3), by the token of a private app with the right to write contacts and notes.

Written from HubSpot's public reference; not yet tried with a real account. A contact and a note are brought by a
property of ours whose values HubSpot keeps unique, made once where it is missing: brought again they are the same ones.
A contact that already has the number is taken instead of a second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from domain.errands import ForgetCustomer, NoteCustomer
from integrations.tasks import Done, Later, Outcome, Refused, StoppedError, Task, decoded, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

BASE = "https://api.hubapi.com"
PROPERTY = "alloresto_id"
MOST_CONTACTS = 100  # of one number
NOTE_TO_CONTACT = 202  # HubSpot's own number of that association
_GROUPS = {"contacts": "contactinformation", "notes": "engagementinformation"}


class _Object(msgspec.Struct):
    id: str = ""


class _Results(msgspec.Struct):
    results: list[_Object] = []


class _Problem(msgspec.Struct):
    message: str = ""
    category: str = ""


class HubSpot:
    def __init__(self, network: Network, base: str, token: str) -> None:
        self._network = network
        self._url = f"{base}/crm/v3"
        self._token = token

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> HubSpot:
        return cls(network, (settings.get("url") or BASE).rstrip("/"), secrets["token"])

    async def perform(self, task: Task) -> Outcome:
        try:
            if isinstance(task.work, ForgetCustomer):
                return await self._forget(task.work)
            if not isinstance(task.work, NoteCustomer):
                raise unknown(task.work)
            contact = await self._contact(task.work)
            note = await self._note(task, task.work)
            path = f"/objects/notes/{note}/associations/contacts/{contact}/{NOTE_TO_CONTACT}"
            self._read(await self._request("PUT", path))
        except StoppedError as error:
            return error.outcome
        return Done(contact)

    async def _forget(self, work: ForgetCustomer) -> Outcome:
        """Each that was noted, and each that has the number, with what hangs on them: for good, by HubSpot's deletion
        for the GDPR."""
        for contact in (*work.contacts, *await self._with_number(work.phone, MOST_CONTACTS)):
            gone = await self._request("POST", "/objects/contacts/gdpr-delete", {"objectId": contact})
            if gone.status != 404:
                self._read(gone)
        return Done()

    async def _with_number(self, phone: str, most: int) -> list[str]:
        search = {
            "filterGroups": [{"filters": [{"propertyName": "phone", "operator": "EQ", "value": phone}]}],
            "limit": most,
        }
        return self._ids(await self._request("POST", "/objects/contacts/search", search))

    async def _contact(self, work: NoteCustomer) -> str:
        if found := await self._with_number(work.phone, 1):
            return found[0]
        # HubSpot's search lags behind by seconds: within them this keeps the number's contact one.
        first, _, last = work.name.partition(" ")
        named = {"phone": work.phone} | ({"firstname": first} if first else {}) | ({"lastname": last} if last else {})
        return await self._upsert("contacts", _digest(work.phone), named)

    async def _note(self, task: Task, work: NoteCustomer) -> str:
        properties = {"hs_note_body": work.text, "hs_timestamp": work.at.isoformat()}
        return await self._upsert("notes", _digest(f"{task.restaurant_id}/{task.key}"), properties)

    async def _upsert(self, kind: str, own_id: str, properties: Mapping[str, str]) -> str:
        wanted = {"inputs": [{"idProperty": PROPERTY, "id": own_id, "properties": {PROPERTY: own_id, **properties}}]}
        path = f"/objects/{kind}/batch/upsert"
        answer = await self._request("POST", path, wanted)
        if answer.status == 400 and PROPERTY.encode() in answer.body:  # the first of this account
            await self._make_property(kind)
            answer = await self._request("POST", path, wanted)
        made = self._read(answer)
        if not made:
            raise StoppedError(Later("no valid answer"))
        return made

    async def _make_property(self, kind: str) -> None:
        wanted = {
            "name": PROPERTY,
            "label": "AlloResto",
            "type": "string",
            "fieldType": "text",
            "groupName": _GROUPS[kind],
            "hasUniqueValue": True,
        }
        answer = await self._request("POST", f"/properties/{kind}", wanted)
        if answer.status != 409:  # there by now
            self._read(answer)

    def _read(self, answer: Answer) -> str:
        """The id of the first result, "" for none. Raises StoppedError."""
        return next(iter(self._ids(answer)), "")

    def _ids(self, answer: Answer) -> list[str]:
        """Of all results. Raises StoppedError."""
        if (later := unanswered(answer)) is not None:
            raise StoppedError(later)
        if answer.good:
            found = decoded(answer, _Results) if answer.body else _Results()
            if found is None:
                raise StoppedError(Later("no valid answer"))
            return [one.id for one in found.results]
        if answer.status in (401, 403, 404):  # the connection is wrong, not the note
            raise StoppedError(Later(f"HubSpot: {answer.error}"))
        raise StoppedError(Refused(f"HubSpot: {_words(answer)}"))

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        headers = {"authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["content-type"] = "application/json"
        content = None if body is None else msgspec.json.encode(body)
        return await self._network.request(method, self._url + path, body=content, headers=headers)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _words(answer: Answer) -> str:
    """By its category: its message may quote what was sent."""
    return (decoded(answer, _Problem) or _Problem()).category[:80] or answer.error
