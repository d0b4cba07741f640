"""PingSource schedules: cron with five fields, or six with seconds first; ``@every`` is refused as Knative does."""

from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]


def _iterator(schedule: str, after: datetime) -> croniter:
    return croniter(schedule, after, second_at_beginning=True)


def check_schedule(schedule: str, timezone: str) -> str | None:
    """What is wrong with it, or None."""
    if schedule.startswith("@every"):
        return "@every is not taken by Knative"
    try:
        zone = ZoneInfo(timezone)
        _iterator(schedule, datetime.now(zone))
    except (ValueError, KeyError, OSError) as error:
        return f"{schedule!r} in {timezone!r}: {error}"
    return None


def next_run(schedule: str, timezone: str, after: datetime) -> datetime:
    """The next time after ``after`` (aware), in the schedule's zone."""
    following: datetime = _iterator(schedule, after.astimezone(ZoneInfo(timezone))).get_next(datetime)
    return following
