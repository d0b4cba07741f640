"""Recordings that are to go: real files, and rows in a real Postgres."""

import uuid
from pathlib import Path

import pytest

from edge_bridge.node.recordings_eraser import RecordingsEraser
from stores import nodes
from tests.conftest import Pools

pytestmark = pytest.mark.integration

PLACE = str(uuid.uuid4())


def record(root: Path, call_id: str) -> Path:
    file = root / PLACE / f"{call_id}.wav"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"RIFF")
    return file


async def unwanted(postgres: Pools, call_id: str, node: str) -> None:
    async with postgres.platform.platform() as connection:
        await connection.execute(
            "insert into unwanted_recording (restaurant_id, call_id, bridge_node_id) values ($1, $2, $3)",
            PLACE,
            call_id,
            node,
        )


async def left(postgres: Pools) -> list[str]:
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select call_id from unwanted_recording order by call_id")
    return [row["call_id"] for row in rows]


async def alive(postgres: Pools, *names: str) -> None:
    async with postgres.platform.platform() as connection:
        for name in names:
            await nodes.heartbeat(connection, name, hostname=name)


async def test_a_bridge_erases_its_own_and_those_of_bridges_that_are_gone(postgres: Pools, tmp_path: Path) -> None:
    await alive(postgres, "edge-0", "edge-1")
    files = {name: record(tmp_path, name) for name in ("own", "others", "gone", "wanted")}
    for name, node in (("own", "edge-0"), ("others", "edge-1"), ("gone", "edge-9"), ("never-was", "edge-0")):
        await unwanted(postgres, name, node)

    erased = await RecordingsEraser(tmp_path, "edge-0", postgres.platform).erase()

    assert {name: file.exists() for name, file in files.items()} == {
        "own": False,
        "others": True,
        "gone": False,
        "wanted": True,
    }
    assert (erased, await left(postgres)) == (3, ["others"])


async def test_an_id_that_names_another_folder_erases_nothing_there(postgres: Pools, tmp_path: Path) -> None:
    await alive(postgres, "edge-0")
    record(tmp_path, "wanted")
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"RIFF")
    await unwanted(postgres, "../outside", "edge-0")

    await RecordingsEraser(tmp_path, "edge-0", postgres.platform).erase()

    assert outside.exists()
    assert await left(postgres) == []


async def test_a_file_that_can_not_be_erased_stays_to_be_erased(postgres: Pools, tmp_path: Path) -> None:
    await alive(postgres, "edge-0")
    (tmp_path / PLACE / "call-1.wav").mkdir(parents=True)  # no file: unlink refuses, whoever asks
    await unwanted(postgres, "call-1", "edge-0")
    eraser = RecordingsEraser(tmp_path, "edge-0", postgres.platform)

    refused, still = await eraser.erase(), await left(postgres)
    (tmp_path / PLACE / "call-1.wav").rmdir()
    record(tmp_path, "call-1")

    assert (refused, still) == (0, ["call-1"])
    assert (await eraser.erase(), await left(postgres)) == (1, [])
