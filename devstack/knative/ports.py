"""Where a container's port really listens when several workloads share one host."""

from collections.abc import Mapping

from devstack.knative.plan import ContainerPlan


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
