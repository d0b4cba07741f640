"""The main job as a newcomer runs it: the demo command, its JSON and its exit status."""

import json
import subprocess
import sys
import wave
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

DEMO_TIMEOUT_S = 400


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("demo")
    folder.chmod(0o755)
    result = folder / "result.json"
    command = [sys.executable, "-m", "cli", "demo", "--json", str(result), "--state-dir", str(folder / "state")]
    run = subprocess.run(
        [*command, "--no-stay"],
        capture_output=True,
        text=True,
        timeout=DEMO_TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, f"{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
    return {**json.loads(result.read_text()), "terminal": run.stdout}


def test_the_order_in_the_database_is_what_the_caller_said_after_changing_her_mind(demo: dict[str, Any]) -> None:
    lines = [(line["quantity"], line["item"], line["size"], line["modifiers"]) for line in demo["order"]["lines"]]
    assert lines == [(1, "Margherita", "Large", ["Extra olives"]), (2, "Caesar salad", "", [])]
    assert demo["order"]["total_cents"] == sum(line["total_cents"] for line in demo["order"]["lines"])


def test_pods_come_from_zero_and_go_back_and_one_of_them_takes_the_call(demo: dict[str, Any]) -> None:
    assert demo["pods"]["before"] == 0
    assert demo["pods"]["after"] == 0
    assert demo["pods"]["peak_busy"] == 1


def test_every_timing_is_told(demo: dict[str, Any]) -> None:
    assert set(demo["timings_ms"]) == {
        "invite_to_200",
        "invite_to_greeting",
        "invite_to_handler",
        "turn_p50",
        "turn_p95",
        "barge_in",
    }
    assert all(value is not None and value >= 0 for value in demo["timings_ms"].values())


def test_the_caller_hears_the_greeting_before_the_handler_is_there(demo: dict[str, Any]) -> None:
    assert demo["timings_ms"]["invite_to_greeting"] < demo["timings_ms"]["invite_to_handler"]


def test_the_events_reach_their_functions(demo: dict[str, Any]) -> None:
    taken = {(event["type"], event["function"]) for event in demo["events"]}
    assert ("com.alloresto.order.confirmed", "order_logger") in taken
    assert ("com.alloresto.call.ended", "call_logger") in taken
    assert ("com.alloresto.menu.changed", "cache_invalidator") in taken


def test_both_sides_are_in_the_transcript_and_in_the_recording(demo: dict[str, Any]) -> None:
    assert {said["who"] for said in demo["transcript"]} == {"caller", "assistant"}
    with wave.open(demo["recording"]) as recording:
        assert recording.getnchannels() == 2
        assert recording.getnframes() / recording.getframerate() > 10


def test_the_terminal_ends_with_the_admin_and_its_password(demo: dict[str, Any]) -> None:
    assert "what happened" in demo["terminal"]
    assert "http://127.0.0.1:" in demo["terminal"]
