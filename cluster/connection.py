"""One connection to a cluster's API server: made late, bounded in time, and clear about what fails.

lightkube takes 0.25 s and 22 MB to import, so it is imported at the first use and in a thread: an event loop that
carries audio goes on meanwhile.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import Asked, ClusterError, explain, failures
from cluster.kinds import Kind

if TYPE_CHECKING:
    from lightkube import AsyncClient, SingleConfig

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
FIELD_MANAGER = "alloresto"  # who changed a field, as ``kubectl get --show-managed-fields`` tells

_READING = "reading the kubeconfig"


def in_a_pod() -> bool:
    """Whether a service account's token is mounted, which is what a pod may ask the API with."""
    return (SERVICE_ACCOUNT / "token").is_file()


class Connection:
    """``kubeconfig`` None: the pod's service account, else ``$KUBECONFIG``, else ``~/.kube/config``.

    An empty ``namespace`` is the kubeconfig's or the pod's own. ``timeout_s`` bounds each request as a whole.
    """

    def __init__(self, namespace: str, kubeconfig: Path | None, context: str, timeout_s: float) -> None:
        self._namespace = namespace
        self._kubeconfig = kubeconfig
        self._context = context
        self._timeout_s = timeout_s
        self._opening = asyncio.Lock()
        self._client: AsyncClient | None = None

    @property
    def namespace(self) -> str:
        return str(self._opened().namespace)

    @property
    def server(self) -> str:
        return str(self._opened().config.cluster.server)

    async def open(self) -> None:
        """Raises ClusterError when the kubeconfig cannot be used. No request is made yet."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connect)

    async def close(self) -> None:
        async with self._opening:
            client, self._client = self._client, None
        if client is not None:
            await client.close()

    @contextlib.asynccontextmanager
    async def asking(
        self, verb: str, kind: Kind, namespace: str = "", name: str = "", *, endless: bool = False
    ) -> "AsyncIterator[AsyncClient]":
        """The client for one request. What goes wrong in the block is a ClusterError; ``endless`` is for a watch."""
        await self.open()
        asked = Asked(verb, kind, namespace, name, self.server, self._identity())
        try:
            async with asyncio.timeout(None if endless else self._timeout_s):
                yield self._opened()
        except failures() as error:
            raise explain(error, asked, self._timeout_s) from error

    def _opened(self) -> "AsyncClient":
        if self._client is None:
            raise RuntimeError("the connection is not open")
        return self._client

    def _connect(self) -> "AsyncClient":
        import httpx2
        import msgspec
        import yaml
        from lightkube import AsyncClient, ConfigError

        unreadable = (ConfigError, OSError, yaml.YAMLError, msgspec.MsgspecError, httpx2.InvalidURL)
        misshapen = (LookupError, TypeError, AttributeError, ValueError)
        try:
            return AsyncClient(
                self._configuration(),
                namespace=self._namespace or None,
                timeout=httpx2.Timeout(self._timeout_s),
                field_manager=FIELD_MANAGER,
            )
        except (*unreadable, *misshapen) as error:
            wrong = str(error)
            if isinstance(error, LookupError):
                wrong = f"{error} is missing"
            elif isinstance(error, AttributeError | TypeError):  # lightkube takes the shape for granted
                wrong = "it is not a kubeconfig"
            raise ClusterError(_READING, f"{self._identity()} cannot be used: {wrong}", self._fix()) from error

    def _configuration(self) -> "SingleConfig":
        from lightkube import ConfigError, KubeConfig
        from lightkube.config.models import User

        file = self._file()
        found = KubeConfig.from_file(file) if file else KubeConfig.from_service_account(SERVICE_ACCOUNT)
        chosen = found.get(self._context or None)
        if chosen is None:
            raise ConfigError("no context is set")
        # A context without a user is fine (``kubectl proxy``), but lightkube wants one.
        return chosen if chosen.user is not None else chosen._replace(user=User())

    def _file(self) -> Path | None:
        """The kubeconfig; None in a pod with a service account."""
        if self._kubeconfig is not None:
            return self._kubeconfig
        if in_a_pod():
            return None
        return Path(os.environ.get("KUBECONFIG") or "~/.kube/config")

    def _identity(self) -> str:
        """Where the address and the credentials come from."""
        file = self._file()
        if file is None:
            return "the pod's service account"
        return f"context {self._context} of {file}" if self._context else str(file)

    def _fix(self) -> str:
        file = self._file()
        if file is None:
            return "run it in a pod, or name a kubeconfig"
        if os.pathsep in str(file):
            return "name one file, with one context (--kubeconfig, --context)"
        return "name a kubeconfig that kubectl can use (kubectl config get-contexts)"
