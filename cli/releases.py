"""``alloresto release``: a new Revision of the call handler, first for a share of the restaurants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.calls import STATE_DIR, StateOption
from cli.database import refusal, use_running, with_postgres

if TYPE_CHECKING:
    from ops.cluster_doctor import ClusterOptions
    from ops.releases import Handlers
    from stores.postgres import Connection
    from stores.releases import Release, Tallies

app = typer.Typer(no_args_is_help=True, help="Releases of the call handler: hold, try, share, show, promote, withdraw.")

T = TypeVar("T")
LOOK_EVERY_S = 2.0
RETURNED_STATUS = 1

ClusterOption = Annotated[bool, typer.Option("--cluster", help="On a cluster, not on what runs here.")]
KubeconfigOption = Annotated[Path | None, typer.Option(help="With --cluster; else as kubectl finds it.")]
ContextOption = Annotated[str, typer.Option(help="With --cluster: another than the kubeconfig's current one.")]
NamespaceOption = Annotated[str, typer.Option(help="With --cluster: where the call handler is.")]
ShareOption = Annotated[int, typer.Option("--share", min=1, max=100, help="Of the restaurants, in per cent.")]
DespiteOption = Annotated[bool, typer.Option("--despite-doctor", help="Whatever the doctor says of the cluster.")]


@app.command()
def hold(
    cluster: ClusterOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = "",
    namespace: NamespaceOption = "alloresto",
    state_dir: StateOption = STATE_DIR,
) -> None:
    """Keep all calls on the Revision that has them, whatever is deployed next. Needed once."""
    from ops import releases

    stable = _with_handlers(cluster, _options(kubeconfig, context, namespace), state_dir, releases.hold)
    typer.echo(f"{stable} keeps all calls; deploy, then  alloresto release try")


@app.command("try")
def begin(
    share: ShareOption = 5,
    cluster: ClusterOption = False,
    despite_doctor: DespiteOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = "",
    namespace: NamespaceOption = "alloresto",
    state_dir: StateOption = STATE_DIR,
) -> None:
    """Have the newest Revision take the calls of a share of the restaurants."""
    from ops import releases

    options = _options(kubeconfig, context, namespace)
    _ask_doctor(cluster and not despite_doctor, options)

    def decide(handlers: Handlers, connection: Connection) -> Awaitable[Release]:
        return releases.begin(handlers, connection, share)

    release = _decided(cluster, options, state_dir, decide)
    typer.echo(f"{release.candidate} takes the calls of {share} % of the restaurants, {release.stable} the others")


@app.command()
def share(per_cent: Annotated[int, typer.Argument(min=1, max=100)], state_dir: StateOption = STATE_DIR) -> None:
    """Another share for the candidate. Who is in stays in while it grows."""
    from ops import releases

    use_running(state_dir)
    release = _told(lambda: with_postgres(lambda connection: releases.share(connection, per_cent)))
    typer.echo(f"{release.candidate} takes the calls of {per_cent} % of the restaurants")


@app.command()
def show(
    watch: Annotated[bool, typer.Option("--watch", help="Until the trial is over.")] = False,
    state_dir: StateOption = STATE_DIR,
) -> None:
    """How the release stands, and what became of both Revisions' calls. Exit status 1 for one that was returned."""
    from stores import releases

    use_running(state_dir)

    async def look(connection: Connection) -> tuple[Release, Tallies] | None:
        release = await releases.latest(connection)
        return None if release is None else (release, await releases.tally(connection, release.id))

    told = ""
    while True:
        found = with_postgres(look)
        if found is None:
            typer.echo("there has been no release")
            return
        text = _in_words(*found)
        if text != told:
            typer.echo(text)
        told = text
        if not watch or found[0].state != "trial":
            break
        time.sleep(LOOK_EVERY_S)
    if found[0].state == "returned":
        raise typer.Exit(RETURNED_STATUS)


