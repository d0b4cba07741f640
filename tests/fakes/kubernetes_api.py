"""A Kubernetes API server on loopback that holds real objects, for what talks to one.

    async with KubernetesApi([service("call-handler"), revision("call-handler-00001", "call-handler")]) as api:
        kubeconfig = api.kubeconfig(tmp_path / "config")                        # cluster-admin
        bridge = api.kubeconfig(tmp_path / "bridge", account="alloresto/edge-bridge")
        api.put(…)                                                              # watchers see it
        api.settle()                                                            # what Knative's controllers would do
        api.get("Revision", "call-handler-00001", "alloresto")

It keeps the rules that a client can break: who may do what (RBAC, by the objects it holds), no strategic merge patch
for custom resources, ``404 page not found`` in plain text for a kind that is not installed, expired resource versions.
"""

import asyncio
import copy
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml
from aiohttp import web

from tests.fakes.kubernetes_rbac import ADMIN, ANONYMOUS, Action, Subject, is_allowed, service_account
from tests.fakes.kubernetes_resources import KINDS, Key, Object, Refused, Target, group_of, json_response, target_of

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
REVOKED = "nobody/nobody"
MIN_SCALE = "autoscaling.knative.dev/min-scale"


@dataclass(frozen=True, slots=True)
class _Event:
    version: int
    type: str
    key: Key
    object: Object


@dataclass(slots=True)
class _Failure:
    status: int
    times: int
    path: str


@dataclass(slots=True)
class _Watch:
    request: web.Request
    news: asyncio.Event = field(default_factory=asyncio.Event)
    expired: bool = False
    silent: bool = False


