"""A store's own API: the plainest of tills, for who writes one (docs/integrators/till.md).

``POST {url}/orders`` brings an order under an ``Idempotency-Key``: 2xx with ``{"id": …}`` takes it, 409 and 422 with
``{"error": …}`` refuse it, also for good. ``POST {url}/orders/{order id}/cancel`` takes it back; 404 means that it was
never there. The order's id is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from domain.errands import CancelOrder, PlaceOrder
from integrations.tasks import Done, Outcome, Refused, Task, decoded, turned_away, unanswered, unknown
from integrations.tills.sending import LONGEST_REASON

if TYPE_CHECKING:
    from integrations.network import Answer, Network


class _Said(msgspec.Struct):
    id: str = ""
    error: str = ""


class StoreApi:
    def __init__(self, network: Network, url: str, token: str) -> None:
        self._network = network
        self._url = url.rstrip("/")
        self._token = token

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> StoreApi:
        return cls(network, settings["url"], secrets["token"])

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if isinstance(work, PlaceOrder):
            return _outcome(await self._post("/orders", task.key, msgspec.json.encode(work)))
        if isinstance(work, CancelOrder):
            path = f"/orders/{quote(work.order_id, safe='')}/cancel"
            answer = await self._post(path, task.key, msgspec.json.encode({"reason": work.reason}))
            return Done() if answer.status == 404 else _outcome(answer)
        raise unknown(work)

    async def _post(self, path: str, key: str, body: bytes) -> Answer:
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/json",
            "idempotency-key": key,
        }
        return await self._network.request("POST", self._url + path, body=body, headers=headers)


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer) or turned_away(answer, "the store")) is not None:
        return later
    said = decoded(answer, _Said) or _Said()
    if answer.good:
        return Done(said.id)
    return Refused(said.error[:LONGEST_REASON] or answer.error)
