"""What a till tells us at the door: signed, twice, and out of order."""

import io
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient

from devstack.stand_ins.deliverect import Deliverect
from domain.errors import Refused
from domain.order import Fulfilment
from domain.promises import promised_at
from domain.twilio_signatures import sign
from stores import connections, kitchen, menus, messages, orders, tills
from stores.ciphers import PiiCipher
from stores.postgres import Connection
from tests.integration.web.admin import Admin, fetch, lent, make_order, take_order

T = TypeVar("T")

TILL = Deliverect("link", "client", "secret", hmac_secret="shared")


class Door:
    def __init__(self, app: Flask, client: FlaskClient, admin: Admin) -> None:
        self.app, self.client, self.admin = app, client, admin
        pii = PiiCipher(admin.master_key)
        self.connection = self.work(
            lambda connection: connections.connect(
                connection,
                admin.pizza.id,
                service="till",
                provider="deliverect",
                settings={"channel": "alloresto", "channel_link": "link", "client_id": "client"},
                secrets={"client_secret": "secret", "hmac_secret": "shared"},
                pii=pii,
                created_by="owner@x.example",
            )
        )
        self.path = f"/hooks/deliverect/{self.connection.id}"

    def work(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        done: T = self.app.extensions["alloresto.database"].tenant(self.admin.pizza.id, work)
        return done

    def send(self, said: Any) -> Any:
        body, headers = TILL.notice(said)
        answer = self.client.post(self.path, data=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    def order(self, order_id: str) -> orders.Order:
        return self.work(lambda connection: orders.get(connection, order_id))

    def events(self) -> list[str]:
        return [str(row["type"]) for row in fetch(self.admin, "select type from outbox order by id")]


@pytest.fixture
def door(app: Flask, client: FlaskClient, admin: Admin) -> Door:
    return Door(app, client, admin)


def test_only_what_is_signed_is_heard(door: Door) -> None:
    body, headers = TILL.notice({"status": "PAUSED"})
    assert door.client.post(door.path, data=body + b" ", headers=headers).status_code == 404
    assert door.client.post(door.path, data=body).status_code == 404
    unknown = "/hooks/deliverect/00000000-0000-4000-8000-000000000000"
    assert door.client.post(unknown, data=body, headers=headers).status_code == 404


def test_a_till_that_is_off_is_not_heard(door: Door) -> None:
    door.work(lambda connection: connections.switch(connection, door.connection.id, False))
    body, headers = TILL.notice({"status": "PAUSED"})
    assert door.client.post(door.path, data=body, headers=headers).status_code == 404


def test_deliverect_learns_the_public_address_whatever_host_it_asks(standing_app: Flask, admin: Admin) -> None:
    body, headers = TILL.notice({"status": "register", "channelLinkId": "link"})
    with lent(standing_app, admin.settings(web_public_url=PAGES + "/")):
        door = Door(standing_app, standing_app.test_client(), admin)
        said = door.client.post(door.path, data=body, headers=headers, base_url="https://evil.example").json
        assert said is not None
        assert set(said.values()) == {PAGES + door.path} and len(said) == 4
    with lent(standing_app, admin.settings()):
        assert standing_app.test_client().post(door.path, data=body, headers=headers).status_code == 503


class Unread(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("the body is read")


def test_who_sends_too_much_is_not_looked_up_nor_read(standing_app: Flask, admin: Admin) -> None:
    path = "/hooks/deliverect/00000000-0000-4000-8000-000000000000"
    nowhere = "postgresql://u@127.0.0.1:9/x"
    with lent(
        standing_app, admin.settings(database_url=nowhere, web_database_timeout_s=0.1, web_hook_requests_per_minute=2)
    ):
        client = standing_app.test_client()
        assert [client.post(path, data=b"{}").status_code for _ in range(2)] == [503, 503]
        refused = client.post(path, input_stream=Unread(), content_length=9)
        assert refused.status_code == 429 and 0 < int(refused.headers["Retry-After"]) <= 60
        assert client.post(path, data=b"{}", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 503
        assert client.get("/login").status_code == 200


def test_notices_are_heard_while_nobody_can_count_them(standing_app: Flask, admin: Admin) -> None:
    with lent(standing_app, admin.settings(redis_url="redis://127.0.0.1:9", web_hook_requests_per_minute=1)):
        door = Door(standing_app, standing_app.test_client(), admin)
        for _ in range(2):
            assert door.send({"status": "ONLINE"}) == {"status": "ONLINE"}


def test_what_is_signed_counts_for_its_connection_and_not_for_who_brings_it(standing_app: Flask, admin: Admin) -> None:
    with lent(standing_app, admin.settings(web_hook_requests_per_minute=3)):
        door = Door(standing_app, standing_app.test_client(), admin)
        body, headers = TILL.notice({"status": "ONLINE"})

        def knock(given: dict[str, str]) -> int:
            return int(door.client.post(door.path, data=body, headers=given).status_code)

        assert [knock(headers) for _ in range(4)] == [200, 200, 200, 429]
        assert [knock({}) for _ in range(4)] == [404, 404, 404, 429]


def test_what_is_larger_than_a_notice_is_refused(standing_app: Flask, admin: Admin) -> None:
    with lent(standing_app, admin.settings()):
        client = standing_app.test_client()
        for provider in ("twilio", "stripe"):
            path = f"/hooks/{provider}/00000000-0000-4000-8000-000000000000"
            assert client.post(path, data=b"a" * 300_000, content_type="text/plain").status_code == 413


def test_an_order_moves_on_by_the_till_once_and_never_back(door: Door, admin: Admin) -> None:
    order = make_order(admin)
    take_order(admin, order, tell=False)
    before = len(door.events())

    def says(status: int, **more: str) -> None:
        door.send({"channelOrderId": order.id, "orderId": "D7", "status": status, "timeStamp": f"T{status}", **more})

    says(70)
    says(70)
    says(50)  # late
    says(20)
    stored = door.order(order.id)
    assert (stored.status, stored.status_by, stored.till_state) == ("ready", "Deliverect", "accepted")
    assert stored.till_reference == "D7"
    moves = door.events()[before:]
    assert moves == ["com.alloresto.order.moved"] * 2
    says(110, reason="void")
    says(90)
    stored = door.order(order.id)
    assert (stored.status, stored.cancel_reason, stored.cancel_note) == ("cancelled", "other", "void")


def test_a_notice_that_meets_a_hand_at_the_board_is_taken(
    door: Door, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make_order(admin)
    take_order(admin, order, tell=False)
    get = orders.get
    met: list[orders.Order] = []

    async def just_before(conn: Connection, order_id: str, **more: Any) -> orders.Order:
        seen = await get(conn, order_id, **more)
        if not met:
            met.append(seen)
            await kitchen.move(conn, kitchen.Move(order_id, "confirmed", "preparing", "cook@x.example"))
        return seen

    monkeypatch.setattr(orders, "get", just_before)
    door.send({"channelOrderId": order.id, "status": 70, "timeStamp": "T1"})

    assert door.order(order.id).status == "ready"


def test_a_failed_order_is_marked_and_told_of_once(door: Door, admin: Admin) -> None:
    order = make_order(admin)
    take_order(admin, order, tell=False)
    for stamp in ("1", "1", "2"):
        door.send({"channelOrderId": order.id, "status": 120, "timeStamp": stamp, "reason": "printer off"})
    stored = door.order(order.id)
    assert (stored.status, stored.till_state, stored.till_reason) == ("confirmed", "refused", "printer off")
    assert door.events().count("com.alloresto.order.refused") == 1
    door.send({"channelOrderId": "another system's", "status": 20})


def pushed(products: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    """A menu of these products, by PLU and name."""
    sold = {plu: {"plu": plu, "name": name, "price": 900, **more} for plu, name in products.items()}
    return [{"menu": "M", "categories": [{"name": "Pizzas", "subProducts": list(sold)}], "products": sold}]


def test_a_menu_teaches_the_codes_and_a_snooze_takes_the_dish_off(door: Door, admin: Admin) -> None:
    item = next(one for one in admin.menu.items if len(one.sizes) > 1)
    door.send(pushed({f"P{n}": f"{item.name} {size.name}" for n, size in enumerate(item.sizes)}))
    codes = door.work(lambda connection: tills.codes(connection, door.connection.id))
    assert {codes[size.id].code for size in item.sizes} == {f"P{n}" for n in range(len(item.sizes))}

    def snooze(action: str, *plus: str) -> None:
        data = {"items": [{"plu": plu} for plu in plus]}
        door.send({"channelLinkId": "link", "operations": [{"action": action, "data": data}]})

    def now() -> Any:
        menu = door.work(lambda connection: menus.load(connection, admin.pizza.id))
        return next(one for one in menu.items if one.id == item.id)

    snooze("snooze", *(f"P{n}" for n in range(len(item.sizes))))
    assert now().available is False
    snooze("unsnooze", *(f"P{n}" for n in range(len(item.sizes))))
    assert now().available is True
    snooze("snooze", "P0", "nobody knows")
    assert (now().available, next(size.available for size in now().sizes)) == (True, False)
    assert door.events().count("com.alloresto.menu.changed") == 3


def test_a_busy_kitchen_promises_later_and_a_paused_one_nothing(door: Door, admin: Admin) -> None:
    def minutes() -> int:
        return door.work(lambda connection: kitchen.load_minutes(connection, admin.pizza.id, datetime.now(UTC)))

    assert door.send({"status": "BUSY", "delay": 25}) == {"status": "BUSY"}
    assert minutes() == 25
    assert door.send({"status": "PAUSED"}) == {"status": "PAUSED"}
    patient = replace(admin.pizza, max_load_minutes=240)  # the most that one may allow itself
    with pytest.raises(Refused, match="more work"):
        promised_at(patient, datetime.now(UTC), minutes(), Fulfilment("pickup"))
    assert door.send({"status": "ONLINE"}) == {"status": "ONLINE"}
    assert minutes() == 0


# --- Twilio -----------------------------------------------------------------------------------------------------------

PAGES = "https://admin.example.com"
GUEST = "+33612345678"


class Texts:
    """Twilio knows the public address; the request comes to another host, as behind a proxy."""

    def __init__(self, app: Flask, admin: Admin) -> None:
        self.app, self.admin, self.client = app, admin, app.test_client()
        self.pii = PiiCipher(admin.master_key)
        self.connection_id = self.work(
            lambda connection: connections.connect(
                connection,
                admin.pizza.id,
                service="messages",
                provider="twilio",
                settings={"account": "AC1", "sender": "+33757000000"},
                secrets={"token": "secret"},
                pii=self.pii,
                created_by="owner@x.example",
            )
        ).id

    def work(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        done: T = self.app.extensions["alloresto.database"].tenant(self.admin.pizza.id, work)
        return done

    def says(self, *, host: str = PAGES, token: str = "secret", **form: str) -> int:
        path = f"/hooks/twilio/{self.connection_id}"
        headers = {"X-Twilio-Signature": sign(token, host + path, form.items())}
        return self.client.post(path, data=form, headers=headers).status_code

    def fate(self) -> tuple[str, str]:
        (sent,) = self.work(lambda connection: messages.of_subject(connection, self.admin.pizza.id, "o1"))
        return sent.fate, sent.code

    def wants_none(self) -> bool:
        return self.work(lambda connection: messages.wants_none(connection, self.admin.pizza.id, GUEST, self.pii))


@pytest.fixture
def texts(standing_app: Flask, admin: Admin) -> Iterator[Texts]:
    with lent(standing_app, admin.settings(web_public_url=PAGES + "/")):
        yield Texts(standing_app, admin)


def test_only_twilio_is_heard_at_the_address_that_it_knows(texts: Texts) -> None:
    said = {"MessageSid": "SM1", "From": GUEST, "Body": "STOP"}
    assert texts.says(token="another", **said) == 404
    assert texts.says(host="http://localhost", **said) == 404
    assert texts.client.post(f"/hooks/deliverect/{texts.connection_id}", data=said).status_code == 404
    assert not texts.wants_none()
    assert texts.says(Hello="you") == 400


def test_a_texts_receipts_leave_the_last_word_however_they_come(texts: Texts) -> None:
    owner, connected = texts.admin.pizza.id, texts.connection_id
    texts.work(
        lambda connection: messages.record_sent(
            connection, owner, connected, "SM1", about="o1", template="order_ready", parts=1
        )
    )
    for status in ("queued", "delivered", "delivered", "sent"):
        assert texts.says(MessageSid="SM1", MessageStatus=status) == 200
    assert texts.fate() == ("delivered", "")


def test_a_stop_is_heard_while_texts_are_switched_off(texts: Texts) -> None:
    texts.work(lambda connection: connections.switch(connection, texts.connection_id, False))
    assert texts.says(MessageSid="SM1", From=GUEST, Body="STOP") == 200
    assert texts.wants_none()


def test_who_writes_stop_gets_no_texts_until_they_write_start(texts: Texts) -> None:
    assert texts.says(MessageSid="SM1", From=GUEST, Body="Quand ?") == 200
    assert not texts.wants_none()
    assert texts.says(MessageSid="SM2", From=GUEST, Body=" Arr\u00eat. ") == 200
    assert texts.wants_none()
    assert texts.says(MessageSid="SM3", From=GUEST, Body="START") == 200
    assert texts.says(MessageSid="SM2", From=GUEST, Body=" Arr\u00eat. ") == 200  # again, and late
    assert not texts.wants_none()
