"""A restaurant in which there is something on every page: orders, calls, team, bookings, integrations."""

import io
import wave
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image

from domain.restaurant import OpeningException
from domain.traces import AudioFigures, InForce, Ladder, Moment, Rung
from stores import account_links, restaurants, second_factors, setups, team, traces, users
from stores.calls import CallRecord
from stores.ciphers import SecretCipher
from stores.live import CallChanged, Spoke
from stores.postgres import Connection
from stores.setups import NewRestaurant
from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    Admin,
    csrf_token,
    fetch,
    leave_cart,
    log_call,
    log_ended,
    make_order,
    publish,
    ring,
    take_order,
)
from tests.integration.web.test_infrastructure import beat
from tests.integration.web.test_platform import keep_letter


def fill_service(admin: Admin, recordings: Path) -> None:
    """A day of orders and calls, one of them under way."""
    order = make_order(admin, name="Fionnuala Ní Bhriain", minutes_ago=17)
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id, minutes_ago=17)
    for name, minutes in (("Aoife", 2), ("Cormac", 24)):
        take_order(admin, make_order(admin, name=name, minutes_ago=minutes), tell=False)
    leave_cart(admin)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    missed = CallRecord(
        id="missed",
        restaurant_id=admin.pizza.id,
        started_at=yesterday,
        outcome="lost",
        ended_at=yesterday + timedelta(seconds=12),
        duration_ms=12_000,
        missed_reason="no_handler",
        caller=CALLER,
        bridge_node_id="edge-0",
        attempts=2,
    )
    log_ended(admin, missed, *(_earlier(admin, number) for number in range(60)))
    folder = recordings / admin.pizza.id
    folder.mkdir(parents=True)
    with wave.open(str(folder / f"{order.call_id}.wav"), "wb") as silence:
        silence.setnchannels(2)
        silence.setsampwidth(2)
        silence.setframerate(8000)
        silence.writeframes(bytes(4 * 8000))
    ring(admin, "ringing", seconds_ago=8)
    publish(admin, CallChanged(call_id="ringing", state="joined", at=datetime.now(UTC)))
    publish(admin, Spoke(call_id="ringing", who="caller", text="One calzone, please", at=datetime.now(UTC)))
    beat(admin, "edge-0", "edge-1")
    keep_letter(admin)


def _earlier(admin: Admin, number: int) -> CallRecord:
    began = datetime.now(UTC) - timedelta(days=2, minutes=number)
    return CallRecord(
        id=f"earlier-{number}",
        restaurant_id=admin.pizza.id,
        started_at=began,
        outcome="answered",
        ended_at=began + timedelta(minutes=1),
        duration_ms=60_000,
        caller=CALLER,
    )


@dataclass(frozen=True)
class Links:
    """Tokens of links that came by e-mail, and the id of a restaurant without anything."""

    empty_id: str
    reset: str
    sign_up: str


async def fill_accounts(connection: Connection, master_key: str) -> Links:
    """The cook has a second step, the owner begins one and a restaurant; needs the app role, outside of any."""
    owner, cook = await users.by_email(connection, OWNER), await users.by_email(connection, COOK)
    assert owner is not None and cook is not None
    cipher, hour = SecretCipher(master_key, second_factors.PURPOSE), timedelta(hours=1)
    await second_factors.begin(connection, cook.id, cipher)
    await second_factors.take_step(connection, cook.id, 1)
    await second_factors.begin(connection, owner.id, cipher)
    reset = await account_links.make(connection, "reset", OWNER, good_for=hour)
    sign_up = await account_links.make(connection, "sign_up", "somebody@example.com", good_for=hour, name="Somebody")
    nothing = NewRestaurant("Nothing yet", "en", "IE", "EUR", "Europe/Dublin")
    return Links(await setups.set_up(connection, owner.id, nothing), reset, sign_up)


async def fill_rest(connection: Connection, admin: Admin) -> str:
    """A closed day, a call's trace, and an invitation, whose token it returns."""
    await restaurants.set_exception(
        connection, admin.pizza.id, OpeningException((datetime.now(UTC) + timedelta(days=30)).date())
    )
    rungs = [Rung(at_ms=0, direction="in", method="INVITE", sequence=1, facts={"codecs": "PCMA"})]
    rungs += [Rung(at_ms=4, direction="out", method="INVITE", sequence=1, status=200)]
    trace = traces.CallTrace(
        call_id="missed",
        started_at=await connection.fetchval("select started_at from call_log where id = 'missed'"),
        restaurant_id=admin.pizza.id,
        sip_call_id="abc",
        moments=[Moment(at_ms=0, what="ringing"), Moment(at_ms=437, what="joined", attempt=1, detail="pod")],
        audio=AudioFigures(heard_packets=500, heard_lost=3, heard_late=0, heard_jitter_ms=2.0, sent_packets=490),
        in_force=InForce(provider="sip", trunk="sip.example.com", codec="PCMA"),
    )
    await traces.begun(connection, trace)
    await traces.ended(connection, trace)
    await traces.keep_ladder(connection, "abc", trace.started_at, Ladder(rungs=rungs))
    invited = {"invited_by": OWNER, "good_for": timedelta(hours=1)}
    return await team.invite(connection, admin.pizza.id, "new@harbour.example", "manager", **invited)  # type: ignore[arg-type]


def fill_by_hand(owner: FlaskClient, admin: Admin) -> str:
    """What the owner adds by the pages themselves; the day of a reservation, as a link names it."""
    place = f"/place/{admin.pizza.id}"
    token = csrf_token(owner.get(f"{place}/integrations").text)

    def send(path: str, **data: object) -> None:
        answer = owner.post(place + path, data={"csrf_token": token, **data}, content_type="multipart/form-data")
        assert answer.status_code in (200, 302, 303), f"{path}: {answer.status_code}"

    picture = io.BytesIO()
    Image.new("RGB", (80, 60), "tomato").save(picture, "PNG")
    picture.seek(0)
    margherita = admin.item("Margherita").id
    send("/integrations/tokens", name="Till", lifetime="365", scope="menu:read")
    send("/integrations/webhooks/new", url="https://till.example/hook", description="Till")
    (endpoint,) = fetch(admin, "select id from webhook_endpoint")
    send(f"/integrations/webhooks/{endpoint['id']}/test")
    send("/connections/new/store_api", name="Till", url="https://till.example/api", token="x")
    send("/chain/houses", joining_called="Quay")
    send("/chain/houses", joining=admin.margot.id, joining_called="Old Town")
    send(f"/menu/items/{margherita}/photo", photo=(picture, "pizza.png"))
    day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    send("/reservations/new", day=day, time="19:30", covers="4", name="Nora", phone=CALLER, note="window")
    send(f"/menu/off/items/{admin.item('Tiramisu').id}", until="tomorrow")
    return day
