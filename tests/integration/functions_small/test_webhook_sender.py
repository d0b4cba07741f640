"""Webhooks, from the event to a receiver of its own: signed, repeated, bounded, and never into our network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from domain import webhooks as rules
from eventing.catalogue import CallMissed, LineChanged, MenuChanged, OrderLogged, WebhookTested
from eventing.cloudevents import Event
from functions.webhook_sender.app import keep
from integrations.network import Network
from stores import audit, retention, webhooks
from stores.ciphers import PiiCipher
from stores.webhooks import Delivery, Endpoint
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, Running, StartFunction, answering_posts

pytestmark = pytest.mark.integration

SECRET = rules.new_secret()


class Receiver:
    """An integrator's server: answers ``status`` and keeps what came."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pause_s = 0.0
        self.bodies: list[bytes] = []
        self.seen: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.pause_s)
        self.at_once -= 1
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with answering_posts("/hook", made.take) as server:
        made.url = str(server.make_url("/hook"))
        yield made


class House:
    """A restaurant with endpoints, and the sender."""

    def __init__(self, postgres: Pools, restaurant_id: str, pii: PiiCipher) -> None:
        self.postgres = postgres
        self.id = restaurant_id
        self.pii = pii

    async def endpoint(self, url: str, *types: str, personal: bool = False) -> Endpoint:
        async with self.postgres.app.tenant(self.id) as connection:
            return await webhooks.create_endpoint(
                connection,
                self.id,
                url=url,
                secret=SECRET,
                pii=self.pii,
                created_by="owner@x.example",
                types=types,
                personal=personal,
            )

    async def log_of(self, endpoint: Endpoint) -> tuple[Delivery, ...]:
        async with self.postgres.app.tenant(self.id) as connection:
            return await webhooks.deliveries(connection, self.id, endpoint.id, 50)

    async def now(self, endpoint: Endpoint) -> Endpoint:
        async with self.postgres.app.tenant(self.id) as connection:
            return await webhooks.endpoint(connection, endpoint.id)

    async def make_due(self) -> None:
        await self.run("update webhook_delivery set next_at = now() where state = 'waiting'")
        await self.run("update webhook_endpoint set open_until = null")

    async def breaker(self, endpoint: Endpoint) -> tuple[int, bool]:
        """Failures in a row, and whether it is left alone now."""
        async with self.postgres.platform.platform() as connection:
            row = await connection.fetchrow(
                "select failures, coalesce(open_until > now(), false) as open from webhook_endpoint where id = $1",
                endpoint.id,
            )
        assert row is not None
        return row["failures"], row["open"]

    async def run(self, statement: str) -> None:
        async with self.postgres.platform.platform() as connection:
            await connection.execute(statement)

    def menu_changed(self) -> MenuChanged:
        return MenuChanged(restaurant_id=self.id, reason="price")

    def call_missed(self) -> CallMissed:
        at = datetime.now(UTC)
        return CallMissed(
            restaurant_id=self.id,
            call_id="call-1",
            phone_line_id=str(uuid.uuid4()),
            bridge_node_id="edge-0",
            received_at=at,
            reason="no_handler",
            caller="+33612345678",
            ended_at=at,
        )


@pytest.fixture
def house(postgres: Pools, restaurant_id: str, master_key: str) -> House:
    return House(postgres, restaurant_id, PiiCipher(master_key))


class StartSender:
    def __init__(self, function: StartFunction, database: Database, master_key: str) -> None:
        self._function, self._database, self._master_key = function, database, master_key

    @asynccontextmanager
    async def __call__(self, private: str = "true") -> AsyncIterator[Running]:
        async with self._function(
            "webhook_sender",
            PLATFORM_DATABASE_URL=self._database.platform_url,
            MASTER_KEY=self._master_key,
            WEBHOOK_PRIVATE_TARGETS=private,
        ) as sender:
            yield sender


