"""What the trunks reach of a bridge: ports for its calls' audio, whose INVITEs it takes, and a certificate for TLS."""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from cluster.rules.findings import Finding, apply_or_write, fault, patch, set_variable
from cluster.rules.objects import ClusterObject, ClusterObjects, Path, Reference
from cluster.rules.product import (
    EDGE_MAX_CALLS,
    EDGE_RTP_PORT_MIN,
    EDGE_RTP_PORTS,
    POD_SPEC,
    edge,
    environment,
    first_container,
    seconds,
)

PORTS_A_CALL = 4
"""RTP and RTCP, and as many that rest for 30 s after the call before."""
EXAMPLE_NETWORK = "192.0.2.0/24"
LEAST_PREFIX = 8
"""A shorter one is more than a two hundred and fifty-sixth of the internet: no trunk's network."""
TLS_VARIABLES = ("SIP_TLS_CERT", "SIP_TLS_KEY")


def every_call_finds_its_ports(objects: ClusterObjects) -> Iterator[Finding]:
    bridge = edge(objects)
    if bridge is None:
        return
    first = seconds(objects, bridge, "RTP_PORT_MIN", EDGE_RTP_PORT_MIN)
    last = seconds(objects, bridge, "RTP_PORT_MAX", first + EDGE_RTP_PORTS - 1)
    calls = seconds(objects, bridge, "MAX_CALLS", EDGE_MAX_CALLS)
    ports, needed = last - first + 1, PORTS_A_CALL * calls
    if ports < needed:
        found = f"{max(ports, 0):g} ports from RTP_PORT_MIN to RTP_PORT_MAX, for {calls:g} calls (MAX_CALLS)"
        why = "two ports a call, and each rests for 30 s after it: an INVITE that finds none gets 503, with places free"
        container = first_container(bridge).path
        fix = set_variable(bridge, container, "RTP_PORT_MAX", f"{first + needed - 1:g}")
        fix += "\nand let them through the firewall, or name each in the Service of manifests/components/sip-node-ports"
        yield fault(bridge, (*container, "env"), found, why, fix)


def only_trunks_ring(objects: ClusterObjects) -> Iterator[Finding]:
    """SIP_PEERS, of a bridge on its node's own network, which no NetworkPolicy guards."""
    bridge = edge(objects)
    if bridge is None or bridge.at(*POD_SPEC, "hostNetwork") is not True:
        return
    known, complete = environment(objects, bridge)
    peers = known.get("SIP_PEERS", "")
    if not complete or peers is None:
        return
    container = first_container(bridge).path
    fix = f"your trunks' signalling networks in the place of {EXAMPLE_NETWORK}, which is nobody's:\n"
    fix += set_variable(bridge, container, "SIP_PEERS", EXAMPLE_NETWORK)
    if wide := [network for network in peers.split(",") if _is_wide(network)]:
        found = f"SIP_PEERS has {', '.join(one.strip() for one in wide)}, and NetworkPolicies do not apply to it"
        why = "anybody who scans the internet for SIP rings the restaurants, and takes the places of their callers"
        yield fault(bridge, (*container, "env"), found, why, fix)
    elif not peers.strip():
        why = "only trunks that a line is registered at ring; an INVITE of any other gets 403, then silence"
        yield fault(bridge, (*container, "env"), "SIP_PEERS is empty", why, fix, warning=True)


def _is_wide(network: str) -> bool:
    try:
        return ipaddress.ip_network(network.strip(), strict=False).prefixlen < LEAST_PREFIX
    except ValueError:  # the bridge itself says so, and ends
        return False


def kamailio(objects: ClusterObjects) -> ClusterObject | None:
    """The bridge, where Kamailio is in front of it."""
    bridge = edge(objects)
    if bridge is None or environment(objects, bridge)[0].get("REGISTRAR") != "kamailio":
        return None
    return bridge


def kamailio_has_its_certificate(objects: ClusterObjects) -> Iterator[Finding]:
    bridge = kamailio(objects)
    if bridge is None:
        return
    known, complete = environment(objects, bridge)
    paths = {name: known.get(name, "") for name in TLS_VARIABLES}
    container = first_container(bridge).path
    fix = apply_or_write(bridge, "add manifests/components/kamailio, and make the Secret that it names")
    if not complete or None in paths.values():
        return
    missing = [name for name, path in paths.items() if not path]
    if missing:
        none = len(missing) == len(paths)
        why = (
            "trunks can't call by TLS: what they send, numbers and names of callers too, can be read on its way"
            if none
            else "the bridge ends with status 2: one is of no use without the other"
        )
        found = f"{' and '.join(missing)}: not set"
        yield fault(bridge, (*container, "env"), found, why, fix, warning=none)
        return
    for name, path in paths.items():
        yield from _is_in_a_secret(objects, bridge, name, PurePosixPath(str(path)), fix)


def _is_in_a_secret(
    objects: ClusterObjects, bridge: ClusterObject, name: str, path: PurePosixPath, fix: str
) -> Iterator[Finding]:
    container = first_container(bridge).path
    why = "the bridge ends with status 2: no line rings"
    volume = next(
        (
            _volume(bridge, str(mount.get("name")))
            for _, mount in bridge.items(*container, "volumeMounts")
            if PurePosixPath(str(mount.get("mountPath", ""))) == path.parent
        ),
        None,
    )
    if volume is None:
        found = f"{name} is {path}, and no volume is mounted at {path.parent}"
        yield fault(bridge, (*container, "volumeMounts"), found, why, fix)
        return
    place, source = volume
    secret = source.get("secret")
    if not isinstance(secret, Mapping) or secret.get("items"):
        return
    reference = Reference("v1", "Secret", bridge.namespace, str(secret.get("secretName", "")))
    held = objects.find(reference)
    if held is not None and not any(path.name in held.mapping(part) for part in ("data", "stringData")):
        found = f"{reference} has no key {path.name}, which {name} names"
        fix = patch(reference, {"stringData": {path.name: "CHANGE-ME"}})
        yield fault(bridge, (*place, "secret"), found, why, fix)


def _volume(bridge: ClusterObject, name: str) -> tuple[Path, Mapping[str, object]] | None:
    found = bridge.items(*POD_SPEC, "volumes")
    return next(((place, volume) for place, volume in found if volume.get("name") == name), None)