@app.command()
def promote(
    cluster: ClusterOption = False,
    despite_doctor: DespiteOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = "",
    namespace: NamespaceOption = "alloresto",
    state_dir: StateOption = STATE_DIR,
) -> None:
    """The candidate takes all calls; the Revision before it ends those that it has."""
    from ops import releases

    options = _options(kubeconfig, context, namespace)
    _ask_doctor(cluster and not despite_doctor, options)
    typer.echo(f"{_decided(cluster, options, state_dir, releases.promote).candidate} takes all calls")


@app.command()
def withdraw(state_dir: StateOption = STATE_DIR) -> None:
    """The candidate takes no calls any more; those that it has go on. Also ends the alert of a returned one."""
    from ops import releases

    use_running(state_dir)
    release = _told(lambda: with_postgres(releases.withdraw))
    typer.echo(f"{release.stable} takes all calls")


def _in_words(release: Release, tallies: Tallies) -> str:
    lines = [f"{release.candidate} is {_STATES[release.state].format(share=release.share)}"]
    if release.why:
        lines.append(f"  because {release.why}")
    for name, tally in ((release.candidate, tallies.candidate), (release.stable, tallies.stable)):
        lines.append(f"  {name}: {tally.calls} calls, {tally.failed} failed")
    return "\n".join(lines)


_STATES = {
    "trial": "on trial with {share} % of the restaurants",
    "returned": "returned: it takes no calls",
    "promoted": "promoted: it takes all calls",
    "withdrawn": "withdrawn: it takes no calls",
}


def _options(kubeconfig: Path | None, context: str, namespace: str) -> ClusterOptions:
    from ops.cluster_doctor import ClusterOptions

    return ClusterOptions(kubeconfig, context, namespace)


def _ask_doctor(wanted: bool, options: ClusterOptions) -> None:
    from ops import cluster_doctor

    if wanted and cluster_doctor.run(options):
        raise refusal("the cluster would lose calls: mend what the doctor names, or give --despite-doctor")


def _decided(
    cluster: bool,
    options: ClusterOptions,
    state_dir: Path,
    decide: Callable[[Handlers, Connection], Awaitable[Release]],
) -> Release:
    """Written in the database, in a transaction, and done to the handlers."""
    use_running(state_dir)

    async def work(handlers: Handlers) -> Release:
        return await _in_database(lambda connection: decide(handlers, connection))

    return _with_handlers(cluster, options, state_dir, work)


def _with_handlers(
    cluster: bool, options: ClusterOptions, state_dir: Path, work: Callable[[Handlers], Awaitable[T]]
) -> T:
    from cluster.client import KnativeClient
    from devstack.stack.running import read_running
    from ops.releases import ClusterHandlers, LocalHandlers

    async def on_cluster() -> T:
        async with KnativeClient(options.namespace, kubeconfig=options.kubeconfig, context=options.context) as client:
            return await work(ClusterHandlers(client))

    async def here(url: str) -> T:
        return await work(LocalHandlers(url))

    if cluster:
        return _told(lambda: asyncio.run(on_cluster()))
    running = read_running(state_dir)
    if running is None:
        raise refusal("nothing runs here: give --cluster, or start it with  make up")
    return _told(lambda: asyncio.run(here(running.runtime_url)))


async def _in_database(work: Callable[[Connection], Awaitable[T]]) -> T:
    from cli.database import DatabaseSettings
    from process.settings import load_or_exit
    from stores.postgres import Postgres

    postgres = Postgres(load_or_exit(DatabaseSettings).platform_database_url, max_size=1)
    await postgres.open(timeout_s=10.0)
    try:
        async with postgres.platform() as connection:
            return await work(connection)
    finally:
        await postgres.close()


def _told(work: Callable[[], T]) -> T:
    """What is in the way becomes one line."""
    import aiohttp

    from cluster.errors import ClusterError
    from ops.releases import ReleaseError
    from stores.postgres import PostgresUnavailableError, WrongRoleError
    from stores.releases import OnTrialError

    try:
        return work()
    except (
        ReleaseError,
        OnTrialError,
        ClusterError,
        PostgresUnavailableError,
        WrongRoleError,
        aiohttp.ClientError,
    ) as error:
        raise refusal(str(error)) from None
