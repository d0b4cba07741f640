"""A message for the team on the pages of calls; and gone with its caller, and with nothing else lost."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from domain.left_messages import LeftMessage
from stores import calls, customers, erasures, left_messages
from stores.ciphers import PiiCipher
from stores.postgres import Connection
from tests.conftest import run_apart
from tests.integration.web.admin import CALLER, COOK, Admin, leave_cart
from tests.integration.web.admin import _as_tenant as as_tenant

pytestmark = pytest.mark.integration

LEFT = LeftMessage("lost_property", "A black scarf by the window.", "Nora", "+33612345679")


def test_a_message_is_read_on_its_calls_page_and_erased_with_its_caller(
    admin: Admin, log_in: Callable[[str], FlaskClient]
) -> None:
    call_id, pii = leave_cart(admin), PiiCipher(admin.master_key)

    async def leave(connection: Connection) -> None:
        call = await calls.get(connection, call_id)
        await left_messages.leave(connection, admin.pizza.id, call_id, call.started_at, LEFT, pii)

    async def erase(connection: Connection) -> None:
        await customers.remember(connection, admin.pizza.id, CALLER, "Nora", pii)
        [customer] = await customers.by_phone(connection, admin.pizza.id, [CALLER], pii=pii)
        await erasures.ask(connection, admin.pizza.id, customer.id, "lea@x.example", pii)

    run_apart(lambda: as_tenant(admin, admin.pizza.id, leave))
    client = log_in(COOK)
    page = client.get(f"/place/{admin.pizza.id}/calls/{call_id}").text
    listed = client.get(f"/place/{admin.pizza.id}/calls").text
    run_apart(lambda: as_tenant(admin, admin.pizza.id, erase))
    after = client.get(f"/place/{admin.pizza.id}/calls/{call_id}").text

    assert "Something lost or found" in page and LEFT.text in page and "tel:+33612345679" in page and "Nora" in page
    assert ">Message<" in listed
    assert LEFT.text not in after and "+33612345679" not in after and "Something lost" not in after
