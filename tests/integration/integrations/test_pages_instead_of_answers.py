"""What a till's address answers while it is being repaired, or is somebody else's: 200 and a page. That is no yes."""

import pytest
from aiohttp import web

from devstack.stand_ins.standing import StandIn
from domain.errands import PlaceOrder
from integrations.catalogue import PROVIDERS
from integrations.network import Network
from integrations.tasks import Later, Refused, Task
from tests.integration.integrations.conftest import Serve


class Page(StandIn):
    """Whatever it is asked."""

    def __init__(self, text: str, status: int = 200) -> None:
        super().__init__()
        self._text, self._status = text, status
        self.app.router.add_route("*", "/{path:.*}", self._show)

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(text=self._text, status=self._status)


async def test_a_product_that_is_gone_at_square_refuses_its_order_and_holds_up_no_other(
    network: Network, serve: Serve, placed: PlaceOrder
) -> None:
    gone = '{"errors": [{"code": "NOT_FOUND", "detail": "No such item", "field": "order.line_items[0]"}]}'
    settings = {"url": await serve(Page(gone, 404)), "location": "L1"}
    adapter = PROVIDERS["square"].open(network, settings, {"token": "t"})
    assert await adapter.perform(Task("e", "r", placed.key, 1, placed)) == Refused("No such item")


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
