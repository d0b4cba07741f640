"""The rules applied to a folder of manifests: ``alloresto doctor --manifests``, and the stack before it starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cluster.rules import (
    CALL_RULES,
    MANIFEST_RULES,
    ClusterObject,
    ClusterObjects,
    Finding,
    Rule,
    Unread,
    Verdict,
    examine,
)
from cluster.rules.objects import group_of
from cluster.rules.product import KNATIVE_NAMESPACES, OPERATOR_SECRETS, containers
from ops import doctor_report
from ops.manifests import Manifest, ManifestError, Problem, render
from ops.manifests.kinds import PARSED
from ops.manifests.parsing import parse_objects


def run(folder: Path, json_file: Path | None = None) -> int:
    """Print every finding; exit status 1 when something is refused."""
    return doctor_report.report(f"alloresto doctor: {folder}", examine_folder(folder), json_file)


def examine_folder(folder: Path) -> list[Finding]:
    """Faults in the files, then what the rules find in what they render to."""
    try:
        manifests = render(folder)
    except ManifestError as error:
        return [_as_finding(problem) for problem in error.problems]
    return [*_unknown_fields(manifests), *examine_manifests(manifests)]


def examine_manifests(manifests: Sequence[Manifest], rules: Sequence[Rule] = MANIFEST_RULES) -> list[Finding]:
    """Rendered manifests. Knative's own settings and the operator's Secrets are elsewhere, so they are not missing."""
    elsewhere = [Unread("", "", namespace) for namespace in KNATIVE_NAMESPACES]
    secrets = [
        ClusterObject(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
                "data": dict.fromkeys(keys, ""),
            }
        )
        for namespace in sorted({one.namespace for one in manifests})
        for name, keys in OPERATOR_SECRETS.items()
    ]
    return examine(ClusterObjects([*manifests, *secrets], unread=elsewhere), rules)


def lost_calls(manifests: Sequence[Manifest]) -> list[Problem]:
    """For a laptop: what is refused by the rules that are about the manifests alone, with file, field and fix."""
    found = examine_manifests(manifests, CALL_RULES)
    refused = [one for one in found if one.verdict is Verdict.REFUSED]
    return [Problem(one.what, one.field, f"{one.detail}: {one.consequence}", one.fix) for one in refused]


def _unknown_fields(manifests: Iterable[Manifest]) -> Iterator[Finding]:
    """In the kinds and fields that our own processes need, which are known by name.

    Not in what runs somebody else's image, and not in Knative's own objects, which are patched and so not whole.
    """
    groups = {group_of(api_version) for api_version, _ in PARSED}
    by_namespace: defaultdict[str, list[Manifest]] = defaultdict(list)
    for one in manifests:
        images = [str(container.value.get("image", "")) for container in containers(one)]
        ours_only = all(image.rpartition("/")[2].startswith("alloresto-") for image in images)
        if one.group in groups and one.namespace not in KNATIVE_NAMESPACES and ours_only:
            by_namespace[one.namespace].append(one)
    for together in by_namespace.values():
        _, problems = parse_objects(together)
        yield from map(_as_finding, problems)


def _as_finding(problem: Problem) -> Finding:
    return Finding(problem.where, False, problem.what, problem.fix, field=problem.field)
