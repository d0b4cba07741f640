"""``alloresto calls`` and ``alloresto lines`` as the operator runs them, on a real Postgres."""

import json
import re
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from domain.order import Address, Cart, Fulfilment
from domain.traces import AudioFigures, InForce, Ladder, Moment, Rung
from stores import calls, lines, nodes, orders, traces
from stores.calls import CallRecord, UnconfirmedCart
from stores.checkpoints import Utterance
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.traces import CallTrace
from tests.conftest import Database, Pools
from tests.integration.setup import commands
from tests.integration.stores.samples import NOW, Tenant, conversation, make_order, new_id, seed_both

pytestmark = pytest.mark.integration

CALLER, NAME, STREET, SENTENCE = (
    "+33612345678",
    "Zoltan Quux",
    "17 rue des Licornes",
    "My card number is at home, Zoltan",
)
SIP_CALL_ID = "f00-612345678@192.0.2.77"
PHONE_ADDRESS, TRUNK_ADDRESS = "192.0.2.77", "198.51.100.5"


def command(database: Database, master_key: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.command(database, *arguments, MASTER_KEY=master_key)


async def write(postgres: Pools, tenant: Tenant, call_id: str, pii: PiiCipher, **fields: object) -> None:
    """A call of the tenant's that is over."""
    known: dict[str, object] = {"outcome": "answered", "ended_at": NOW + timedelta(seconds=42), "duration_ms": 42_000}
    record = CallRecord(
        id=call_id,
        restaurant_id=tenant.id,
        phone_line_id=tenant.line_id,
        caller=CALLER,
        **({"started_at": NOW} | known | fields),  # type: ignore[arg-type]
    )
    async with postgres.platform.platform() as connection:
        await calls.record_ended(connection, record, pii=pii)


@pytest.fixture
async def tenants(postgres: Pools, pii: PiiCipher, master_key: str) -> tuple[Tenant, Tenant]:
    return await seed_both(postgres.platform, pii, SipPasswordCipher(master_key))


async def test_calls_are_listed_newest_first_by_restaurant_and_by_whether_they_were_missed(
    database: Database, postgres: Pools, tenants: tuple[Tenant, Tenant], pii: PiiCipher, master_key: str
) -> None:
    harbour, margot = tenants
    await write(postgres, harbour, "aaaa-1", pii, started_at=NOW + timedelta(hours=1))
    await write(postgres, harbour, "aaaa-2", pii, started_at=NOW + timedelta(hours=2), outcome="abandoned")
    await write(postgres, margot, "bbbb-3", pii, started_at=NOW + timedelta(hours=3), missed_reason="node_full")

    def listed(*arguments: str) -> list[str]:
        done = command(database, master_key, "calls", *arguments)
        assert done.returncode == 0, done.stderr
        assert CALLER not in done.stdout
        return [line.split()[2] for line in done.stdout.splitlines()]

    assert listed("--limit", "3") == ["bbbb-3", "aaaa-2", "aaaa-1"]
    assert listed("--missed") == ["bbbb-3", "aaaa-2"]
    assert listed("--missed", "--restaurant", "HARB") == ["aaaa-2"]
    assert "bbbb-3" in listed("--restaurant", margot.id)
    assert CALLER in command(database, master_key, "calls", "--numbers").stdout
    several = command(database, master_key, "calls", "show", "aaaa")
    assert (several.returncode, "aaaa-2, aaaa-1" in several.stderr) == (1, True)


async def plant(postgres: Pools, tenant: Tenant, call_id: str, pii: PiiCipher) -> None:
    """A call whose every part holds something personal, where it may be and where it may not."""
    await write(postgres, tenant, call_id, pii, bridge_node_id="edge-1")
    cart = Cart(
        "EUR", new_id(), fulfilment=Fulfilment("delivery", Address(STREET, "75011", "Paris")), customer_name=NAME
    )
    said = conversation(
        call_id,
        tenant.id,
        transcript=(Utterance("caller", SENTENCE, NOW), Utterance("assistant", f"Thank you, {NAME}.", NOW)),
        unconfirmed=UnconfirmedCart(cart, 0, "caller_hung_up"),
    )
    facts = {"media": f"{PHONE_ADDRESS}:4000", "referTo": "zoltan.example", "codecs": f"PCMU {NAME}"}
    trace = CallTrace(
        call_id=call_id,
        restaurant_id=tenant.id,
        started_at=NOW,
        sip_call_id=SIP_CALL_ID,
        moments=(Moment(at_ms=0, what="rings", detail=f"{CALLER} {NAME}"), Moment(at_ms=9, what="hung up")),
        audio=AudioFigures(heard_packets=960, heard_lost=40, heard_late=0, heard_jitter_ms=1.0, sent_packets=900),
        in_force=InForce(provider="sip", trunk="sip.zoltan.example", source=TRUNK_ADDRESS, codec="PCMU", max_calls=4),
    )
    ladder = Ladder(rungs=[Rung(at_ms=0, direction="in", method="INVITE", sequence=1, facts=facts)])
    async with postgres.platform.platform() as connection:
        await calls.record_conversation(connection, said, pii)
        await orders.insert_confirmed(connection, make_order(tenant.menu, call_id), pii, caller=CALLER)
        await traces.ended(connection, trace)
        assert await traces.keep_ladder(connection, SIP_CALL_ID, NOW - timedelta(seconds=1), ladder)


def log(folder: Path, call_id: str) -> None:
    """Log lines that break every rule of what may be logged."""
    entries = [
        {"at": "2026-11-21T18:30:01.000Z", "message": f"call from {CALLER} at {PHONE_ADDRESS}", "call_id": call_id},
        {"at": "2026-11-21T18:30:00.000Z", "message": "attempt over", "call_id": call_id, "attempt": 2},
        {"message": "x", "call_id": call_id, "pii_caller": CALLER, "why": NAME, "password": "line secret"},
        {"message": f"said {SENTENCE}", "call_id": call_id, "error": {"type": "ValueError", "text": NAME}},
        {"message": "REFER", "call_id": call_id, "reason": f"sip:zoltan@trunk.example and {STREET}, 06 12 34 56 78"},
        {"message": "of another call", "call_id": "other"},
    ]
    (folder / "runtime").mkdir(parents=True)
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "runtime" / "bridge.log").write_text(f"{text}{call_id} {CALLER} no JSON\n")