@pytest.fixture
def sender(function: StartFunction, database: Database, master_key: str) -> StartSender:
    return StartSender(function, database, master_key)


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As an integrator checks it, with nothing of ours."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(
        hmac.compare_digest(one.removeprefix("v1,"), expected) for one in headers["webhook-signature"].split(" ")
    )


async def test_an_event_arrives_once_signed_and_without_who_called(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    wanted = await house.endpoint(receiver.url, CallMissed.TYPE)
    event = Event.of(house.call_missed(), source="/edge/edge-0")

    async with sender() as running:
        assert (await running.send(event))[0] == 204
        assert (await running.send(event))[0] == 204  # the Broker brings it twice
        assert (await running.send(house.menu_changed()))[0] == 204  # a type that is not wanted

        async def logged() -> bool:
            return [one.state for one in await house.log_of(wanted)] == ["delivered"]

        await eventually(logged)

    (body,), (headers,) = receiver.bodies, receiver.seen
    (delivery,) = await house.log_of(wanted)
    assert verified(SECRET, headers, body)
    assert not verified(rules.new_secret(), headers, body)
    assert headers["webhook-id"] == delivery.id
    assert headers["content-type"] == "application/cloudevents+json"
    assert b"call.missed" in body and b"+336" not in body
    assert (delivery.attempts, delivery.last_status, delivery.event_id) == (1, 200, event.id)


async def test_who_called_is_sent_to_an_endpoint_that_may_know(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    await house.endpoint(receiver.url, personal=True)

    async with sender() as running:
        await running.send(house.call_missed())
        await eventually(lambda: _len(receiver.bodies))

    assert b"+33612345678" in receiver.bodies[0]
    async with house.postgres.platform.platform() as connection:
        assert "+336" not in str(await connection.fetch("select t::text from integration_event t"))


async def test_what_failed_is_sent_again_under_the_same_id_until_it_arrives(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url)
    receiver.status = 500

    async with sender() as running:
        await running.send(house.menu_changed())

        async def failed_once() -> bool:
            return [one.last_status for one in await house.log_of(endpoint)] == [500]

        await eventually(failed_once)
        (waiting,) = await house.log_of(endpoint)
        assert (waiting.state, waiting.attempts, waiting.last_error) == ("waiting", 1, "answered 500")
        assert timedelta(seconds=3) < waiting.next_at - datetime.now(UTC) + timedelta(seconds=2) < timedelta(seconds=9)
        assert (await house.now(endpoint)).failing_since is not None

        receiver.status = 204
        await house.make_due()
        assert (await running.tick("deliveries-due"))[0] == 204

    (delivered,) = await house.log_of(endpoint)
    assert (delivered.state, delivered.attempts) == ("delivered", 2)
    assert len({headers["webhook-id"] for headers in receiver.seen}) == 1
    assert len({headers["webhook-signature"] for headers in receiver.seen}) <= 2
    assert (await house.now(endpoint)).failing_since is None


async def test_attempts_end_and_an_owner_may_have_it_sent_again(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url)
    receiver.status = 503

    async with sender() as running:
        await running.send(house.menu_changed())

        async def refused_once() -> bool:
            return [one.last_status for one in await house.log_of(endpoint)] == [503]

        await eventually(refused_once)
        for _ in rules.RETRY_AFTER:
            # As if others arrived meanwhile: it is this message that fails.
            await house.run("update webhook_endpoint set failures = 0, failing_since = null")
            await house.make_due()
            await running.tick("deliveries-due")
        (given_up,) = await house.log_of(endpoint)
        await running.tick("deliveries-due")
        receiver.status = 200
        async with house.postgres.app.tenant(house.id) as connection:
            await webhooks.send_again(connection, endpoint.id, given_up.id)
        await running.tick("deliveries-due")

    assert (given_up.state, given_up.attempts) == ("failed", len(rules.RETRY_AFTER) + 1)
    assert len(receiver.bodies) == len(rules.RETRY_AFTER) + 2
    assert (await house.log_of(endpoint))[0].state == "delivered"


async def test_after_an_outage_all_that_waited_is_sent_as_soon_as_the_receiver_is_there_again(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url)
    receiver.status = 503

    async with sender() as running:
        for _ in range(8):
            await running.send(house.menu_changed())

        async def open_() -> bool:
            return (await house.breaker(endpoint))[1]

        await eventually(open_)
        for _ in range(12):  # an hour of it: what is due is one attempt at a time, and none uses a message up
            await house.run("update webhook_endpoint set failing_since = failing_since - interval '5 minutes'")
            await house.make_due()
            before = len(receiver.bodies)
            await running.tick("deliveries-due")
            assert len(receiver.bodies) == before + 1
        assert max(one.next_at for one in await house.log_of(endpoint)) < datetime.now(UTC) + timedelta(seconds=34)
        assert len({headers["webhook-id"] for headers in receiver.seen[-8:]}) == 8  # it may be one message that fails

        receiver.status = 204
        await house.run("update webhook_endpoint set open_until = null")
        await house.run(
            "update webhook_delivery set next_at = now() where id = (select id from webhook_delivery limit 1)"
        )
        await running.tick("deliveries-due")

    assert [one.state for one in await house.log_of(endpoint)] == ["delivered"] * 8
    assert await house.breaker(endpoint) == (0, False)


async def test_what_fails_while_others_arrive_keeps_its_own_times(house: House) -> None:
    endpoint = await house.endpoint("https://x.example/hook")
    await house.run(f"update webhook_endpoint set failures = 5, failing_since = now() where id = '{endpoint.id}'")
    async with house.postgres.app.tenant(house.id) as connection:
        for _ in range(3):
            await keep(house.pii, connection, Event.of(house.menu_changed(), source="/test"))
    async with house.postgres.platform.platform() as connection:
        (probe,) = await webhooks.claim(connection, 9, 4)
        failing, patient = (one.id for one in await house.log_of(endpoint) if one.id != probe.id)
        later = "next_at = now() + interval '1 hour', last_at = now(), last_error = 'answered 500'"
        await connection.execute(f"update webhook_delivery set {later}, counted = 1 where id = $1", patient)
        await connection.execute(f"update webhook_delivery set {later}, counted = 6 where id = $1", failing)
        await webhooks.delivered(connection, probe, 200, 1)

        due = await webhooks.claim(connection, 9, 4)

    assert [one.id for one in due] == [patient]


async def test_an_owners_test_and_a_new_address_do_not_wait_for_the_breaker(house: House) -> None:
    endpoint = await house.endpoint("https://x.example/hook")
    open_ = "update webhook_endpoint set failures = 9, failing_since = now(), open_until = now() + interval '5 minutes'"
    async with house.postgres.app.tenant(house.id) as connection:
        await keep(house.pii, connection, Event.of(house.menu_changed(), source="/test"))
    await house.run(open_)
    await house.run(
        "update webhook_delivery set last_at = now(), last_error = 'no', next_at = now() + interval '1 min'"
    )
    async with house.postgres.platform.platform() as connection:
        left_alone = await webhooks.claim(connection, 9, 4)
    tested = WebhookTested(restaurant_id=house.id, endpoint_id=endpoint.id)
    async with house.postgres.app.tenant(house.id) as connection:
        await keep(house.pii, connection, Event.of(tested, source="/test"))
    async with house.postgres.platform.platform() as connection:
        first = await webhooks.claim(connection, 9, 4)
    await house.run(open_)
    async with house.postgres.app.tenant(house.id) as connection:
        await webhooks.update_endpoint(
            connection, endpoint.id, url="https://y.example/", description="", types=(), personal=False
        )
    async with house.postgres.platform.platform() as connection:
        then = await webhooks.claim(connection, 9, 4)

    assert left_alone == ()
    assert [one.event["type"] for one in first] == [WebhookTested.TYPE]
    assert [one.url for one in then] == ["https://y.example/"]


async def test_receivers_that_hang_leave_room_for_those_that_answer(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    hanging = Receiver()
    hanging.pause_s = 9
    async with answering_posts("/hook", hanging.take) as server:
        for _ in range(40):
            await house.endpoint(str(server.make_url("/hook")), MenuChanged.TYPE)
        await house.run("update webhook_endpoint set failures = 3, failing_since = now()")
        await house.endpoint(receiver.url, CallMissed.TYPE)
        async with sender() as running:
            await running.send(house.menu_changed())
            await eventually(lambda: _at_least(hanging, 16))
            await running.send(house.call_missed())
            await eventually(lambda: _len(receiver.bodies))

            assert hanging.most_at_once == 16


async def _at_least(receiver: Receiver, number: int) -> bool:
    return receiver.at_once >= number


async def test_an_endpoint_that_fails_for_days_is_switched_off_and_the_owner_finds_out(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url)
    await house.run("update webhook_endpoint set failing_since = now() - interval '6 days'")
    receiver.status = 500

    async with sender() as running:
        await running.send(house.menu_changed())

        async def off() -> bool:
            return (await house.now(endpoint)).disabled_because == "failing"

        await eventually(off)
        await running.send(house.menu_changed())
        await running.tick("deliveries-due")

    assert len(receiver.bodies) == 1
    assert [one.state for one in await house.log_of(endpoint)] == ["failed"]
    async with house.postgres.app.tenant(house.id) as connection:
        (entry,) = await audit.recent(connection, 5)
    assert (entry.action, entry.subject) == ("webhooks.switched_off", endpoint.id)


async def test_an_endpoint_that_says_gone_is_switched_off_at_once(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url)
    receiver.status = 410

    async with sender() as running:
        await running.send(house.menu_changed())

        async def off() -> bool:
            return (await house.now(endpoint)).disabled_because == "gone"

        await eventually(off)


async def test_a_test_goes_to_its_endpoint_alone_whatever_it_wants(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    tested, other = await house.endpoint(receiver.url, LineChanged.TYPE), await house.endpoint(receiver.url)

    async with sender() as running:
        await running.send(WebhookTested(restaurant_id=house.id, endpoint_id=tested.id))
        await eventually(lambda: _len(receiver.bodies))

    assert [one.type for one in await house.log_of(tested)] == [WebhookTested.TYPE]
    assert await house.log_of(other) == ()


async def test_a_redirect_is_not_followed(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url)
    receiver.status, receiver.headers = 302, {"Location": receiver.url}

    async with sender() as running:
        await running.send(house.menu_changed())

        async def told() -> bool:
            return [one.last_error for one in await house.log_of(endpoint)] == ["redirects are not followed"]

        await eventually(told)

    assert len(receiver.bodies) == 1


async def test_nothing_is_sent_into_our_own_network(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    endpoint = await house.endpoint(receiver.url.replace("http://", "https://"))

    async with sender(private="false") as running:
        await running.send(house.menu_changed())

        async def refused() -> bool:
            return [one.attempts for one in await house.log_of(endpoint)] == [1] and "not allowed" in (
                await house.log_of(endpoint)
            )[0].last_error

        await eventually(refused)

    assert receiver.bodies == []


@pytest.mark.parametrize("host", ["localhost.", "127.1", "0x7f.1", "localhost"])
async def test_a_name_that_leads_into_our_network_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The check of the URL is passed by: what counts is the address of the socket."""
    network = Network("AlloResto-Test/1", private=False)
    url = receiver.url.replace("127.0.0.1", host)
    monkeypatch.setattr(rules, "check_url", lambda url, private: url)

    answer = await network.request("POST", url, body=b"{}")

    await network.close()

    assert answer.status is None
    assert answer.error
    assert receiver.bodies == []


async def test_a_slow_endpoint_keeps_no_other_waiting(
    sender: StartSender, house: House, receiver: Receiver, eventually: Eventually
) -> None:
    slow = Receiver()
    slow.pause_s = 8
    async with answering_posts("/hook", slow.take) as server:
        await house.endpoint(str(server.make_url("/hook")))
        fast = await house.endpoint(receiver.url)
        async with sender() as running:
            for _ in range(12):
                await running.send(house.menu_changed())

            async def all_of_the_fast_one() -> bool:
                return [one.state for one in await house.log_of(fast)] == ["delivered"] * 12

            await eventually(all_of_the_fast_one)
            assert slow.most_at_once == 4


async def test_an_event_that_is_not_for_integrators_is_refused(sender: StartSender, house: House) -> None:
    logged = OrderLogged(
        restaurant_id=house.id,
        order_id=str(uuid.uuid4()),
        number=1,
        day="2026-11-20",
        orders_today=1,
        total_cents_today=1,
        currency="EUR",
    )

    async with sender() as running:
        status, _, problem = await running.send(logged)

    assert status == 400
    assert "webhook_sender takes" in problem["detail"]


async def test_nothing_of_a_synthetic_call_is_kept_for_integrators(house: House) -> None:
    endpoint = await house.endpoint("https://hooks.example.com/all")
    ours = Event.of(house.menu_changed(), source="/tests")
    rehearsed = Event.of(house.call_missed(), source="/tests", extensions={"synthetic": "true"})

    for event in (rehearsed, ours):
        async with house.postgres.app.tenant(house.id) as connection:
            await keep(house.pii, connection, event)

    assert [delivery.type for delivery in await house.log_of(endpoint)] == [MenuChanged.TYPE]


async def test_what_was_kept_for_integrators_goes_after_its_time(postgres: Pools, house: House) -> None:
    async with postgres.app.tenant(house.id) as connection:
        await webhooks.keep_event(
            connection, house.id, {"id": "1", "source": "/x", "type": "t"}, {"caller": "x"}, pii=house.pii
        )
    async with postgres.platform.platform() as connection:
        kept = await retention.forget(connection, retention.INTEGRATION_EVENTS, 14, datetime.now(UTC))
        later = datetime.now(UTC) + timedelta(days=15)
        gone = await retention.forget(connection, retention.INTEGRATION_EVENTS, 14, later)

    assert (kept, gone) == (0, 1)


async def _len(found: list[Any]) -> int:
    return len(found)


async def test_endpoints_that_are_off_keep_no_other_from_its_turn(house: House) -> None:
    off = [await house.endpoint("https://off.example/hook") for _ in range(3)]
    async with house.postgres.app.tenant(house.id) as connection:
        await keep(house.pii, connection, Event.of(house.menu_changed(), source="/test"))
    ids = ", ".join(f"'{one.id}'" for one in off)
    # As when one is switched off while an event is kept for it.
    await house.run(f"update webhook_endpoint set disabled_at = now(), disabled_because = 'owner' where id in ({ids})")
    on = await house.endpoint("https://on.example/hook")
    async with house.postgres.app.tenant(house.id) as connection:
        await keep(house.pii, connection, Event.of(house.menu_changed(), source="/test"))

    async with house.postgres.platform.platform() as connection:
        claimed = await webhooks.claim(connection, 2, 1)

    assert [one.endpoint_id for one in claimed] == [on.id]


async def test_what_is_sent_again_are_no_tests(house: House) -> None:
    endpoint = await house.endpoint("https://x.example/hook")
    tested = WebhookTested(restaurant_id=house.id, endpoint_id=endpoint.id)
    async with house.postgres.app.tenant(house.id) as connection:
        for payload in (tested, house.menu_changed()):
            await keep(house.pii, connection, Event.of(payload, source="/test"))
        await connection.execute("update webhook_delivery set state = 'delivered'")
        sent = await webhooks.replay(connection, house.id, endpoint.id, datetime.now(UTC) - timedelta(hours=1))

    assert (sent, [one.type for one in await house.log_of(endpoint) if one.state == "waiting"]) == (
        1,
        ["com.alloresto.menu.changed"],
    )
