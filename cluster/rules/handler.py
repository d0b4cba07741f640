"""The call handler's Knative Service: one call, one pod, for as long as the call lasts."""

from collections.abc import Iterator
from typing import Any

from cluster.rules.findings import Finding, apply_or_write, fault, fault_of_value, set_variable
from cluster.rules.objects import ClusterObject, ClusterObjects, Path
from cluster.rules.product import (
    ANNOTATIONS,
    HANDLER_WAIT_S,
    POD_SPEC,
    environment,
    first_container,
    handler,
    longest_call_s,
    seconds,
)

TIMEOUT_S = 3600
CLUSTER_TIMEOUT_S = 300
"""``timeoutSeconds`` where neither the Service nor the cluster says otherwise."""
ENDING_S = 60
"""Beyond the longest call: the cold start, which the timeout counts, and a polite end."""
RESPONSE_START_S = 20
SLOWEST_START_S = 8
"""Above the slowest first byte that was measured: the last of six calls at once, 7.63 s."""
FULL_DUPLEX = "features.knative.dev/http-full-duplex"
"""On the template only: it has no default in a ConfigMap."""
PROBE = {"httpGet": {"path": "/health/ready"}}


def takes_one_call_a_pod(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    path = (*POD_SPEC, "containerConcurrency")
    limit = service.at(*path)
    if limit != 1:
        found = _or_unset(limit, "no limit")
        why = "a pod in a call is given further calls; its handler refuses each with 409, and the caller waits again"
        yield fault_of_value(service, path, found, why, 1)


def lets_the_longest_call_end(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    path = (*POD_SPEC, "timeoutSeconds")
    timeout_s = service.integer(*path) or CLUSTER_TIMEOUT_S
    longest_s = longest_call_s(objects)
    if timeout_s < longest_s + ENDING_S:
        found = f"{_or_unset(service.at(*path), f'{CLUSTER_TIMEOUT_S} s')}, for calls of {longest_s:g} s (MAX_CALL_S)"
        why = (
            "a call is cut at the timeout, and the cut looks like success: 200, the text “activator request timeout”, "
            "a clean end. It counts from the arrival at the activator, and is the grace of a deleted pod, too"
        )
        yield fault_of_value(service, path, found, why, max(TIMEOUT_S, round(longest_s) + ENDING_S))
    drain_s = seconds(objects, service, "DRAIN_S", float(TIMEOUT_S))
    if drain_s < longest_s:
        found = f"DRAIN_S is {drain_s:g}, for calls of {longest_s:g} s"
        why = "scale-down deletes pods with live calls (4 of 4 runs); a handler that ends before its call cuts it"
        container = first_container(service).path
        fix = set_variable(service, container, "DRAIN_S", f"{longest_s:g}")
        yield fault(service, (*container, "env"), found, why, fix)


def never_cuts_silence(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    path = (*POD_SPEC, "idleTimeoutSeconds")
    if service is not None and service.at(*path):
        why = "cuts a silent stream, and a cold start before its first byte"
        yield fault_of_value(service, path, str(service.at(*path)), why, None)


def says_early_that_nobody_answers(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    path = (*POD_SPEC, "responseStartTimeoutSeconds")
    start_s = service.integer(*path)
    if not start_s:
        why = "at max-scale there is no early 503: silence until timeoutSeconds, then 504. It is harmless after a byte"
        yield fault_of_value(service, path, "not set", why, RESPONSE_START_S)
    elif start_s < SLOWEST_START_S:
        why = "504 before a cold start is over: the last of six calls at once had its first byte after 7.63 s"
        yield fault_of_value(service, path, str(start_s), why, RESPONSE_START_S)
    elif start_s > HANDLER_WAIT_S:
        why = f"the bridge gives the caller the fallback after {HANDLER_WAIT_S} s; the request waits on for nobody"
        yield fault_of_value(service, path, str(start_s), why, RESPONSE_START_S, warning=True)


def answers_while_it_is_asked(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    path = (*ANNOTATIONS, FULL_DUPLEX)
    value = service.at(*path)
    if str(value).lower() != "enabled":
        why = (
            "the handler's first line leaves before Knative's proxies have read the end of the request; half-duplex, "
            "they break the answer off then: 31 of 265 calls lost at least one attempt at their start, up to five in "
            "one call, and their callers waited again; with it 0 of 205"
        )
        yield fault_of_value(service, path, _or_unset(value, "Disabled"), why, "Enabled")


def starts_fast(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    path = (*POD_SPEC, "automountServiceAccountToken")
    if service.at(*path) is not False:
        why = "a cold start takes 0.99 s instead of 0.64 s to the first byte, and the pod holds a token it never needs"
        found = _or_unset(service.at(*path), "true")
        yield fault_of_value(service, path, found, why, False, warning=True)
    yield from _probe(service)


def _probe(service: ClusterObject) -> Iterator[Finding]:
    path: Path = (*first_container(service).path, "readinessProbe")
    probe: Any = service.at(*path)
    if isinstance(probe, dict) and "httpGet" in probe:
        return
    if isinstance(probe, dict) and "exec" in probe:
        why = "a pod is ready after 1.79 s instead of 1.13 s with HTTP"
        yield fault_of_value(service, path, "exec", why, PROBE, warning=True)
        return
    found = "tcpSocket" if isinstance(probe, dict) and "tcpSocket" in probe else "not set, so Knative asks the port"
    why = "a pod counts as ready once its port is open: it is given calls while it cannot take one, or shuts down"
    yield fault_of_value(service, path, found, why, PROBE)


def has_what_it_reads(objects: ClusterObjects, workload: ClusterObject, needed: tuple[str, ...]) -> Iterator[Finding]:
    """Each variable without which the process ends at once."""
    known, complete = environment(objects, workload)
    if not complete:
        return
    path = (*first_container(workload).path, "env")
    for name in needed:
        if name not in known:
            why = "the process ends with status 2 and names the variable; its pods never become ready"
            fix = apply_or_write(workload, f"add {name} as manifests/base has it")
            yield fault(workload, path, f"no {name}", why, fix)


def _or_unset(value: Any, default: str) -> str:
    return f"not set, which means {default}" if value is None else str(value)
