"""What is reported of an error, and how often."""

import asyncio
import json
import logging
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from process import logs
from process.telemetry import errors, sending, spans
from process.telemetry.errors import Dsn, ErrorReports, Report
from tests.fakes.collector import FakeCollector
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DSN = "https://key@sentry.example/base/42"

log = logs.get("tests.errors")


class Kept(ErrorReports):
    """Keeps what it would send."""

    def __init__(self, most_a_minute: int = 20) -> None:
        super().__init__(Dsn(DSN), {"tags": {"process": "test"}, "release": "1.2"}, most_a_minute)
        self.reports: list[Report] = []
        self._sender.put = self.reports.append  # type: ignore[method-assign, assignment]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [report.event for report in self.reports]


@pytest.fixture
def kept() -> Iterator[Callable[..., Kept]]:
    made: list[Kept] = []

    def make(most_a_minute: int = 20) -> Kept:
        made.append(Kept(most_a_minute))
        logging.getLogger().addHandler(made[-1])
        return made[-1]

    yield make
    for one in made:
        logging.getLogger().removeHandler(one)
        sending.SENDERS.remove(one._sender)


def fail(caller: str) -> None:
    secret = f"it is {caller}"
    raise ValueError(secret)


def test_an_error_is_told_by_its_type_and_stack_and_nothing_that_it_held(kept: Callable[..., Kept]) -> None:
    reports, order = kept(), str(uuid.uuid4())
    try:
        try:
            fail("Ada")
        except ValueError as error:
            raise RuntimeError("Ada again") from error
    except RuntimeError:
        with spans.within(TRACEPARENT):
            log.exception("a call failed", order_id=order, attempt=2, pii_caller="0612", engine="Ada", ok=False)

    [event] = reports.events
    cause, raised = event["exception"]["values"]
    assert [(one["type"], one["module"]) for one in (cause, raised)] == [
        ("ValueError", "builtins"),
        ("RuntimeError", "builtins"),
    ]
    assert cause["stacktrace"]["frames"][-1]["function"] == "fail"
    assert set(cause["stacktrace"]["frames"][-1]) == {"module", "filename", "function", "lineno", "in_app"}
    assert event["message"] == {"formatted": "a call failed"}
    assert event["extra"] == {"order_id": order, "attempt": 2, "ok": False}
    assert event["contexts"]["trace"] == {"trace_id": TRACEPARENT[3:35], "span_id": TRACEPARENT[36:52]}
    assert (event["tags"], event["release"], event["level"]) == ({"process": "test"}, "1.2", "error")
    assert "Ada" not in json.dumps(event) and "0612" not in json.dumps(event)


def test_a_librarys_message_may_quote_anything_and_is_not_told(kept: Callable[..., Kept]) -> None:
    reports = kept()

    logging.getLogger("asyncio").error("Task exception was never retrieved: ValueError('Ada')")
    logging.getLogger("asyncio").warning("slow")

    [event] = reports.events
    assert event["message"] == {"formatted": "asyncio"}
    assert "Ada" not in json.dumps(event)


def test_the_same_fault_is_told_once_a_minute_and_all_together_so_many_times(kept: Callable[..., Kept]) -> None:
    reports = kept(most_a_minute=3)

    for _ in range(5):
        log.error("the same")
    for number in range(5):
        log.error(f"another {number}")

    assert [event["message"]["formatted"] for event in reports.events] == ["the same", "another 0", "another 1"]
    assert reports._sender.dropped == 7
    reports._window_ends = 0.0
    log.error("the same")
    assert len(reports.events) == 4


@pytest.mark.parametrize("wrong", ["", "sentry.example", "https://sentry.example/1", "https://key@sentry.example"])
def test_a_malformed_dsn_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="SENTRY_DSN"):
        Dsn(wrong)


def test_a_dsn_says_where_to_send_and_as_whom() -> None:
    dsn = Dsn(DSN)

    assert dsn.url == "https://sentry.example/base/api/42/envelope/"
    assert "sentry_key=key" in dsn.headers["x-sentry-auth"]


async def test_what_ends_a_process_is_reported_before_it_is_gone() -> None:
    script = (
        "from process import logs, telemetry; logs.configure('dying'); telemetry.configure('dying')\n"
        "raise ValueError('Ada')"
    )
    async with FakeCollector() as collector:
        dsn = collector.url.replace("http://", "http://key@") + "/1"
        environment = {"SENTRY_DSN": dsn, "SENTRY_ENVIRONMENT": "test", "HOSTNAME": "pod-1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, env=environment, stderr=asyncio.subprocess.PIPE
        )
        [event] = await collector.until_error()
        _, said = await process.communicate()

    assert process.returncode == 1
    assert b"ValueError: Ada" in said, "its own log still has all of it"
    assert (event["level"], event["environment"], event["server_name"]) == ("fatal", "test", "pod-1")
    assert event["exception"]["values"][0]["type"] == "ValueError"
    assert event["tags"] == {"process": "dying"}
    assert "Ada" not in json.dumps(event)


def test_a_thread_that_ends_itself_is_no_error_and_one_that_fails_is(
    kept: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    reports = kept()
    errors.install(reports)

    for target in (sys.exit, partial(fail, "Ada")):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join(PATIENCE_S)

    assert [event["exception"]["values"][0]["type"] for event in reports.events] == ["ValueError"]
