"""What ``pytest -m cluster`` does to a cluster, done to this machine: the scenario itself works, and can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import calls
from tests.cluster.cluster import open_cluster
from tests.cluster.stand_in import stand_in
from tests.cluster.target import find
from tests.conftest import Database, Pools
from tests.fakes.engine import Call

pytestmark = pytest.mark.e2e

TONE = bytes([0x98] * 20 + [0x18] * 20) * 60  # 0.3 s of 200 Hz
UNDERSTOOD: list[list[Call]] = [
    [("add_item", {"item": "Caesar salad", "quantity": 2})],
    [
        ("add_item", {"item": "Cheeseburger"}),
        ("set_fulfilment", {"kind": "pickup"}),
        ("set_customer", {"name": "Anna"}),
        ("read_cart", {}),
    ],
    [("confirm_order", {})],
]


async def test_a_call_to_a_stand_in_survives_the_deletion_of_its_pod(
    tmp_path: Path, database: Database, postgres: Pools, redis_url: str, master_key: str
) -> None:
    tones = dict.fromkeys(calls.SENTENCES, TONE)
    async with (
        stand_in(tmp_path, database, postgres, redis_url, master_key, UNDERSTOOD) as asked,
        open_cluster(await find(asked), tmp_path) as cluster,
    ):
        await calls.a_killed_handler(cluster, tones)
