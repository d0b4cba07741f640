"""``python -m edge_bridge``: one node. Settings come from the environment (``settings.EdgeSettings``).

The old bridge's options still work and go before the environment: ``--redis-url`` and ``--api-port`` as settings;
``--sip-domain``, ``--sip-username`` and ``--sip-password`` as the trunk account of the phone line with that
username or number.
"""

import argparse
import os
import sys

import msgspec
import uvloop

from edge_bridge.node import supervisor
from edge_bridge.settings import EdgeSettings
from process import logs, settings, telemetry


def environment_of(argv: list[str]) -> dict[str, str]:
    """The options as environment variables. Leaves with status 2 when they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m edge_bridge", description="The phone side of AlloResto.")
    parser.add_argument("--sip-domain", help="the trunk's domain, or host:port")
    parser.add_argument("--sip-username")
    parser.add_argument("--sip-password", help="better given as the variable SIP_PASSWORD: others see arguments")
    parser.add_argument("--redis-url")
    parser.add_argument("--api-port")
    given = parser.parse_args(argv)
    password = given.sip_password or os.environ.get("SIP_PASSWORD", "")
    changed: dict[str, str] = {}
    if given.redis_url:
        changed["REDIS_URL"] = given.redis_url
    if given.api_port:
        changed["API_PORT"] = given.api_port
    if given.sip_domain or given.sip_username:
        if not (given.sip_domain and given.sip_username and password):
            parser.error("--sip-domain, --sip-username and --sip-password belong together")
        line = {"domain": given.sip_domain, "username": given.sip_username, "password": password}
        changed["STATIC_LINE"] = msgspec.json.encode(line).decode()
    return changed


def main() -> None:
    os.environ.update(environment_of(sys.argv[1:]))
    logs.configure("edge-bridge")
    telemetry.configure("edge-bridge")
    config = settings.load_or_exit(EdgeSettings)
    try:
        config.check()
    except settings.SettingsError as error:
        print(error, file=sys.stderr)
        raise
    sys.exit(uvloop.run(supervisor.run(config)))


if __name__ == "__main__":
    main()
