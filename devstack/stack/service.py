"""The stack as something that stays: ``alloresto up`` starts it in the background, ``down`` stops it.

The background process is ``python -m devstack.stack.service``. It writes ``running.json`` when all is up: where things
listen, and its own pid with its start time, so that ``down`` never signals a stranger that got the same pid.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
from rich.console import Console

from devstack.mail import HOST
from devstack.servers.embedded_server import EmbeddedServerError
from devstack.stack.running import FILE as RUNNING_FILE
from devstack.stack.running import Running, process_of, read_running
from devstack.stack.stack import Stack, StackError, StackOptions
from devstack.stack.timeline import follow
from devstack.stack.watched_call import ring_and_watch
from devstack.stand_ins.neighbourhood import TOKEN
from integrations.catalogue import PROVIDERS
from ops.manifests import ManifestError
from ops.monitoring.rules import RULES
from process import logs

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.1

console = Console(highlight=False)


def up(state_dir: Path, *, listen: str, sip_port: int, web_port: int, tail: bool, monitoring: bool = False) -> int:
    """Start the background process unless it runs, print how to call it, then follow it. Exit status."""
    running = read_running(state_dir)
    if running is None:
        running = _start(state_dir, listen, sip_port, web_port, monitoring)
        if running is None:
            return 1
    _introduce(running, state_dir)
    if tail:
        asyncio.run(follow(running.runtime_url, running.redis_url, console))
    return 0


def _start(state_dir: Path, listen: str, sip_port: int, web_port: int, monitoring: bool) -> Running | None:
    state_dir.mkdir(parents=True, exist_ok=True)
    log_path = state_dir / "service.log"
    arguments = ["--state-dir", str(state_dir), "--listen", listen]
    arguments += ["--sip-port", str(sip_port), "--web-port", str(web_port), *(["--monitoring"] if monitoring else [])]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack.stack.service", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    shown = 0
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        shown = _show_progress(log_path, shown)
        running = read_running(state_dir)
        if running is not None and running.pid == process.pid:
            return running
        if process.poll() is not None:
            _show_progress(log_path, shown)
            console.print(f"[red]it did not start[/]; its log is {log_path}")
            return None
        time.sleep(POLL_S)
    process.terminate()
    console.print(f"[red]not ready within {START_TIMEOUT_S:.0f} s[/]; its log is {log_path}")
    return None


def _show_progress(log_path: Path, shown: int) -> int:
    lines = [line for line in log_path.read_text(errors="replace").splitlines() if line.startswith(("· ", "error: "))]
    for line in lines[shown:]:
        console.print(line, markup=False)
    return len(lines)


def _introduce(running: Running, state_dir: Path) -> None:
    console.print(
        "\n[bold]AlloResto is up.[/] Ring it with a softphone on this machine, no registration, PCMU or PCMA:"
    )
    for line in running.lines:
        console.print(f"  {line.restaurant:<16} [bold]sip:{line.number}@{running.sip}[/]   ({line.language})")
    console.print("  the line takes calls from this machine only, so the softphone's account needs no password")
    console.print(f"Admin     {running.web_url}   {running.admin_email} / {running.admin_password}")
    console.print(f"Mail      none leaves this machine; what would be sent is in {state_dir / 'mail'}")
    console.print(f"Engine    {running.engine}")
    console.print(
        f"Stand-ins to connect under Set-up → Connections: this address, and {TOKEN} in what else is asked for",
        soft_wrap=True,
    )
    for name, address in running.stand_ins.items():
        console.print(f"  {PROVIDERS[name].label:<16} {address}", soft_wrap=True)
    if running.prometheus_url:
        console.print(f"Alerts    {running.prometheus_url}/alerts   and who would be told: {running.alertmanager_url}")
        folder = state_dir / "monitoring" / "dashboards"
        console.print(f"Grafana   is not in Debian; where you have one, import the files of {folder}", soft_wrap=True)
    command = "./alloresto call 'One large Margherita please' 'Pick up' 'My name is Anna' 'Yes'"
    console.print(f"Or from another terminal:  {command}", soft_wrap=True)  # to be copied: no line break in it
    console.print("Stop it with  make down\n")


def down(state_dir: Path) -> int:
    """Stop the background process and wait for its end. The data stays."""
    running = read_running(state_dir)
    process = process_of(running) if running else None
    if running is None or process is None:
        console.print("nothing runs")
        return 0
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while process_of(running) is not None:
        if time.monotonic() > deadline:
            console.print(f"[red]still stopping after {STOP_TIMEOUT_S:.0f} s[/]: process {process.pid}")
            return 1
        time.sleep(POLL_S)
    console.print(f"stopped; the data is in {state_dir}")
    return 0


def call(state_dir: Path, restaurant: str, say: list[str], *, voice: str, recording: Path | None) -> int:
    """Ring a line of the running stack and print what is said. Exit status 0 when the call was answered."""
    running = read_running(state_dir)
    if running is None:
        console.print("nothing runs; start it with  make up")
        return 1
    line = next((one for one in running.lines if restaurant.lower() in one.restaurant.lower()), None)
    if line is None:
        known = ", ".join(one.restaurant for one in running.lines)
        console.print(f"--restaurant {restaurant}: there is {known}")
        return 2
    return asyncio.run(ring_and_watch(running, line, say, voice=voice, recording=recording, console=console))


async def _serve(options: StackOptions) -> None:
    def tell(text: str) -> None:
        print(f"· {text}", flush=True)

    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    stack = Stack(options, tell)
    running_file = options.state_dir / RUNNING_FILE
    try:
        await stack.start()
        description = Running(
            pid=os.getpid(),
            created=psutil.Process().create_time(),
            sip=f"{options.listen}:{stack.sip_port}",
            web_url=stack.web_url,
            runtime_url=stack.runtime.admin_url,
            redis_url=stack.redis_url,
            admin_email=stack.admin_email,
            admin_password=stack.admin_password,
            engine=stack.engine.name,
            lines=stack.lines,
            platform_database_url=stack.platform_url,
            prometheus_url="" if stack.monitoring is None else stack.monitoring.prometheus_url,
            alertmanager_url="" if stack.monitoring is None else stack.monitoring.alertmanager_url,
            stand_ins=stack.neighbourhood.addresses
            | {"smtp": f"host {HOST}, port {stack.mailbox.port}, security none"},
        )
        running_file.touch(mode=0o600)
        running_file.write_bytes(msgspec.json.encode(description))
        await stop.wait()
    finally:
        running_file.unlink(missing_ok=True)
        await stack.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m devstack.stack.service")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--sip-port", type=int, required=True)
    parser.add_argument("--web-port", type=int, required=True)
    parser.add_argument("--monitoring", action="store_true")
    parser.add_argument("--rules", type=Path, default=RULES)
    options = StackOptions(**vars(parser.parse_args()))
    logs.configure("devstack")
    try:
        asyncio.run(_serve(options))
    except (StackError, EmbeddedServerError, ManifestError, ValueError) as error:
        print(f"error: {error}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