async def test_a_support_file_explains_the_call_and_tells_nobody_who_called_whom(
    database: Database,
    postgres: Pools,
    tenants: tuple[Tenant, Tenant],
    pii: PiiCipher,
    master_key: str,
    tmp_path: Path,
) -> None:
    harbour, _ = tenants
    call_id = new_id()
    await plant(postgres, harbour, call_id, pii)
    log(tmp_path / "state", call_id)
    made = tmp_path / "call.zip"

    done = command(
        database,
        master_key,
        *("calls", "support", call_id[:8], "--out", str(made), "--state-dir", str(tmp_path / "state")),
    )

    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(made) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    everything = "\n".join(parts.values()).lower()
    personal = (CALLER, CALLER[1:], "612345678", "06 12 34", NAME, "Zoltan", STREET, "75011", "Lovelace", "2 quai Nord")
    secret = (SENTENCE, "Thank you", PHONE_ADDRESS, TRUNK_ADDRESS, SIP_CALL_ID, "line secret", "Margherita")
    of_restaurant = ("harbour", "+33111111111", "+33100000000", "1 rue du Port", "+33100000001")
    assert [one for one in (*personal, *secret, *of_restaurant) if one.lower() in everything] == []
    call = json.loads(parts["call.json"])
    assert call["ladder"]["rungs"][0]["facts"]["media"] == "private address C, port 4000"
    assert call["inForce"]["source"] == "private address B"
    assert "lossy: 4.0 %" in parts["call.txt"]
    assert "INVITE ──" in parts["call.txt"]
    entries = [json.loads(line) for line in parts["log.jsonl"].splitlines()]
    assert [entry["message"] for entry in entries if entry.get("attempt")] == ["attempt over"]
    assert len(entries) == 5
    assert "pjsua2-python" in json.loads(parts["versions.json"])


async def test_a_ladder_finds_its_call_by_sips_call_id_and_its_time(
    postgres: Pools, tenants: tuple[Tenant, Tenant]
) -> None:
    harbour, _ = tenants
    ladder = Ladder(rungs=[Rung(at_ms=0, direction="in", method="INVITE", sequence=1)])
    async with postgres.platform.platform() as connection:
        for call_id, at in (("yesterday", NOW - timedelta(days=1)), ("now", NOW)):
            trace = CallTrace(call_id=call_id, restaurant_id=harbour.id, started_at=at, sip_call_id="one")
            await traces.begun(connection, trace)

        assert await traces.keep_ladder(connection, "one", NOW - timedelta(seconds=5), ladder)
        assert not await traces.keep_ladder(connection, "another", NOW, ladder)
        assert not await traces.keep_ladder(connection, "", NOW, ladder)

        kept = {id_: await traces.get(connection, id_, at) for id_, at in (("now", NOW),)}["now"]
        older = await traces.get(connection, "yesterday", NOW - timedelta(days=1))
        await traces.ended(connection, trace)
        again = await traces.get(connection, "now", NOW)
    assert kept is not None and older is not None and again is not None
    assert (kept.ladder, older.ladder, again.ladder) == (ladder, Ladder(), ladder)


async def test_each_line_is_told_with_its_node_its_state_and_what_to_do(
    database: Database, postgres: Pools, tenants: tuple[Tenant, Tenant], master_key: str
) -> None:
    harbour, margot = tenants
    async with postgres.platform.platform() as connection:
        await nodes.heartbeat(connection, "edge-1", hostname="edge-1")
        for tenant in tenants:
            await connection.execute(
                "insert into sip_registration (restaurant_id, phone_line_id, bridge_node_id, sip_uri)"
                " values ($1, $2, 'edge-1', 'sip:x@trunk.example')",
                tenant.id,
                tenant.line_id,
            )
        await connection.execute("update sip_registration set changed_at = now() - interval '3 hours'")
        await lines.set_registration(connection, harbour.line_id, "edge-1", 1, "registered")
        error = "the trunk refuses for now and asks to wait 300 s (503)"
        await lines.set_registration(connection, margot.line_id, "edge-1", 1, "error", error)
    done = command(database, master_key, "lines")
    told = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert told[0].startswith(margot.line_id)
    # It came into its state just now, and not three hours ago, when it was changed before.
    assert re.match(r" +NOT REGISTERED for \d+ s, node edge-1, trunk trunk\.example, last heard \d+ s ago$", told[1])
    assert told[2].strip() == f"why   {error}"
    assert told[3].strip() in (
        "next  asked again in 4 min, as the trunk wants",
        "next  asked again in 5 min, as the trunk wants",
    )
    assert told[4].strip().startswith("fix   ")
    assert re.match(r" +registered for \d+ s, node edge-1, ", told[6])
    assert command(database, master_key, "lines", "list").returncode == 0
