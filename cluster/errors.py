"""What goes wrong between us and a cluster, in words an operator can act on.

Importing this module does not import lightkube; only ``failures`` and ``explain`` do, for a connection that is open.
"""

from dataclasses import dataclass

from cluster.kinds import Kind


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


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and the server it went to. ``identity`` says where the address and the credentials came from."""

    verb: str
    kind: Kind
    namespace: str
    name: str
    server: str
    identity: str

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace not in ("", "*") else ""
        return " ".join(filter(None, (self.verb, str(self.kind), self.name))) + where


def failures() -> tuple[type[Exception], ...]:
    """What lightkube and its HTTP client raise; ``explain`` turns it into a ClusterError."""
    import httpx2
    import msgspec
    from lightkube import ConfigError

    # The last three: an answer that is no JSON, or not of the shape that lightkube takes for granted.
    return httpx2.HTTPError, ConfigError, OSError, LookupError, ValueError, msgspec.MsgspecError


def explain(error: Exception, asked: Asked, timeout_s: float) -> ClusterError:
    """``error`` is one of ``failures()``."""
    import httpx2
    from lightkube import ApiError, ConfigError

    if isinstance(error, ApiError):
        return _refused(asked, error.status.code or 0, error.status.message or "no reason was given")
    if isinstance(error, httpx2.HTTPStatusError):
        if error.response.status_code == 404:  # in plain text: the API has no such kind
            group = asked.kind.group
            product = "Knative" if group.endswith("knative.dev") else group or "Kubernetes"
            what = f"404, {asked.server} does not serve {asked.kind.api_version} {asked.kind.name}"
            return ClusterError(str(asked), what, f"install a {product} that has it, or name another cluster", 404)
        return _refused(asked, error.response.status_code, error.response.reason_phrase)
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return _unreachable(asked, f"{asked.server} gave no answer within {timeout_s:g} s")
    if isinstance(error, httpx2.HTTPError):
        return _unreachable(asked, f"{asked.server} is not reached ({str(error) or type(error).__name__})")
    if isinstance(error, ConfigError | OSError):  # a credential plugin or a token file, used at each request
        return ClusterError(str(asked), f"no credentials: {error}", f"check the user of {asked.identity}")
    return ClusterError(
        str(asked), f"{asked.server} does not answer like a Kubernetes API", f"check the server of {asked.identity}"
    )


def _unreachable(asked: Asked, what: str) -> ClusterError:
    return ClusterError(str(asked), what, f"check that the cluster is up and that {asked.identity} is the one you mean")


def _refused(asked: Asked, status: int, message: str) -> ClusterError:
    return ClusterError(str(asked), f"{status}, {message}", _fix(asked, status), status)


def _fix(asked: Asked, status: int) -> str:
    if status == 401:
        return f"the credentials of {asked.identity} are wrong or expired: log in again"
    if status == 403:
        where = {"": "", "*": " --all-namespaces"}.get(asked.namespace, f" --namespace {asked.namespace}")
        can_i = f"kubectl auth can-i {asked.verb} {asked.kind}{where}"
        return f"bind a role that allows {asked.verb} on {asked.kind} ({can_i})"
    if status == 404:
        return "name one that exists"
    if status == 429 or status >= 500:
        return "the API server is in trouble: try again later"
    return "correct what the answer names"
