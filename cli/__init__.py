"""The one command of the project: ``alloresto``. Each command is thin; the work is in the folders it imports."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    backups,
    calls,
    costs,
    evaluation,
    keys,
    letters,
    line_states,
    lines,
    monitoring,
    releases,
    slo,
    synthetic,
    tokens,
    trunks,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(calls.app, name="calls")
app.add_typer(evaluation.app, name="eval")
app.add_typer(keys.app, name="keys")
app.add_typer(letters.app, name="letters")
app.add_typer(monitoring.app, name="monitoring")
app.add_typer(releases.app, name="release")
app.add_typer(slo.app, name="slo")
app.add_typer(synthetic.app, name="synthetic")
app.add_typer(tokens.app, name="tokens")
lines.app.callback(invoke_without_command=True)(line_states.show_lines)
app.add_typer(lines.app, name="lines")
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(backups.archive)
app.command()(costs.costs)
app.command()(costs.simulate)
app.command()(costs.prewarm)

STATE_DIR = Path(".alloresto")
JsonOption = Annotated[Path | None, typer.Option("--json", help="Also write the result to this file, as JSON.")]
StateOption = Annotated[Path, typer.Option("--state-dir", help="Where the embedded servers keep their data.")]


def _require_writable(state_dir: Path) -> None:
    """End with one line when the clone is somebody else's, or an earlier run was another user's."""
    place = next(folder for folder in (state_dir.absolute(), *state_dir.absolute().parents) if folder.exists())
    if not os.access(place, os.W_OK, effective_ids=True):
        typer.echo(
            f"error: {place} belongs to {place.owner()} and you may not write to it;"
            " work in a clone of your own, or give a --state-dir of yours",
            err=True,
        )
        raise typer.Exit(1)


def main() -> None:
    app(prog_name="alloresto")


@app.command()
def demo(
    json: JsonOption = None,
    state_dir: StateOption = STATE_DIR / "demo",
    stay: Annotated[
        bool | None, typer.Option(help="Keep the admin running until Enter (default: on a terminal).")
    ] = None,
) -> None:
    """Take one spoken order over a real SIP call, from zero pods to a row in Postgres, and show every step."""
    _require_writable(state_dir)
    from devstack.demo import demo as demonstration

    raise typer.Exit(asyncio.run(demonstration.run(state_dir, json, stay)))


@app.command()
def up(
    state_dir: StateOption = STATE_DIR / "up",
    listen: Annotated[str, typer.Option(help="Address for SIP, RTP and the admin.")] = "127.0.0.1",
    sip_port: Annotated[int, typer.Option(min=0, max=65535)] = 5060,
    web_port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    tail: Annotated[bool, typer.Option(help="Follow what happens after it is up.")] = True,
    monitoring: Annotated[
        bool, typer.Option("--monitoring", help="Also start Prometheus and Alertmanager, which Debian has.")
    ] = False,
) -> None:
    """Start everything in the background, print how to call it, and follow what happens (Ctrl-C leaves it running)."""
    _require_writable(state_dir)
    from devstack.stack import service

    raise typer.Exit(
        service.up(state_dir, listen=listen, sip_port=sip_port, web_port=web_port, tail=tail, monitoring=monitoring)
    )


@app.command()
def down(state_dir: StateOption = STATE_DIR / "up") -> None:
    """Stop what ``up`` started. The data stays."""
    from devstack.stack import service

    raise typer.Exit(service.down(state_dir))


@app.command()
def call(
    say: Annotated[list[str], typer.Argument(help="What the caller says, one argument a turn.")],
    restaurant: Annotated[str, typer.Option(help="harbour (English) or margot (French).")] = "harbour",
    voice: Annotated[str, typer.Option(help="The caller's voice.")] = "am_michael",
    recording: Annotated[Path | None, typer.Option(help="Write both sides to this WAV file.")] = None,
    state_dir: StateOption = STATE_DIR / "up",
) -> None:
    """Ring a restaurant of a running ``up`` and say a few sentences, each after the answer to the one before."""
    from devstack.stack import service

    raise typer.Exit(service.call(state_dir, restaurant, say, voice=voice, recording=recording))


@app.command()
def migrate() -> None:
    """Bring the database of MIGRATE_DATABASE_URL to the newest schema."""
    from stores import migrate as migrations

    migrations.main()


@app.command()
def staff(email: Annotated[str, typer.Argument(help="An account's address; one is made where there is none.")]) -> None:
    """Let somebody into /admin, the pages of the platform's own staff; says the first password of a new account."""
    from cli import platform_staff

    typer.echo(platform_staff.make(email))


@app.command()
def seed(
    always_open: Annotated[bool, typer.Option(help="Open all day, so that a call works at any hour.")] = False,
) -> None:
    """Write the two example restaurants to the database of PLATFORM_DATABASE_URL; what exists is left as it is."""
    from seeds import loader

    raise typer.Exit(loader.main(always_open=always_open))


