"""Turns what lightkube and its HTTP client raise into a ClusterError that names the fix.

Imports lightkube: only for a connection that is already open.
"""

from dataclasses import dataclass

import httpx2
import msgspec
from lightkube import ApiError, ConfigError

from cluster.errors import ClusterError
from cluster.kinds import Kind

# The last three: an answer that is no JSON, or not of the shape that lightkube takes for granted.
FAILURES = (httpx2.HTTPError, ConfigError, OSError, LookupError, ValueError, msgspec.MsgspecError)


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


def explain(error: Exception, asked: Asked, timeout_s: float) -> ClusterError:
    """``error`` is one of FAILURES."""
    if isinstance(error, ApiError):
        return _refused(asked, error.status.code or 0, error.status.message or "no reason was given")
    if isinstance(error, httpx2.HTTPStatusError):
        if error.response.status_code == 404:  # in plain text: the API has no such kind
            return _not_served(asked)
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


def _not_served(asked: Asked) -> ClusterError:
    group = asked.kind.group
    product = "Knative" if group.endswith("knative.dev") else group or "Kubernetes"
    what = f"404, {asked.server} does not serve {asked.kind.api_version} {asked.kind.name}"
    return ClusterError(str(asked), what, f"install a {product} that has it, or name another cluster", 404)


def _fix(asked: Asked, status: int) -> str:
    if status == 401:
        return f"the credentials of {asked.identity} are wrong or expired: log in again"
    if status == 403:
        return f"bind a role that allows {asked.verb} on {asked.kind} (kubectl auth can-i {_can_i(asked)})"
    if status == 404:
        return "name one that exists"
    if status == 429 or status >= 500:
        return "the API server is in trouble: try again later"
    return "correct what the answer names"


def _can_i(asked: Asked) -> str:
    where = {"": "", "*": " --all-namespaces"}.get(asked.namespace, f" --namespace {asked.namespace}")
    return f"{asked.verb} {asked.kind}{where}"
