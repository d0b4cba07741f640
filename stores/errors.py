"""What a repository raises beside the database's own errors, and what its Redis raises while it is away."""

import sys


class NotFoundError(LookupError):
    """No such row, or not this restaurant's: the two look the same on purpose."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"no {kind} {key}")


def require(found: object, kind: str, key: str) -> None:
    """Raise NotFoundError when a statement that returns what it changed has changed nothing."""
    if found is None:
        raise NotFoundError(kind, key)


def redis_away() -> tuple[type[Exception], ...]:
    """For an ``except`` clause: what is raised while Redis is away, by whichever client the process uses.

    redis-py costs 100 to 330 ms of import and must not come in by this, so a call handler has a lean client of its
    own, which raises OSError. Python calls this only once something was raised.
    """
    exceptions = sys.modules.get("redis.exceptions")
    return (OSError,) if exceptions is None else (OSError, exceptions.RedisError)
