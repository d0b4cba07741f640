"""The Kubernetes and Knative API, as far as we use it: typed, asynchronous, over lightkube.

Importing this module does not import lightkube; the first request does, in a thread. Every request has an end:
``timeout_s`` for each, and a watch lists again after a minute of silence.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from cluster.connection import Connection
from cluster.errors import ClusterError
from cluster.kinds import ACCESS_REVIEW, OWN_ACCESS_REVIEW, POD, REVISION, SERVICE, Kind, Object, resource
from cluster.states import (
    MIN_SCALE,
    SERVICE_LABEL,
    Change,
    RevisionState,
    ServiceState,
    revision_state,
    service_state,
)
from cluster.watching import list_objects, watch

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
IN_CALL = "alloresto.com/in-call"
"""The label that the handlers' PodDisruptionBudget selects."""
TIMEOUT_S = 10.0

Objects = list[Object]


class KnativeClient:
    """One cluster, one namespace unless a call names another. Every call raises ClusterError, which names the fix.

    ``kubeconfig`` None: the pod's service account, else ``$KUBECONFIG``, else ``~/.kube/config``. An empty
    ``namespace`` is the kubeconfig's or the pod's own; an empty ``context`` the kubeconfig's current one.
    """

    def __init__(
        self, namespace: str = "", *, kubeconfig: Path | None = None, context: str = "", timeout_s: float = TIMEOUT_S
    ) -> None:
        self._connection = Connection(namespace, kubeconfig, context, timeout_s)

    @property
    def namespace(self) -> str:
        """The default namespace. Known once the client is open."""
        return self._connection.namespace

    @property
    def server(self) -> str:
        """The API server's URL. Known once the client is open."""
        return self._connection.server

    async def open(self) -> None:
        """Read the kubeconfig now rather than at the first request."""
        await self._connection.open()

    async def close(self) -> None:
        await self._connection.close()

    async def __aenter__(self) -> "KnativeClient":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- Knative ---------------------------------------------------------------------------------------------

    async def services(self) -> tuple[ServiceState, ...]:
        return tuple(service_state(item) for item in await self.list(SERVICE.api_version, SERVICE.name))

    async def revisions(self, service: str = "") -> tuple[RevisionState, ...]:
        """Of one Service, or of all."""
        items = await self.list(REVISION.api_version, REVISION.name, labels=_of_service(service))
        return tuple(revision_state(item) for item in items)

    def watch_services(self) -> AsyncGenerator[Change[ServiceState], None]:
        """First every Service as it is, then what changes, until it is closed (``contextlib.aclosing``)."""
        return watch(self._connection, SERVICE, {}, service_state)

    def watch_revisions(self, service: str = "") -> AsyncGenerator[Change[RevisionState], None]:
        """First every Revision as it is, then what changes, until it is closed (``contextlib.aclosing``)."""
        return watch(self._connection, REVISION, _of_service(service), revision_state)

    async def prewarm(self, service: str, pods: int) -> str:
        """Keep at least ``pods`` pods of the Service; 0 goes back to what its template says. Returns the Revision.

        The annotation goes on the newest ready Revision: on the PodAutoscaler or the Deployment it is reverted, in
        the template it makes a new Revision. 2 pods were ready after 2.2 s; with a window of 10 s none were left
        9.5 s after it was removed. A rollout brings a Revision without it: pre-warm again.
        """
        if pods < 0:
            raise ValueError(f"pods: expected 0 or more, got {pods}")
        found = await self.get(SERVICE.api_version, SERVICE.name, service)
        if found is None:
            raise ClusterError(
                f"pre-warming {service}",
                f"there is no such Service in namespace {self.namespace}",
                "apply the manifests, or name another (kubectl get ksvc)",
                404,
            )
        revision = service_state(found).latest_revision
        if not revision:
            raise ClusterError(
                f"pre-warming {service}",
                f"no Revision of it is ready ({service_state(found).message})",
                f"see what keeps it (kubectl describe ksvc {service} --namespace {self.namespace})",
            )
        template = found["spec"].get("template", {}).get("metadata", {}).get("annotations", {})
        wanted = str(pods) if pods else template.get(MIN_SCALE)
        await self._patch(REVISION, revision, {"metadata": {"annotations": {MIN_SCALE: wanted}}})
        return revision

    async def route(self, service: str, traffic: Sequence[Mapping[str, Any]]) -> None:
        """Set the Service's ``spec.traffic``, and nothing else of it: no new Revision comes of that."""
        await self._patch(SERVICE, service, {"spec": {"traffic": list(traffic)}})

    # --- Kubernetes ------------------------------------------------------------------------------------------

    async def set_deletion_cost(self, pod: str, cost: int) -> None:
        """A scale-down deletes the pods with the lowest cost first. A pod that is gone is no error.

        Above 0 the pod is in a call, so nobody else may end it either: the same patch tells the cluster autoscaler
        not to empty its node, and gives it the label by which a PodDisruptionBudget refuses its eviction.
        """
        in_call = cost > 0
        metadata: dict[str, dict[str, str | None]] = {
            "annotations": {DELETION_COST: str(cost), SAFE_TO_EVICT: "false" if in_call else None},
            "labels": {IN_CALL: "true" if in_call else None},
        }
        try:
            await self._patch(POD, pod, {"metadata": metadata})
        except ClusterError as error:
            if error.status != 404:
                raise

    async def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object as the API gives it; None when there is none of that name."""
        asked = Kind(api_version, kind)
        where = namespace or await self._own_namespace()
        async with self._connection.asking("get", asked, where if asked.namespaced else "", name) as client:
            from lightkube import ApiError

            try:
                return dict(await client.get(resource(asked), name, namespace=where))
            except ApiError as error:  # a kind that is not served is a plain 404 instead
                if error.status.code == 404:
                    return None
                raise

    async def list(
        self, api_version: str, kind: str, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Objects:
        """All objects of a kind with these labels. Namespace ``*`` is every one."""
        asked = Kind(api_version, kind)
        where = namespace or await self._own_namespace()
        _, objects = await list_objects(self._connection, asked, where, labels or {})
        return objects

    async def allowed(
        self, verb: str, resource_name: str, *, group: str = "", namespace: str = "", account: str = ""
    ) -> bool:
        """Whether RBAC lets ``account`` (a ServiceAccount as ``NAMESPACE/NAME``, or we ourselves) do it.

        ``resource_name`` is a plural, with a subresource where one is meant: ``pods``, ``pods/log``.
        """
        plural, _, subresource = resource_name.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": subresource,
            "namespace": "" if namespace == "*" else namespace or await self._own_namespace(),
        }
        kind = ACCESS_REVIEW if account else OWN_ACCESS_REVIEW
        spec: dict[str, object] = {"resourceAttributes": attributes}
        if account:
            home, _, name = account.partition("/")
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{home}", "system:authenticated"]
            spec |= {"user": f"system:serviceaccount:{home}:{name}", "groups": groups}
        async with self._connection.asking("create", kind) as client:
            review = await client.create(resource(kind)(spec=spec))
            return bool(review["status"]["allowed"])

    async def _patch(self, kind: Kind, name: str, patch: Mapping[str, Any]) -> None:
        """Set what ``patch`` has; None removes a field."""
        namespace = await self._own_namespace()
        async with self._connection.asking("patch", kind, namespace, name) as client:
            from lightkube.types import PatchType

            # A merge patch: custom resources take no strategic one.
            await client.patch(resource(kind), name, patch, namespace=namespace, patch_type=PatchType.MERGE)

    async def _own_namespace(self) -> str:
        await self._connection.open()
        return self._connection.namespace


def _of_service(service: str) -> dict[str, str]:
    return {SERVICE_LABEL: service} if service else {}