class KubernetesApi:
    """``without`` names API groups that are not installed. ``delay_s`` is how long every answer waits."""

    def __init__(
        self, objects: Iterable[Object] = (), *, without: Iterable[str] = (), tls: ssl.SSLContext | None = None
    ) -> None:
        self.delay_s = 0.0
        self.requests: list[tuple[str, str]] = []
        self.port = 0
        self._tls = tls
        self._without = frozenset(without)
        self._objects: dict[Key, Object] = {}
        self._versions = itertools.count(1)
        self._version = 0
        self._history: list[_Event] = []
        self._forgotten = 0  # watches from before this version get 410
        self._tokens: dict[str, str] = {}
        self._failures: list[_Failure] = []
        self._watches: list[_Watch] = []
        self._runner: web.AppRunner | None = None
        for item in objects:
            self.put(item)

    async def __aenter__(self) -> "KubernetesApi":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        self.cut_watches()
        await self._runner.cleanup()

    # --- What a test does -------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def token(self, account: str = "") -> str:
        """A new bearer token of ``NAMESPACE/NAME``'s ServiceAccount, or of the cluster's administrator."""
        token = f"token-{len(self._tokens)}-of-{account or 'admin'}"
        self._tokens[token] = account
        return token

    def revoke(self, token: str) -> None:
        self._tokens[token] = REVOKED

    def kubeconfig(self, path: Path, *, account: str = "", token: str = "", namespace: str = "alloresto") -> Path:
        """Writes one with the context ``fake`` and returns its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": token or self.token(account)}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake", "namespace": namespace}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def get(self, kind: str, name: str, namespace: str = "", api_version: str = "") -> Object | None:
        """``api_version`` tells kinds of the same name apart: ``Service`` alone may be either."""
        for key, item in self._objects.items():
            if key[1:] == (kind, namespace, name) and api_version in ("", item["apiVersion"]):
                return copy.deepcopy(item)
        return None

    def annotations(self, kind: str, name: str, namespace: str = "") -> dict[str, str]:
        """KeyError when there is no such object."""
        found = self.get(kind, name, namespace)
        if found is None:
            raise KeyError(f"{kind} {namespace}/{name}")
        return dict(found["metadata"].get("annotations", {}))

    def put(self, item: Object) -> Object:
        """Create or replace, as ``kubectl apply`` would. ValueError for a kind that is not in RESOURCES."""
        item = copy.deepcopy(item)
        api_version, kind, metadata = item["apiVersion"], item["kind"], item["metadata"]
        if (api_version, kind) not in KINDS:
            raise ValueError(f"{api_version} {kind}: not among the RESOURCES of this server")
        _, namespaced = KINDS[api_version, kind]
        if namespaced:
            metadata.setdefault("namespace", "default")
        key = (group_of(api_version), kind, metadata["namespace"] if namespaced else "", metadata["name"])
        old = self._objects.get(key)
        metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{len(self._history) + 1}"
        self._record("MODIFIED" if old else "ADDED", key, item)
        self._objects[key] = item
        return copy.deepcopy(item)

    def delete(self, kind: str, name: str, namespace: str = "", api_version: str = "") -> None:
        """KeyError when there is none."""
        for key, item in self._objects.items():
            if key[1:] == (kind, namespace, name) and api_version in ("", item["apiVersion"]):
                del self._objects[key]
                self._record("DELETED", key, item)
                return
        raise KeyError(f"{kind} {namespace}/{name}")

    def settle(self) -> None:
        """What Knative's autoscaler does with no call on the line: each Revision has its minimum of pods."""
        for item in [found for found in self._objects.values() if found["kind"] == "Revision"]:
            pods = int(item["metadata"].get("annotations", {}).get(MIN_SCALE, "0"))
            self.put({**item, "status": {**item.get("status", {}), "desiredReplicas": pods, "actualReplicas": pods}})

    def fail(self, status: int, *, times: int = 1, path: str = "") -> None:
        """The next ``times`` requests whose path contains ``path`` are answered with ``status``."""
        self._failures.append(_Failure(status, times, path))

    def cut_watches(self) -> None:
        """Close every watch's connection in mid-stream."""
        for watch in self._watches:
            if watch.request.transport is not None:
                watch.request.transport.close()

    def silence_watches(self) -> None:
        """Like a connection that died without a word: it stays open and tells nothing more."""
        for watch in self._watches:
            watch.silent = True

    def forget_history(self) -> None:
        """What etcd's compaction does: watches end with 410, and none starts from an older version."""
        self._history.clear()
        self._forgotten = self._version
        for watch in self._watches:
            watch.expired = True
            watch.news.set()

    # --- Answers ----------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        await asyncio.sleep(self.delay_s)
        try:
            self._fail_on_demand(request.path)
            subject = self._authenticate(request.headers.get("Authorization", ""))
            target = target_of(request.path, self._without)
            watching = request.query.get("watch") == "true"
            self._authorize(subject, target, _verb(request.method, target.name, watching))
            if watching:
                return await self._stream(request, target)
            return json_response(await self._answer(request, subject, target), 201 if request.method == "POST" else 200)
        except Refused as refusal:
            return refusal.response()

    async def _answer(self, request: web.Request, subject: Subject, target: Target) -> Object:
        match request.method:
            case "GET":
                return self._one(target) if target.name else self._list(target, request.query.get("labelSelector", ""))
            case "DELETE":
                self._one(target)
                self.delete(target.kind, target.name, target.namespace, target.api_version)
                return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
            case "PATCH":
                return self._patch(target, request.content_type, json.loads(await request.read()))
            case "POST" if target.group == "authorization.k8s.io":
                return self._review(subject, target.kind, json.loads(await request.read()))
        raise Refused(405, "MethodNotAllowed", f"this server does not {request.method} {target}")

    def _one(self, target: Target) -> Object:
        found = self._objects.get((target.group, target.kind, target.namespace, target.name))
        if found is None:
            raise Refused(404, "NotFound", f'{target} "{target.name}" not found')
        return found

    def _list(self, target: Target, selector: str) -> Object:
        items = [item for _, item in self._matching(target, selector)]
        return {
            "apiVersion": target.api_version,
            "kind": f"{target.kind}List",
            "metadata": {"resourceVersion": str(self._version)},
            "items": [{k: v for k, v in item.items() if k not in ("apiVersion", "kind")} for item in items],
        }

    def _matching(self, target: Target, selector: str) -> Iterator[tuple[Key, Object]]:
        for key, item in self._objects.items():
            if target.holds(key) and _selected(item, selector):
                yield key, item

    def _patch(self, target: Target, content_type: str, patch: Object) -> Object:
        taken = [MERGE_PATCH] if target.group.endswith("knative.dev") else [MERGE_PATCH, STRATEGIC_PATCH]
        if content_type not in taken:
            raise Refused(415, "UnsupportedMediaType", f"{content_type} is not one of {taken}")
        return self.put(_merged(self._one(target), patch))

    def _review(self, subject: Subject, kind: str, review: Object) -> Object:
        spec = review["spec"]
        if kind == "SubjectAccessReview":
            subject = Subject(spec["user"], frozenset(spec.get("groups", ())))
        asked = {"group": "", "subresource": "", "namespace": "", "name": "", **spec["resourceAttributes"]}
        resource = "/".join(filter(None, (asked["resource"], asked["subresource"])))
        action = Action(asked["verb"], asked["group"], resource, asked["namespace"], asked["name"])
        return {**review, "status": {"allowed": is_allowed(self._objects.values(), subject, action)}}

    # --- Watches ----------------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request, target: Target) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        watch = _Watch(request)
        self._watches.append(watch)
        try:
            async with asyncio.timeout(float(request.query.get("timeoutSeconds", "1800"))):
                async for line in self._events(watch, target):
                    await response.write(json.dumps(line).encode() + b"\n")
        except TimeoutError:  # the deadline that the client asked for
            if watch.silent:
                await asyncio.Event().wait()  # until the client gives up
        except ConnectionError:
            pass  # the client is gone
        finally:
            self._watches.remove(watch)
        return response

    async def _events(self, watch: _Watch, target: Target) -> AsyncIterator[Object]:
        selector = watch.request.query.get("labelSelector", "")
        asked = watch.request.query.get("resourceVersion", "")
        seen = int(asked) if asked else self._version
        if not asked:
            for _, item in list(self._matching(target, selector)):
                yield {"type": "ADDED", "object": item}
        watch.expired = seen < self._forgotten
        while not watch.expired:
            for event in [e for e in self._history if e.version > seen]:
                seen = event.version
                if target.holds(event.key) and _selected(event.object, selector):
                    yield {"type": event.type, "object": event.object}
            while watch.silent or (seen == self._version and not watch.expired):
                await watch.news.wait()
                watch.news.clear()
        # Once a watch is accepted, an error is an event in the stream, not a status of the answer.
        gone = Refused(410, "Expired", f"too old resource version: {seen} ({self._version})")
        yield {"type": "ERROR", "object": gone.status()}

    def _record(self, kind: str, key: Key, item: Object) -> None:
        self._version = next(self._versions)
        item["metadata"]["resourceVersion"] = str(self._version)
        self._history.append(_Event(self._version, kind, key, copy.deepcopy(item)))
        for watch in self._watches:
            watch.news.set()

    # --- Who and what -----------------------------------------------------------------------------------------

    def _fail_on_demand(self, path: str) -> None:
        for failure in self._failures:
            if failure.path in path and failure.times > 0:
                failure.times -= 1
                raise Refused(failure.status, "OnDemand", f"the test asked for {failure.status}")

    def _authenticate(self, header: str) -> Subject:
        if not header:
            return ANONYMOUS
        account = self._tokens.get(header.removeprefix("Bearer "))
        if account == "":
            return ADMIN
        if account is not None:
            namespace, _, name = account.partition("/")
            if self.get("ServiceAccount", name, namespace):
                return service_account(namespace, name)
        raise Refused(401, "Unauthorized", "Unauthorized")

    def _authorize(self, subject: Subject, target: Target, verb: str) -> None:
        if target.kind == "SelfSubjectAccessReview" and "system:authenticated" in subject.groups:
            return  # the ClusterRole system:basic-user grants it to everyone
        action = Action(verb, target.group, target.plural, target.namespace, target.name)
        if not is_allowed(self._objects.values(), subject, action):
            where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
            message = (
                f'{target} is forbidden: User "{subject.user}" cannot {verb} resource "{target.plural}"'
                f' in API group "{target.group}" {where}'
            )
            raise Refused(403, "Forbidden", message)


def _verb(method: str, name: str, watching: bool) -> str:
    if method == "GET":
        return "watch" if watching else "get" if name else "list"
    return {"PATCH": "patch", "POST": "create", "PUT": "update", "DELETE": "delete"}.get(method, method.lower())


def _selected(item: Object, selector: str) -> bool:
    """``key=value`` and ``key``, with commas between."""
    labels = item["metadata"].get("labels", {})
    for part in filter(None, selector.split(",")):
        key, equals, value = part.partition("=")
        if key not in labels or (equals and labels[key] != value.removeprefix("=")):
            return False
    return True


def _merged(item: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(item) if isinstance(item, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
