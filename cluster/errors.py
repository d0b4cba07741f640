"""What goes wrong between us and a cluster, in words an operator can act on."""


class ClusterError(Exception):
    """The cluster did not do what was asked.

    ``status`` is the HTTP status, or None when no server answered: a kubeconfig that cannot be used, a server that is
    not reached, a timeout. A 404 means that the kind is not installed, or that what was to be changed does not exist.
    """

    def __init__(self, asked: str, what: str, fix: str, status: int | None = None) -> None:
        super().__init__(f"{asked}: {what}; {fix}")
        self.asked = asked
        self.what = what
        self.fix = fix
        self.status = status
