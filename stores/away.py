"""What is raised while Redis is away, by whichever client the process uses.

redis-py costs 100 to 330 ms of import, so a call handler has a lean client of its own, which raises OSError.
"""

import sys


def redis_away() -> tuple[type[Exception], ...]:
    """For an ``except`` clause: Python calls it only once something was raised."""
    exceptions = sys.modules.get("redis.exceptions")
    return (OSError,) if exceptions is None else (OSError, exceptions.RedisError)
