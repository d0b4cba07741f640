"""``python -m devstack.knative``: Knative's part on a server of a small site (docs/operators/small-site.md).

It runs the functions of an overlay and nothing else: bridge, relay and admin are the server's own services, which go on
while this one is started again. Secrets come from its environment, by their keys; each function gets those that its
manifest names. ``FUNCTIONS_MAX_CALL_S=900`` is ``MAX_CALL_S=900`` for every function.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from cluster.rules.product import BROKER, HANDLER, OPERATOR_SECRETS
from devstack.knative.runtime import Runtime, StartError
from ops.manifests.manifests import Manifest, ManifestError
from ops.manifests.render import render
from process import logs
from process.settings import load_or_exit

ROOT = Path(__file__).resolve().parents[2]
KNATIVE_SETTINGS = ROOT / "manifests" / "components" / "knative-settings"
PASSED_ON = "FUNCTIONS_"
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bridge finds the call handler, the relay the Broker, and both this runtime; all on loopback.

    ``runtime_manifests`` is the overlay's folder, ``drain_s`` how many seconds handlers have to end their calls when
    it stops; a call that is cut then goes on with a handler of the next runtime. The first five are what functions
    can't do without; they are asked for here so that one line says it, and not one for each function.
    """

    database_url: str
    platform_database_url: str
    redis_url: str
    master_key: str
    openai_api_key: str

    runtime_manifests: str = str(ROOT / "manifests" / "overlays" / "site")
    runtime_port: Port = 9100
    call_handler_port: Port = 9101
    broker_port: Port = 9102
    drain_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0


def make_runtime(settings: RuntimeSettings, objects: list[Manifest], environ: Mapping[str, str]) -> Runtime:
    """Raises ManifestError, also for a Secret's key that a function needs and the environment has not."""
    passed_on = {name.removeprefix(PASSED_ON): value for name, value in environ.items() if name.startswith(PASSED_ON)}
    services = [
        one.name for one in objects if one.kind == "Service" and "serving.knative.dev" in one.body["apiVersion"]
    ]
    return Runtime(
        objects,
        images={"alloresto-functions": [sys.executable, "-m", "functions"]},
        secrets={
            name: {key: environ[key] for key in keys if environ.get(key)} for name, keys in OPERATOR_SECRETS.items()
        },
        cluster_settings=render(KNATIVE_SETTINGS),
        config_overrides=dict.fromkeys(services, passed_on),
        state_dir=None,
        working_dir=ROOT,
        admin_port=settings.runtime_port,
        service_ports={HANDLER: settings.call_handler_port},
        broker_ports={BROKER: settings.broker_port},
        stop_grace_s=settings.drain_s,
    )


async def run(settings: RuntimeSettings) -> None:
    """Until SIGTERM or SIGINT. Raises ManifestError, StartError or OSError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runtime = make_runtime(settings, render(Path(settings.runtime_manifests)), os.environ)
    await runtime.start()
    try:
        await stop.wait()
    finally:
        await runtime.stop()


def main() -> int:
    settings = load_or_exit(RuntimeSettings)
    logs.configure("runtime")
    try:
        asyncio.run(run(settings))
    except (ManifestError, StartError, OSError) as error:
        print(f"runtime: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
