"""Loopback ports for pods and workloads."""

import itertools
import os
import socket
from collections.abc import Mapping

from local.knative.plan import ContainerPlan

_FIRST, _LAST = 20_001, 31_999
"""Below the kernel's ephemeral range: an outgoing connection can never take a port between choice and bind."""

_candidates = itertools.cycle(range(_FIRST, _LAST + 1))
for _ in range(os.getpid() * 97 % (_LAST - _FIRST)):  # several runtimes on one machine start apart
    next(_candidates)


def free_port() -> int:
    """A TCP port that is free now; each call gives another one. RuntimeError when there is none."""
    for port in itertools.islice(_candidates, _LAST - _FIRST + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free loopback port between {_FIRST} and {_LAST}")


def actual_port(container: ContainerPlan, environment: Mapping[str, str], target: int | str | None) -> int:
    """Where a container port really listens.

    Several workloads share one host, so the environment decides: the port named ``api`` listens at ``API_PORT``,
    ``http`` also at ``PORT``; without such a variable, at its ``containerPort``. ``target`` is a name, a number
    or None for the first port.
    """
    name, number = _declared(container.ports, target)
    variables = [f"{name.upper().replace('-', '_')}_PORT"]
    if name == "http":
        variables.append("PORT")
    for variable in variables:
        if environment.get(variable, "").isdigit():
            return int(environment[variable])
    return number


def _declared(ports: Mapping[str, int], target: int | str | None) -> tuple[str, int]:
    if target is None:
        return next(iter(ports.items()), ("", 0))
    for name, number in ports.items():
        if target in (name, number):
            return name, number
    return "", int(target)
