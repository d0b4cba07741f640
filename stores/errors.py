"""What a repository raises beside the database's own errors."""


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
