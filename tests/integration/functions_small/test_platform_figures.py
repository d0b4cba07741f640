"""What the reconciler tells of the whole platform, on a real Postgres and Valkey."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest

from domain import model_retirements
from eventing import letters
from functions._platform_figures import PlatformWatch
from stores import lines, platform_figures
from stores.ciphers import SipPasswordCipher
from stores.redis import Redis
from tests.conftest import Database, Pools
from tests.fakes.proxy import TcpProxy
from tests.integration.functions_small.conftest import Run, Running

pytestmark = pytest.mark.integration

RETIRED = model_retirements.RETIREMENTS[0]


async def figures(function: Running) -> dict[str, float]:
    """Every sample of a scrape, by its name with its labels."""
    async with aiohttp.ClientSession() as session, session.get(function.url + "metrics") as answer:
        samples = (line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in samples}


async def fill(postgres: Pools, restaurant_id: str, master_key: str) -> None:
    """A line that is nobody's, a call of 20 minutes that goes on, a day's calls with two models, a dead letter."""
    async with postgres.platform.platform() as connection:
        await lines.create(
            connection,
            restaurant_id=restaurant_id,
            number="+33465710042",
            cipher=SipPasswordCipher(master_key),
            sip_domain="trunk.example.com",
            sip_username="user",
            sip_password="secret",
        )
        await connection.execute(
            "insert into call_log (id, started_at, restaurant_id, outcome)"
            " values ('long', now() - interval '20 minutes', $1, 'in_progress')",
            restaurant_id,
        )
        for number, (model, dollars) in enumerate([("a", 0.5), ("a", 1.0), (RETIRED.model, 0.25)]):
            await connection.execute(
                "insert into call_log"
                " (id, started_at, ended_at, restaurant_id, outcome, model, duration_ms, cost_dollars)"
                " values ($1, now(), now(), $2, 'answered', $3, 60000, $4)",
                f"call-{number}",
                restaurant_id,
                model,
                dollars,
            )
        await letters.keep(connection, letters.read({}, b"not an event", truncated=False))


async def fill_with_errands(postgres: Pools, restaurant_id: str) -> None:
    """A till that fails and one that does not; only the second is owed what nobody took, and only its first errand."""
    async with postgres.platform.platform() as connection:
        for provider, failures, minutes in (("deliverect", 3, 30), ("store_api", 0, 5)):
            till = await connection.fetchval(
                "insert into service_connection (restaurant_id, service, provider, created_by, failures,"
                " secrets_encrypted) values ($1, $2, $3, 'test', $4, 'x') returning id",
                restaurant_id,
                "till" if failures else "printer",
                provider,
                failures,
            )
            age = timedelta(days=91 if failures else 89)
            await connection.execute(
                "update service_connection set secrets_at = now() - $2::interval where id = $1", till, age
            )
            for number in range(2):
                await connection.execute(
                    "insert into errand (restaurant_id, connection_id, kind, subject, key, next_at, give_up_at)"
                    " values ($1, $2, 'send_order', 'order', $3, now() - $4 * interval '1 minute', now())",
                    restaurant_id,
                    till,
                    f"key-{number}",
                    minutes * (1 + number),
                )


async def fill_with_deposits(postgres: Pools, restaurant_id: str) -> None:
    """Stuck: one that is open, one whose page never came, and one that is to go back; the others have time yet."""
    now = datetime.now(UTC)
    async with postgres.platform.platform() as connection:
        paid_at = await connection.fetchval("select id from service_connection limit 1")
        booked = await connection.fetchval(
            "insert into reservation (restaurant_id, starts_at, ends_at, covers, status)"
            " values ($1, now(), now() + interval '2 hours', 2, 'held') returning id",
            restaurant_id,
        )
        for state, reference, due, changed in (
            ("closing", "cs_1", 11, 11),
            ("awaited", "", 101, 130),
            ("awaited", "cs_2", 9, 9),
            ("awaited", "", 99, 130),
            ("refund_due", "cs_3", 500, 61),
            ("refund_due", "cs_4", 500, 59),
            ("paid", "cs_5", 500, 500),
        ):
            await connection.execute(
                "insert into deposit (restaurant_id, reservation_id, connection_id, amount_cents, currency, minutes,"
                " state, due_at, reference, changed_at) values ($1, $2, $3, 1000, 'EUR', 30, $4, $5, $6, $7)",
                restaurant_id,
                booked,
                paid_at,
                state,
                now - timedelta(minutes=due),
                reference,
                now - timedelta(minutes=changed),
            )


async def test_the_gauges_say_how_the_platform_stands_and_nothing_while_its_database_is_away(
    run: Run,
    postgres: Pools,
    database: Database,
    redis: Redis,
    redis_url: str,
    restaurant_id: str,
    master_key: str,
) -> None:
    await fill(postgres, restaurant_id, master_key)
    await fill_with_errands(postgres, restaurant_id)
    await fill_with_deposits(postgres, restaurant_id)
    await platform_figures.count_cut_calls(redis, 2)
    there = urlsplit(database.platform_url)
    async with TcpProxy(there.port or 0) as proxy:
        url = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        async with run(
            "functions", "reconciler", PLATFORM_DATABASE_URL=url, REDIS_URL=redis_url, MASTER_KEY=master_key
        ) as function:
            status, _ = await function.tick("figures-due")
            told = await figures(function)
            await proxy.go_away()
            away, _ = await function.tick("figures-due")
            blind = await figures(function)

    assert status == 204
    assert told["dead_letters_open"] == 1
    assert told["calls_open"] == 1
    assert 1200 <= told["call_longest_seconds"] < 1500
    assert told['phone_lines{state="unassigned"}'] == 1
    assert told['phone_lines{state="registered"}'] == 0
    assert told['model_cost_dollars_today{model="a"}'] == 1.5
    assert told[f'restaurant_calls_today{{restaurant_id="{restaurant_id}"}}'] == 3
    assert told[f'restaurant_call_seconds_today{{restaurant_id="{restaurant_id}"}}'] == 180
    assert told[f'restaurant_model_cost_dollars_today{{restaurant_id="{restaurant_id}"}}'] == 1.75
    stops = datetime.fromtimestamp(told[f'model_stops_timestamp_seconds{{model="{RETIRED.model}"}}'], UTC)
    assert stops.date() == RETIRED.stops
    assert told["calls_cut_by_shutdown"] == 2
    assert told['connections_failing{provider="deliverect"}'] == 1
    assert 'connections_failing{provider="store_api"}' not in told
    assert 300 <= told["errands_overdue_seconds"] < 330
    assert told["connection_secrets_old"] == 1
    assert (told["deposits_stuck"], told["refunds_stuck"]) == (2, 1)
    assert away == 503
    assert blind["errands_overdue_seconds"] != blind["errands_overdue_seconds"]
    assert blind["dead_letters_open"] != blind["dead_letters_open"]  # NaN: neither good nor bad
    assert not [name for name in blind if name.startswith(("phone_lines{", "model_cost_dollars_today{"))]
    assert blind["calls_cut_by_shutdown"] == 2


async def test_a_model_that_only_the_settings_name_is_told_of_before_its_first_call(
    postgres: Pools, redis: Redis
) -> None:
    from functions._platform_figures import model_stops_timestamp_seconds as gauge

    await PlatformWatch(postgres.platform, redis, ("", f"gpt-transcribe, {RETIRED.model}")).look()

    [family] = gauge.collect()
    assert [sample.labels for sample in family.samples] == [{"model": RETIRED.model}]