@app.command()
def bench(
    name: Annotated[
        str,
        typer.Argument(help="One of those that it names when it is given none."),
    ] = "",
    json: JsonOption = None,
    runs: Annotated[int, typer.Option(min=1, max=200, help="Starts from zero pods; with chaos, of each fault.")] = 12,
    faults: Annotated[
        str, typer.Option(help="With chaos: only these, with commas between. With edge: deaths of each process.")
    ] = "",
    seed: Annotated[int | None, typer.Option(help="With chaos and fuzz: what is left to chance is of this.")] = None,
    targets: Annotated[str, typer.Option(help="With fuzz: only these, with commas between.")] = "",
    seconds: Annotated[float | None, typer.Option(min=1, max=3600, help="With fuzz: at most, for each target.")] = None,
    packets: Annotated[int | None, typer.Option(min=1, max=10_000_000, help="With fuzz: the same in packets.")] = None,
    calls: Annotated[
        str, typer.Option(help="With churn and soak: how many. With edge and rtp: at once, with commas between.")
    ] = "",
    registrar: Annotated[str | None, typer.Option(help="With edge: direct, kamailio or both.")] = None,
    before: Annotated[str | None, typer.Option(help="With upgrade: the commit that is upgraded from.")] = None,
    orders: Annotated[int | None, typer.Option(min=1000, max=100_000_000, help="With old: how many.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="With old: a folder that keeps its database, to measure again the same day.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="With edge, web, old, restore: a few, to see it run.")] = False,
) -> None:
    """Measure, print the table, and say under which conditions."""
    from bench import run

    times = None
    if name == "edge":
        faults, times = "", _number("faults", faults) if faults else None
    named = {"faults": faults, "targets": targets}
    given: dict[str, object] = {option: [one for one in text.split(",") if one] for option, text in named.items()}
    given |= {"seed": seed, "seconds": seconds, "packets": packets, "registrar": registrar, "times": times}
    given |= {
        "orders": orders,
        "data": data,
        "calls": [_number("calls", one) for one in calls.split(",") if one],
        "quick": quick or None,
        "before": before,
    }
    raise typer.Exit(run(name, json, runs, **given))


def _number(option: str, text: str) -> int:
    """From 1. Raises typer.BadParameter."""
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"--{option}: {text} is no number from 1")
    return int(text)


@app.command()
def doctor(
    state_dir: StateOption = STATE_DIR / "up",
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Examine a cluster instead: which of its settings lose calls.")
    ] = False,
    kubeconfig: Annotated[Path | None, typer.Option(help="With --cluster; else as kubectl finds it.")] = None,
    context: Annotated[str, typer.Option(help="With --cluster: another than the kubeconfig's current one.")] = "",
    namespace: Annotated[str, typer.Option(help="With --cluster: where the call handler is.")] = "alloresto",
    edge_namespace: Annotated[str, typer.Option(help="With --cluster: where the edge bridge is.")] = "alloresto-edge",
    manifests: Annotated[
        Path | None, typer.Option(help="Examine a folder instead, as kubectl apply -k would take it.")
    ] = None,
    trunk: Annotated[str, typer.Option(help="Ask a SIP trunk instead: host or host:port.")] = "",
    line: Annotated[str, typer.Option(help="Ask the trunk of this line of PLATFORM_DATABASE_URL, as the line.")] = "",
    user: Annotated[str, typer.Option(help="With --trunk: also try REGISTER, with SIP_PASSWORD or from stdin.")] = "",
    auth_user: Annotated[str, typer.Option(help="With --user: digest's user, where it is another one.")] = "",
    json: JsonOption = None,
) -> None:
    """Check this machine, a cluster, a folder of manifests or a SIP trunk. Says the fix for each fault.

    Exit status: 0 nothing is wrong, 1 something is, 3 nothing that could be read is.
    """
    if sum(map(bool, (cluster, manifests, trunk, line))) > 1:
        raise typer.BadParameter("give one of --cluster, --manifests, --trunk and --line")
    if trunk or line:
        raise typer.Exit(trunks.examine(trunk, line, user, auth_user, json))
    if cluster:
        from ops import cluster_doctor

        options = cluster_doctor.ClusterOptions(kubeconfig, context, namespace, edge_namespace)
        raise typer.Exit(cluster_doctor.run(options, json))
    if manifests:
        from ops import manifest_doctor

        raise typer.Exit(manifest_doctor.run(manifests, json))
    from devstack.stack import doctor as examination

    raise typer.Exit(examination.run(state_dir, json))


@app.command()
def images(
    target: Annotated[list[str] | None, typer.Option(help="edge, functions or web; may be repeated.")] = None,
    packages: Annotated[bool, typer.Option("--packages", help="Also name the heaviest packages.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Leave each target's tree in a folder of this one.")] = None,
    json: JsonOption = None,
) -> None:
    """Make what the Dockerfile makes, without Docker: what each image adds to its base, and whether all in it starts.

    Exit status: 0 every image is whole and within its limit, 1 one is not, 2 one could not be made.
    """
    from ops.images import report

    raise typer.Exit(report.run(target or [], json, packages, keep))
