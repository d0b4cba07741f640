"""The objects of a cluster or of a rendered folder, as the rules ask for them.

What could not be read is kept apart from what is not there: a rule never takes a refused request for a missing
object, and whatever it asked for in vain is noted, so that no rule passes because it saw nothing.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""Where a value is inside an object: keys and list indexes."""

SERVING = "serving.knative.dev"
EVENTING = "eventing.knative.dev"
SOURCES = "sources.knative.dev"


class Reference(NamedTuple):
    """Names one object. ``namespace`` is empty for a cluster-scoped kind, and in manifests that name none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        return group_of(self.api_version)

    def __str__(self) -> str:
        """``Service/call-handler (serving.knative.dev) in alloresto``; the group where the kind alone is unclear."""
        group = f" ({self.group or 'core'})" if self.kind == "Service" else ""
        return f"{self.kind}/{self.name}{group}" + (f" in {self.namespace}" if self.namespace else "")


class Unread(NamedTuple):
    """Objects that nobody could read; ``name`` empty means all of that kind in the namespace, ``kind`` likewise.

    ``why`` empty: they are not part of what is examined (a folder does not hold Knative's own settings), so
    that is not worth a word. ``fix`` empty: the right to read them is what is needed.
    """

    api_version: str
    kind: str
    namespace: str
    name: str = ""
    why: str = ""
    fix: str = ""

    def covers(self, group: str, kind: str, namespace: str, name: str = "") -> bool:
        return (
            namespace == self.namespace
            and self.kind in ("", kind)
            and (not self.kind or group_of(self.api_version) == group)
            and (not self.name or not name or self.name == name)
        )


class Access(NamedTuple):
    """May ServiceAccount ``account`` ("namespace/name") do ``verb`` to ``resource`` of ``group`` in ``namespace``?"""

    account: str
    verb: str
    group: str
    resource: str
    namespace: str


def group_of(api_version: str) -> str:
    """``serving.knative.dev/v1`` → ``serving.knative.dev``; the core group is empty."""
    return api_version.rpartition("/")[0]


def dotted(path: Path) -> str:
    """``spec.template.metadata.annotations[autoscaling.knative.dev/window]``."""
    text = ""
    for step in path:
        if isinstance(step, int) or "/" in step or "." in step:
            text += f"[{step}]"
        else:
            text += f".{step}"
    return text.lstrip(".")


@dataclass(frozen=True, slots=True)
class ClusterObject:
    """``body`` as the API server or a manifest gives it; ``file`` only where it comes from one."""

    body: Mapping[str, Any]
    file: str = ""

    @property
    def kind(self) -> str:
        return str(self.body.get("kind", ""))

    @property
    def api_version(self) -> str:
        return str(self.body.get("apiVersion", ""))

    @property
    def group(self) -> str:
        return group_of(self.api_version)

    @property
    def name(self) -> str:
        return str(self.at("metadata", "name") or "")

    @property
    def namespace(self) -> str:
        return str(self.at("metadata", "namespace") or "")

    @property
    def reference(self) -> Reference:
        return Reference(self.api_version, self.kind, self.namespace, self.name)

    @property
    def where(self) -> str:
        """For people: the file and the object, or the object and its namespace."""
        return f"{self.file}: {self.kind}/{self.name}" if self.file else str(self.reference)

    def at(self, *path: str | int) -> Any:
        """The value at ``path``, or None: an object with a field of the wrong type has nothing there."""
        value: Any = self.body
        for step in path:
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def integer(self, *path: str | int) -> int | None:
        """None also for what is no whole number."""
        value = self.at(*path)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def mapping(self, *path: str | int) -> Mapping[str, Any]:
        value = self.at(*path)
        return value if isinstance(value, Mapping) else {}

    def items(self, *path: str | int) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Each object of the list at ``path``, with its own path."""
        value = self.at(*path)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, Mapping):
                yield (*path, index), item


class ClusterObjects:
    """All objects that were read, with what could not be.

    ``reviews`` are the API server's own answers to questions about access, where it could be asked.
    """

    def __init__(
        self,
        objects: Iterable[ClusterObject],
        *,
        unread: Iterable[Unread] = (),
        not_installed: Iterable[str] = (),
        reviews: Mapping[Access, bool] | None = None,
    ) -> None:
        self._objects = tuple(objects)
        self._by_key = {(one.group, one.kind, one.namespace, one.name): one for one in self._objects}
        self.unread = tuple(unread)
        self.not_installed = frozenset(not_installed)
        self.reviews = dict(reviews or {})
        self.missed: set[Unread] = set()

    def fresh(self) -> "ClusterObjects":
        """The same objects; ``missed`` starts empty."""
        same = copy.copy(self)
        same.missed = set()
        return same

    def __iter__(self) -> Iterator[ClusterObject]:
        return iter(self._objects)

    def all(self, group: str, kind: str, namespace: str | None = None) -> list[ClusterObject]:
        """Every object of the kind, in one namespace or in all."""
        for unread in self.unread:
            somewhere = namespace is None and bool(unread.why)
            if unread.covers(group, kind, unread.namespace if somewhere else namespace or ""):
                self.missed.add(unread)
        return [
            one
            for one in self._objects
            if (one.group, one.kind) == (group, kind) and namespace in (None, one.namespace)
        ]

    def named(self, group: str, kind: str, name: str) -> ClusterObject | None:
        """The object of that name in whichever namespace it is: the product's names are used once."""
        return next((one for one in self.all(group, kind) if one.name == name), None)

    def find(self, reference: Reference) -> ClusterObject | None:
        group, kind, namespace, name = reference.group, reference.kind, reference.namespace, reference.name
        found = self._by_key.get((group, kind, namespace, name))
        if found is None:
            self.missed.update(one for one in self.unread if one.covers(group, kind, namespace, name))
        return found

    def is_absent(self, reference: Reference) -> bool:
        """True only when it is known not to be there; False when it is, and when nobody could look."""
        if self.find(reference) is not None:
            return False
        group, kind, namespace, name = reference.group, reference.kind, reference.namespace, reference.name
        return not any(one.covers(group, kind, namespace, name) for one in self.unread)
