"""The suite on another day: ``python -m tests.shifted [CLOCK] [pytest arguments]``, or ``make shifted CLOCK=leap-day``.

CLOCK is a name in MOMENTS, a number of days from now (``+40d``, the default) or a moment with its offset
(``2027-03-28T00:59:00+00:00``). Without pytest arguments the tests of SHORT run. Needs Debian's ``faketime``.

Only the wall clock is shifted, and it goes on from there; waits are measured on the monotonic clock, which stays.
Every process that a test starts is shifted too, Postgres and Valkey among them: ``now()``, the partitions and
EXPIREAT belong to the same day as what Python sees.
"""

import calendar
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

# The restaurants' zone, not UTC: a naive local time is then an hour or two wrong, and seen.
ZONE = ZoneInfo("Europe/Paris")
STARTUP = Path(__file__).parent / "startup"
TOLERANCE_S = 30
CHECK_TIMEOUT_S = 30
# Not the calls of e2e and not Chromium: threads of C++ with clocks of their own, under a library that knows only some.
COMMON = ("-n", "2", "--dist", "loadfile", "-m", "not e2e and not cluster and not browser")
# Those with servers come first, while the clock passes its moment.
SHORT = (
    "tests/integration/stores/test_redis.py",
    "tests/integration/web/test_pages.py",
    "tests/integration/web/test_streams.py",
    "tests/integration/functions_small/test_archiver.py",
    "tests/integration/functions_small/test_order_logger.py",
    "tests/integration/call_handler/test_orders_by_voice.py",
    "tests/integration/seeds",
    "tests/integration/stores/test_embedded_servers.py",
    "tests/integration/stores/test_migrations.py",
    "tests/integration/stores/test_orders_and_calls.py",
    "tests/unit/call_handler",
    "tests/unit/devstack/test_demo_report.py",
    "tests/unit/domain",
    "--ignore=tests/unit/domain/test_tools_fuzzed.py",
    "tests/unit/edge_bridge/test_call_record.py",
    "tests/unit/edge_bridge/test_kept_calls.py",
    "tests/unit/edge_bridge/test_registrar.py",
    "tests/unit/eventing",
    "tests/unit/knative/test_parts.py",
    "tests/unit/seeds",
    "tests/unit/speech/test_agent.py",
    "tests/unit/speech/test_dialogues.py",
    "tests/unit/speech/test_understanding.py",
    "tests/unit/stores",
    "tests/unit/web",
)


def last_sunday(year: int, month: int) -> int:
    return max(week[calendar.SUNDAY] for week in calendar.monthcalendar(year, month))


# By year, each a minute before what matters: the run carries over it. None: the year has no such day.
MOMENTS: Mapping[str, Callable[[int], datetime | None]] = {
    "new-year": lambda year: datetime(year, 12, 31, 23, 59, tzinfo=UTC),
    "new-year-in-paris": lambda year: datetime(year, 12, 31, 23, 59, tzinfo=ZONE),
    "leap-day": lambda year: datetime(year, 2, 29, 23, 59, tzinfo=ZONE) if calendar.isleap(year) else None,
    "spring": lambda year: datetime(year, 3, last_sunday(year, 3), 0, 59, tzinfo=UTC),
    "autumn": lambda year: datetime(year, 10, last_sunday(year, 10), 0, 59, tzinfo=UTC),
}


def shift(clock: str, now: datetime) -> timedelta:
    """How far ``clock`` is from ``now``; a named moment is the next one. Raises ValueError for what is no clock."""
    if clock in MOMENTS:
        coming = (MOMENTS[clock](year) for year in range(now.year, now.year + 9))  # leap years may be 8 years apart
        return next(moment for moment in coming if moment is not None and moment > now) - now
    with contextlib.suppress(ValueError):
        if clock.endswith("d"):
            return timedelta(days=int(clock[:-1]))
        moment = datetime.fromisoformat(clock)
        if moment.tzinfo is not None:
            return moment - now
    raise ValueError(f"{clock}: no clock; give one of {', '.join(MOMENTS)}, +40d or 2027-03-28T00:59:00+00:00")


def check(command: Sequence[str], environment: Mapping[str, str], by: timedelta) -> None:
    """Ends the run unless a child's clock is shifted and its sleep works: the tests alone would pass on any day."""
    told = subprocess.run(
        [*command, "-c", "import time; time.sleep(0.01); print(time.time())"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=CHECK_TIMEOUT_S,
        check=False,
    )
    if told.returncode or abs(float(told.stdout) - time.time() - by.total_seconds()) > TOLERANCE_S:
        sys.exit(f"the clock is not shifted: {told.stderr or told.stdout}")


def tidy() -> None:
    """Remove the shared memory that libfaketime leaves where a process was killed."""
    for left in Path("/dev/shm").glob("*faketime_*"):
        if not Path("/proc", left.name.rpartition("_")[2]).exists():
            with contextlib.suppress(FileNotFoundError, PermissionError):
                left.unlink()


def main(arguments: Sequence[str]) -> int:
    clock, *chosen = arguments or ("+40d",)
    try:
        by = shift(clock, datetime.now(UTC))
    except ValueError as error:
        sys.exit(str(error))
    faketime = shutil.which("faketime")
    if faketime is None:
        sys.exit("faketime is missing; `make test` installs it, or: apt-get install faketime")
    command = (faketime, "--exclude-monotonic", "-f", f"{by.total_seconds():+.0f}", sys.executable)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(STARTUP), os.environ.get("PYTHONPATH")))),
        # Else libfaketime lets CPython's waits for the GIL end at once: two busy threads take a hundred times as long.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "NO_FAKE_STAT": "1",  # with a shifted mtime every source looks newer than its .pyc, and is compiled anew
        "TZ": ZONE.key,
    }
    check(command, environment, by)
    print(f"the clock begins at {(datetime.now(UTC) + by).astimezone(ZONE):%A %d %B %Y %H:%M %Z}", flush=True)
    pytest = (*command, "-m", "pytest", *COMMON, *(chosen or SHORT))
    try:
        return subprocess.run(pytest, env=environment, check=False).returncode
    finally:
        tidy()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
