"""What an operator is shown of a call: a real caller, a real bridge, the commands as they are run."""

import asyncio
import json
import os
import subprocess
import sys

import asyncpg
import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, FORWARD, Scene, Start, tone
from tests.integration.edge_bridge.trunk import Human, Trunk
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

LADDER_OF = "select ladder <> '{}' from call_trace where call_id = $1"
OF_DIALOG = "select call_id from call_trace where sip_call_id = $1"


async def alloresto(scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PLATFORM_DATABASE_URL": scene.database.platform_url}
    environment["MASTER_KEY"] = scene.bridge.environment["MASTER_KEY"]
    return await asyncio.to_thread(
        lambda: subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    )


async def traced(scene: Scene, call_id: str) -> None:
    """Until the call's trace is whole."""
    connection = await asyncpg.connect(scene.database.platform_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await connection.fetchval(
                "select ladder <> '{}' and moments <> '[]' from call_trace where call_id = $1", call_id
            ):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def newest(scene: Scene) -> str:
    connection = await asyncpg.connect(scene.database.platform_url)
    try:
        found: str = await connection.fetchval("select id from call_log order by started_at desc limit 1")
    finally:
        await connection.close()
    return found


def told(data: dict[str, object]) -> list[tuple[str, str, int]]:
    ladder = data["ladder"]
    assert isinstance(ladder, dict)
    return [(rung["direction"], rung["method"], rung.get("status", 0)) for rung in ladder["rungs"]]


async def test_a_call_with_a_hold_and_our_bye_is_shown_message_by_message(scene: Scene, handler: HandlerApp) -> None:
    async def hang_up(call: HandledCall) -> None:
        await call.join()
        await call.play(tone(400))
        await call.heard_by_caller.wait()
        await call.hang_up()
        await call.stopped
        await call.end("answered")

    handler.behave = hang_up
    async with Caller(scene.bridge.target, BUSY, from_user="+33612345678") as caller:
        await caller.invite()
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        assert await caller.reinvite("sendonly") == 200
        assert await caller.reinvite("sendrecv") == 200
        call.heard_by_caller.set()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    await traced(scene, call.event.call_id)

    shown = await alloresto(scene, "calls", "show", call.event.call_id[:13])
    data = json.loads((await alloresto(scene, "calls", "show", call.event.call_id, "--json")).stdout)

    assert shown.returncode == 0, shown.stderr
    messages = told(data)
    assert messages[:3] == [("in", "INVITE", 0), ("out", "INVITE", 100), ("out", "INVITE", 180)]
    assert messages.count(("in", "INVITE", 0)) == 3
    assert messages[-2:] == [("out", "BYE", 0), ("in", "BYE", 200)]
    flows = [rung["facts"].get("flow") for rung in data["ladder"]["rungs"] if "media" in rung.get("facts", {})]
    assert flows[2:4] == ["sendonly", "recvonly"]
    course = [step["what"] for step in data["course"]]
    assert course[:5] == ["rings", "answered", "asks for a handler", "handler accepts", "handler joins"]
    assert course[5:] == ["hung up", "handler", "over"]
    assert data["inForce"]["codec"] == "PCMU"
    assert data["audio"]["sentPackets"] > 0
    for words in ("INVITE ──", "◀", "200 OK", "BYE", "handler joins,", "hung up by the bridge", "from the caller"):
        assert words in shown.stdout, shown.stdout
    assert "+33612345678" not in shown.stdout
    assert "+33•••••78" in shown.stdout
    assert "+33612345678" in (await alloresto(scene, "calls", "show", call.event.call_id, "--numbers")).stdout


async def test_a_transfer_that_the_callers_side_refuses_is_seen_as_such(scene: Scene) -> None:
    async with Trunk(scene.bridge.target, FORWARD, Human(486)) as caller:
        caller.refer_status = 603
        await caller.invite()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    call_id = await newest(scene)
    await traced(scene, call_id)

    data = json.loads((await alloresto(scene, "calls", "show", call_id, "--json")).stdout)
    listed = (await alloresto(scene, "calls", "--restaurant", "forw")).stdout

    messages = told(data)
    assert messages[messages.index(("out", "REFER", 0)) + 1] == ("in", "REFER", 603)
    refer = next(rung for rung in data["ladder"]["rungs"] if rung["method"] == "REFER")
    assert refer["facts"] == {"referTo": "127.0.0.1"}
    assert [step["detail"] for step in data["course"] if step["what"] == "fallback"] == ["no_handler"]
    transfer = [step["detail"] for step in data["course"] if step["what"] == "transfer"]
    assert transfer == ["REFER failed", "second leg rings", "second leg not taken 486"]
    assert [line.split()[2] for line in listed.splitlines()] == [call_id]


async def test_a_call_that_is_not_there_is_one_line(scene: Scene) -> None:
    for prefix, why in (("abc", "at least 4"), ("nothing-like-it", "there is no call nothing-like-it")):
        done = await alloresto(scene, "calls", "show", prefix)
        assert done.returncode == 1
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1


async def test_the_messages_of_a_call_whose_signaller_died_are_kept(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    scene = Scene(bridge, seeded, bridge.environment["REDIS_URL"])
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        connection = await asyncpg.connect(seeded.platform_url)
        try:
            async with asyncio.timeout(PATIENCE_S):  # its row is written
                while not (call_id := await connection.fetchval(OF_DIALOG, caller.sip_call_id)):
                    await asyncio.sleep(0.05)
            bridge.kill(bridge.signallers())
            await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
            async with asyncio.timeout(PATIENCE_S):
                while not await connection.fetchval(
                    "select ladder <> '{}' from call_trace where call_id = $1", call_id
                ):
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    shown = await alloresto(scene, "calls", "show", call_id)

    assert shown.returncode == 0, shown.stderr
    ladder = shown.stdout.partition("SIP messages")[2].partition("what happened")[0]
    assert ladder.splitlines()[-2].endswith("of BYE") or ladder.splitlines()[-3].endswith("BYE"), ladder
    assert "no figures" not in shown.stdout  # the audio was the session's, which lives
