"""What an examination found, and how each fault is put right.

A finding is plain data, the same shape for a machine, a cluster and a folder of manifests. Its fix is a ``kubectl``
command for a cluster, the line to write for a manifest.
"""

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cluster.rules.objects import ClusterObject, Path, Reference, dotted


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    """Costs time or money, or takes away a safety net; no call is lost by it alone."""
    REFUSED = "refused"
    """Loses calls, lets callers wait behind other calls, or nothing starts."""
    NOT_EXAMINED = "not examined"
    """Could not be read, so nothing can be said about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined.

    ``what`` names the object (with its file, where it comes from one) or the part of the machine, ``field`` the
    dotted path inside it, ``detail`` what is there, ``consequence`` what that was measured to do. ``fix`` is what
    to do when ``ok`` is False: commands or lines of YAML, one a line. A warning does not fail the examination.
    """

    what: str
    ok: bool
    detail: str
    fix: str = ""
    warning: bool = False
    field: str = ""
    consequence: str = ""
    examined: bool = True

    @property
    def verdict(self) -> Verdict:
        if not self.examined:
            return Verdict.NOT_EXAMINED
        if self.ok:
            return Verdict.GOOD
        return Verdict.WARNING if self.warning else Verdict.REFUSED

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is empty is left out."""
        texts = {
            "what": self.what,
            "field": self.field,
            "found": self.detail,
            "consequence": self.consequence,
            "fix": "" if self.ok else self.fix,
        }
        return {"verdict": self.verdict.value} | {key: text for key, text in texts.items() if text}


def exit_status(findings: Iterable[Finding]) -> int:
    """0: nothing is wrong but what warnings say. 1: something is refused. 3: nothing is, as far as could be read.

    2 is left out: it is what a command line with a wrong option ends with.
    """
    verdicts = {finding.verdict for finding in findings}
    if Verdict.REFUSED in verdicts:
        return 1
    return 3 if Verdict.NOT_EXAMINED in verdicts else 0


APPLY = "kubectl apply -k manifests/overlays/production  # or the overlay that you use"
BUILT_IN_GROUPS = ("", "apps", "batch", "policy", "autoscaling")
"""Groups whose kinds ``kubectl`` knows by their name alone."""


def fault(
    holder: ClusterObject, path: Path, found: str, consequence: str, fix: str, *, warning: bool = False
) -> Finding:
    """A finding against a field of an object."""
    return Finding(holder.where, False, found, fix, warning, dotted(path), consequence)


def fault_of_value(
    holder: ClusterObject, path: Path, found: str, consequence: str, value: Any, *, warning: bool = False
) -> Finding:
    """A finding that is mended by setting the field to ``value``; None removes the field."""
    return fault(holder, path, found, consequence, set_value(holder, path, value), warning=warning)


def target(reference: Reference) -> str:
    """``-n alloresto service.serving.knative.dev/call-handler``: the object as ``kubectl`` takes it."""
    kind = reference.kind.lower()
    if reference.group not in BUILT_IN_GROUPS:
        kind = f"{kind}.{reference.group}"
    option = f"-n {reference.namespace} " if reference.namespace else ""
    return f"{option}{kind}/{reference.name}"


def kubectl(verb: str, reference: Reference, *arguments: str) -> str:
    return " ".join([f"kubectl {verb} {target(reference)}", *map(shlex.quote, arguments)])


def patch(reference: Reference, body: Any, kind: str = "merge") -> str:
    return kubectl("patch", reference, "--type", kind, "-p", json.dumps(body, separators=(",", ":")))


def create_or_replace(arguments: str) -> str:
    """``kubectl create ARGUMENTS``, for what may be there already and say something else."""
    return f"kubectl create {arguments} --dry-run=client -o yaml | kubectl apply -f -"


def set_value(holder: ClusterObject, path: Path, value: Any) -> str:
    """The fix: a line of YAML where the object comes from a file, else a command. None removes the field."""
    if holder.file:
        if value is None:
            return f"remove {dotted(path)}"
        *parents, last = path
        text = json.dumps(value) if isinstance(value, str | dict | list) else str(value).lower()
        return f"{f'under {dotted(tuple(parents))} write  ' if parents else ''}{last}: {text}"
    if owner := _knative_operator(holder):
        config = {"spec": {"config": {holder.name.removeprefix("config-"): {path[-1]: value}}}}
        return patch(owner, config)
    if not any(isinstance(step, int) for step in path):
        body = value
        for step in reversed(path):
            body = {step: body}
        return patch(holder.reference, body)
    pointer = "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path)
    if value is None:
        return patch(holder.reference, [{"op": "remove", "path": pointer}], "json")
    verb = "replace" if isinstance(path[-1], int) else "add"  # to add at an index would move the others
    return patch(holder.reference, [{"op": verb, "path": pointer, "value": value}], "json")


def apply_or_write(holder: ClusterObject, words: str) -> str:
    """For what no single patch can mend: the words, and on a cluster the command that brings our manifests back."""
    return words if holder.file else f"{words}\n{APPLY}"


def set_variable(workload: ClusterObject, container: Path, name: str, value: str) -> str:
    """The fix for one variable of a container's environment."""
    variable = {"name": name, "value": value}
    path: Path = (*container, "env")
    if workload.file:
        return f"under {dotted(path)} write  - {json.dumps(variable)}"
    place = next((place for place, one in workload.items(*path) if one.get("name") == name), (*path, "-"))
    return set_value(workload, place, variable) if workload.at(*path) else set_value(workload, path, [variable])


def _knative_operator(holder: ClusterObject) -> Reference | None:
    """The resource that the Knative Operator makes this ConfigMap from; it would undo a change of the ConfigMap."""
    for _, owner in holder.items("metadata", "ownerReferences"):
        if holder.kind == "ConfigMap" and owner.get("kind") == "KnativeServing":
            name = str(owner.get("name", ""))
            return Reference("operator.knative.dev/v1beta1", "KnativeServing", holder.namespace, name)
    return None
