"""What a till's address answers while it is being repaired, or is somebody else's: 200 and a page. That is no yes."""

import pytest
from aiohttp import web

from devstack.stand_ins.standing import StandIn
from domain.errands import PlaceOrder
from integrations.catalogue import PROVIDERS
from integrations.network import Network
from integrations.tasks import Later, Task
from tests.integration.integrations.conftest import Serve


class Page(StandIn):
    """Whatever it is asked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.app.router.add_route("*", "/{path:.*}", self._show)

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(text=self._text)


@pytest.mark.parametrize("page", ["{}", '{"status": "maintenance"}', "<html>Back soon</html>"])
@pytest.mark.parametrize("doubtful", [False, True], ids=["at first", "again"])
@pytest.mark.parametrize("provider", ["deliverect", "square", "toast"])
async def test_an_order_is_not_taken_by_a_page(
    network: Network, serve: Serve, placed: PlaceOrder, provider: str, doubtful: bool, page: str
) -> None:
    settings = {"url": await serve(Page(page)), "client_id": page, "channel": "c", "channel_link": "l"}
    settings |= {"restaurant": "R1", "location": "L1"}
    adapter = PROVIDERS[provider].open(network, settings, {"client_secret": "s", "token": "t"})
    assert isinstance(await adapter.perform(Task("e", "r", placed.key, 2, placed, doubtful)), Later)
